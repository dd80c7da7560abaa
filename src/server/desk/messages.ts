/** What the server tells, as its JSON has it; the page in the browser takes these types too, so that they import nothing. */

/** Of `GET /state`, and of `WS /events` with the type `state`. */
export interface LiveState {
  readonly recording: string;
  /** Of the network that looks at frames as they come: its run's name, or its folder's where that is not of a run. */
  readonly model: string;
  /** What scores say of it; a name may be of several networks, one after another. */
  readonly model_key: string;
  /** As given: `30s`, `100frames` or `scene`. */
  readonly window: string;
  readonly budget: string;
  readonly frames: {
    readonly received: number;
    readonly kept: number;
    readonly repeated: number;
    readonly refused: number;
    readonly skipped: { readonly still: number; readonly blurred: number };
    /** On disk, not taken yet; null where frames do not come by the network. */
    readonly waiting: number | null;
    readonly scored: number;
  };
  /** Frames a second, over the last ten. */
  readonly rate: { readonly received: number; readonly scored: number };
  /** From disk to scene, seconds, of the last 500 frames. */
  readonly latency: { readonly p50: number; readonly p95: number } | null;
  /** Number of the last window; 0 before the first. */
  readonly windows: number;
  /** Superpixels that people labelled. */
  readonly labels: number;
  /** That a frame came to last, first. */
  readonly scenes: readonly SceneState[];
}

export interface SceneState {
  readonly scene: string;
  readonly frames: number;
  readonly candidates: number;
  readonly newest: string | null;
  readonly is_awake: boolean;
}

/** A superpixel of a frame. */
export interface View {
  readonly frame: string;
  readonly superpixel: number;
}

export interface Candidate extends View {
  readonly pixels: number;
  readonly view_entropy: number;
  /** Key of the network that scored it. */
  readonly model: string;
}

/** A pick, with what it takes to show it. */
export interface ShownPick extends Candidate {
  readonly rank: number;
  readonly scene: string;
  readonly view_divergence: number | null;
  /** Other views of the same surface. */
  readonly views: readonly View[];
  /** Path of its picture. */
  readonly crop: string;
  /** SVG path data, pixels of the frame at working size; null where the frame cannot be read any more. */
  readonly outline: string | null;
  /** What people labelled it as; null where nobody did. */
  readonly class: string | null;
}

/** Of `GET /windows/<n>`, and of `WS /events` with the type `window`. */
export interface PickedWindow {
  readonly window: number;
  readonly picks: readonly ShownPick[];
}

/** Of `POST /windows`. */
export interface EndedWindow {
  /** Its number; null where nothing is left to ask for. */
  readonly window: number | null;
  readonly picks: number;
}

/** A superpixel that people say the class of. */
export interface GivenLabel extends View {
  readonly scene: string;
  readonly class: string;
}

export type LiveEvent =
  | { readonly type: 'labels'; readonly labels: readonly GivenLabel[] }
  | ({ readonly type: 'state' } & LiveState)
  | ({ readonly type: 'window' } & PickedWindow);
