/** What all views of a scene together say of one frame's pixels; H×W each. */
export interface Consensus {
  /** Frames that see the pixel's voxel, its own included; 0 without depth. */
  readonly views: Uint16Array;
  /** Most probable class of the voxel's mean distribution Q (Eq. 3), the first of equals; 0 without depth. */
  readonly label: Uint8Array;
  /** Its probability; 0 without depth. */
  readonly confidence: Float32Array;
}
