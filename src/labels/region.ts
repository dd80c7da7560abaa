/** What a person labels at a time: a whole image, a rectangular window, or a superpixel. */
export type Unit = 'image' | 'window' | 'superpixel';

interface InFrame {
  readonly scene: string;
  /** Frame id, unique within its scene. */
  readonly frame: string;
}

/** Part of a frame that is labelled in one go. */
export type Region =
  | (InFrame & { readonly unit: 'image' })
  | (InFrame & {
      readonly unit: 'window';
      /** First column and row, inclusive; the window lies within the frame. */
      readonly left: number;
      readonly top: number;
      readonly width: number;
      readonly height: number;
    })
  | (InFrame & { readonly unit: 'superpixel'; readonly superpixel: number });
