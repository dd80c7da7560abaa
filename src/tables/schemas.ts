/**
 * Every stored table, its columns, their types, units and meanings: the single source for writers, readers and
 * docs/tables.md.
 *
 * Tables that people query are Parquet, one file a scene or one a run. Dense numeric ones are Arrow IPC files, one a
 * frame or one a scene, of a single record batch. All lie at `<run>/<table>/scene=<scene>/…`, so that DuckDB and
 * pandas read a whole table with one glob.
 */

interface ColumnDefinition {
  readonly type: string;
  readonly unit?: string;
  readonly meaning: string;
}

/** Types of Parquet columns; `?` marks those that may be null. */
interface ParquetTypes {
  string: string;
  'string?': string | null;
  bool: boolean;
  int: number;
  'int?': number | null;
  float: number;
  'float?': number | null;
  double: number;
  'double?': number | null;
  'double[]': readonly number[];
}

export interface ParquetColumn extends ColumnDefinition {
  readonly type: keyof ParquetTypes;
}

export interface ParquetSchema {
  readonly name: string;
  readonly rows: string;
  readonly columns: Readonly<Record<string, ParquetColumn>>;
}

/** A row of a Parquet table, as its schema says. */
export type Row<S extends ParquetSchema> = {
  readonly [K in keyof S['columns']]: ParquetTypes[S['columns'][K]['type']];
};

/** A column of lists, laid end to end. */
export interface Lists {
  /** List i is values[offsets[i]] (inclusive) to values[offsets[i + 1]] (exclusive). Length rows + 1, from 0. */
  readonly offsets: Int32Array;
  readonly values: Uint32Array;
}

/** Types of Arrow columns; `[C]` marks fixed-size lists of one value a class, `[]` lists of any length. */
export interface ArrowTypes {
  uint8: Uint8Array;
  uint16: Uint16Array;
  uint32: Uint32Array;
  int32: Int32Array;
  'uint32[]': Lists;
  'uint32[C]': Uint32Array;
  'float16[C]': Uint16Array;
}

export interface ArrowColumn extends ColumnDefinition {
  readonly type: keyof ArrowTypes;
}

export interface ArrowSchema {
  readonly name: string;
  readonly rows: string;
  readonly columns: Readonly<Record<string, ArrowColumn>>;
}

/** The columns of an Arrow table as typed arrays; `[C]` lists are flat, one value a class after another. */
export type Columns<S extends ArrowSchema> = {
  readonly [K in keyof S['columns']]: ArrowTypes[S['columns'][K]['type']];
};

const scene = { type: 'string', meaning: 'scene name' } as const;
const frame = { type: 'string', meaning: 'frame id, unique within its scene' } as const;

export const FRAMES = {
  name: 'frames',
  rows: 'one a frame of the recording, used or not; camera and time are null where it could not be read; one file a scene',
  columns: {
    scene,
    frame,
    timestamp: {
      type: 'double?',
      unit: 's',
      meaning: "time on the recording's clock; the frame's index where it has none",
    },
    used: { type: 'bool', meaning: 'false where the frame could not be used' },
    reason: { type: 'string?', meaning: 'why the frame was skipped, with its file' },
    trained: { type: 'bool', meaning: 'its labels were trained on, so nothing of it is selected' },
    validation: {
      type: 'bool',
      meaning: 'its labels chose among networks while training, so nothing of it is selected',
    },
    width: { type: 'int', unit: 'pixels', meaning: 'working width' },
    height: { type: 'int', unit: 'pixels', meaning: 'working height' },
    fx: { type: 'double?', unit: 'pixels', meaning: 'focal length, horizontal, at working size' },
    fy: { type: 'double?', unit: 'pixels', meaning: 'focal length, vertical' },
    cx: {
      type: 'double?',
      unit: 'pixels',
      meaning: 'principal point, horizontal; pixel centres at integers',
    },
    cy: { type: 'double?', unit: 'pixels', meaning: 'principal point, vertical' },
    camera_to_world: {
      type: 'double[]',
      unit: 'm',
      meaning: '4×4 pose, row-major, OpenCV axes (x right, y down, z forward)',
    },
    depth_pixels: { type: 'int', unit: 'pixels', meaning: 'pixels with depth' },
  },
} as const satisfies ParquetSchema;

export const SCORES = {
  name: 'scores',
  rows: 'one a superpixel of every used frame; one file a scene',
  columns: {
    scene,
    frame,
    superpixel: { type: 'int', meaning: 'superpixel id within its frame' },
    pixels: { type: 'int', unit: 'pixels', meaning: 'all pixels of the superpixel' },
    scored_pixels: {
      type: 'int',
      unit: 'pixels',
      meaning: 'pixels with depth, the ones that the scores average',
    },
    view_entropy: { type: 'float?', unit: 'nats', meaning: 'VE of Eq. 6; null without scored pixels' },
    view_divergence: { type: 'float?', unit: 'nats', meaning: 'VD of Eq. 7; null without scored pixels' },
    views: {
      type: 'float?',
      unit: 'frames',
      meaning: 'mean number of frames that see a scored pixel, its own included',
    },
  },
} as const satisfies ParquetSchema;

const selectionColumns = {
  scene,
  frame,
  superpixel: { type: 'int', meaning: 'superpixel to label, id within its frame' },
  pixels: { type: 'int', unit: 'pixels', meaning: 'its pixels' },
  view_entropy: { type: 'float', unit: 'nats', meaning: 'its view entropy' },
  view_divergence: {
    type: 'float',
    unit: 'nats',
    meaning: 'its view divergence, the highest of its overlapping set (Eq. 9)',
  },
  trigger_frame: {
    type: 'string',
    meaning: 'frame of the superpixel whose view entropy was highest (Eq. 8)',
  },
  trigger_superpixel: { type: 'int', meaning: 'that superpixel' },
  trigger_entropy: { type: 'float', unit: 'nats', meaning: 'its view entropy; ranks descend by it' },
  overlap_set: {
    type: 'int',
    unit: 'superpixels',
    meaning: 'candidates that show the same surface, the pick included; none of them is asked for again',
  },
} as const;

export const PICKS = {
  name: 'picks',
  rows: 'one a pick of a scene on its own, best first, as far as the budget could reach; one file a scene',
  columns: selectionColumns,
} as const satisfies ParquetSchema;

export const SELECTIONS = {
  name: 'selections',
  rows: "one a superpixel to label, best first: the scenes' picks merged until the budget is met; one file a run",
  columns: { rank: { type: 'int', meaning: '1 = label this first' }, ...selectionColumns },
} as const satisfies ParquetSchema;

export const WINDOWS = {
  name: 'windows',
  rows: 'one a superpixel to label, best first; one file a window of a live run',
  columns: {
    window: { type: 'int', meaning: 'number of the window in the run, from 1' },
    rank: { type: 'int', meaning: '1 = label this first' },
    ...selectionColumns,
    model: {
      type: 'string',
      meaning: 'digest of the network that made the probabilities of the frame, and of its options',
    },
  },
} as const satisfies ParquetSchema;

export const LIVE_LABELS = {
  name: 'live_labels',
  rows: 'one a superpixel that a person labelled while frames came, in order of labelling; one file a message of labels',
  columns: {
    scene,
    frame,
    superpixel: { type: 'int', meaning: 'superpixel id within its frame' },
    label: { type: 'int', meaning: 'its class, a place in the list of classes of the network' },
    class: { type: 'string', meaning: "that class's name" },
  },
} as const satisfies ParquetSchema;

export const HISTORY = {
  name: 'history',
  rows: 'one a training step; one file a run',
  columns: {
    step: { type: 'int', meaning: 'steps done' },
    epoch: { type: 'int', meaning: 'passes through the training frames begun, from 1' },
    learning_rate: { type: 'float', meaning: 'learning rate of the step' },
    loss: { type: 'float', unit: 'nats', meaning: "mean cross-entropy over the batch's labelled pixels" },
  },
} as const satisfies ParquetSchema;

export const VALIDATION = {
  name: 'validation',
  rows: 'one a validation while training; one file a run, empty where no frame is held out for it',
  columns: {
    step: { type: 'int', meaning: 'steps done' },
    epoch: { type: 'int', meaning: 'passes through the training frames done' },
    miou: {
      type: 'float?',
      meaning: 'mean IoU on the validation frames, in [0, 1]; null if none is labelled',
    },
    pixel_accuracy: { type: 'float?', meaning: 'share of their labelled pixels predicted right' },
    best: { type: 'bool', meaning: 'the best mIoU so far: its network is kept' },
  },
} as const satisfies ParquetSchema;

const split = {
  type: 'string',
  meaning:
    'trained: frames whose labels were trained on; validation: frames that chose among networks; pool: the other labelled frames',
} as const;

/** A double, as the labelled pixels of a large recording pass 2³¹: 28 000 frames of 320×240. */
const labelledPixels = { type: 'double', unit: 'pixels' } as const;

export const METRICS = {
  name: 'metrics',
  rows: 'one a metric, or a metric and class; one file a run',
  columns: {
    split,
    metric: {
      type: 'string',
      meaning:
        'of the whole: miou (mean IoU), pixel_accuracy, mean_class_accuracy, frequency_weighted_iou, expected_calibration_error, negative_log_likelihood, brier_score; of a class: iou, class_accuracy. Means over classes leave out those without a true pixel',
    },
    class: { type: 'string?', meaning: 'class name, for iou and class_accuracy' },
    value: {
      type: 'float?',
      meaning:
        'in [0, 1]; negative_log_likelihood in nats, brier_score in [0, 2]; null for a class that the ground truth lacks, and without a labelled pixel',
    },
    frames: { type: 'int', unit: 'frames', meaning: 'labelled frames measured on' },
    pixels: {
      ...labelledPixels,
      meaning: 'labelled pixels measured on; of the class, for iou and class_accuracy',
    },
  },
} as const satisfies ParquetSchema;

export const FRAME_METRICS = {
  name: 'frame_metrics',
  rows: 'one a labelled frame measured on; one file a run',
  columns: {
    split,
    scene,
    frame,
    pixels: { ...labelledPixels, meaning: 'its labelled pixels' },
    pixel_accuracy: {
      type: 'float?',
      meaning: 'share of them predicted right, in [0, 1]; null if there are none',
    },
    miou: {
      type: 'float?',
      meaning: 'mean IoU over the classes that its ground truth holds, in [0, 1]; null if it holds none',
    },
  },
} as const satisfies ParquetSchema;

export const CONFUSION = {
  name: 'confusion',
  rows: 'one a pair of true and predicted class that some pixel has; one file a run',
  columns: {
    split,
    truth: { type: 'string', meaning: 'name of the true class' },
    predicted: { type: 'string', meaning: 'name of the most probable class' },
    pixels: { ...labelledPixels, meaning: 'labelled pixels of the one predicted as the other' },
  },
} as const satisfies ParquetSchema;

export const CALIBRATION = {
  name: 'calibration',
  rows: 'one a bin of the top probability, 15 of equal width a split; one file a run',
  columns: {
    split,
    bin: { type: 'int', meaning: '0 to 14, ascending' },
    lower: { type: 'double', meaning: 'top probabilities in the bin are above this' },
    upper: { type: 'double', meaning: 'and at most this' },
    pixels: { ...labelledPixels, meaning: 'labelled pixels in the bin' },
    confidence: { type: 'float?', meaning: 'their mean top probability; null without any' },
    accuracy: { type: 'float?', meaning: 'share of them predicted right; null without any' },
  },
} as const satisfies ParquetSchema;

const roundColumns = {
  strategy: { type: 'string', meaning: 'what chose the regions, as given to --strategy' },
  seed: { type: 'int', meaning: 'seed of the run: seed set, training and every draw depend on it' },
  round: { type: 'int', meaning: '0: trained on the seed set' },
} as const;

const share = (meaning: string) => ({ type: 'double', meaning }) as const;

export const LABELS = {
  name: 'labels',
  rows: 'one a region that a person labelled before the round trained, in order of labelling; one file a round',
  columns: {
    scene,
    frame,
    unit: { type: 'string', meaning: 'what was labelled in one go: image, window or superpixel' },
    superpixel: { type: 'int?', meaning: 'superpixel id within its frame; null for other units' },
    left: { type: 'int?', unit: 'pixels', meaning: 'first column of a window; null for other units' },
    top: { type: 'int?', unit: 'pixels', meaning: 'first row of a window' },
    width: { type: 'int?', unit: 'pixels', meaning: 'width of a window' },
    height: { type: 'int?', unit: 'pixels', meaning: 'height of a window' },
    pixels: { type: 'int', unit: 'pixels', meaning: 'pixels that it added to what was labelled' },
    classes: { type: 'int', meaning: 'distinct classes that the label has there (paper, Fig. 8)' },
    minutes: { type: 'double', unit: 'min', meaning: 'time that a person takes for it (paper, §4.3)' },
    clicks: { type: 'double', unit: 'clicks', meaning: 'the same in superpixels labelled by one click each' },
    by: { type: 'string', meaning: 'who labelled it: seed set, or the name of the annotator' },
    round: { type: 'int', meaning: 'first round that trained on it' },
    rank: {
      type: 'int?',
      meaning: 'its place among those selected for that round, from 1; null in the seed set',
    },
    score: {
      type: 'double?',
      meaning: 'what the strategy ranked it by, in its own unit; null in the seed set',
    },
  },
} as const satisfies ParquetSchema;

export const ROUNDS = {
  name: 'rounds',
  rows: 'one a round of a run: what it trained on, what that cost, how good the network was; one file a run',
  columns: {
    ...roundColumns,
    labelled_pixels: { type: 'double', unit: 'pixels', meaning: 'pixels that people labelled' },
    labelled_share: share('the same of all pixels of the pool, in [0, 1]'),
    regions: { type: 'int', meaning: 'regions that people labelled, images of the seed set included' },
    minutes: { type: 'double', unit: 'min', meaning: 'time that it took them (paper, §4.3)' },
    clicks: { type: 'double', unit: 'clicks', meaning: 'the same in superpixels labelled by one click each' },
    effort: share('that time over the time for labelling the whole pool image by image (paper, Fig. 9)'),
    carried_pixels: {
      type: 'double',
      unit: 'pixels',
      meaning: 'pixels with a label carried from another view',
    },
    pseudo_pixels: { type: 'double', unit: 'pixels', meaning: "pixels with a label of the network's own" },
    miou: {
      type: 'double?',
      meaning: 'mean IoU on the test frames, in [0, 1]; null if no pixel is labelled',
    },
    pixel_accuracy: { type: 'double?', meaning: 'share of their labelled pixels predicted right' },
    mean_class_accuracy: { type: 'double?', meaning: 'that share in each class, averaged over the classes' },
    test_frames: { type: 'int', unit: 'frames', meaning: 'frames measured on, none of them in the pool' },
  },
} as const satisfies ParquetSchema;

export const RUNS = {
  name: 'runs',
  rows: 'one a run of a comparison, a strategy and a seed; strategy full is training on all labels; one file a comparison',
  columns: {
    strategy: roundColumns.strategy,
    seed: roundColumns.seed,
    rounds: { type: 'int', meaning: 'rounds of selection that it was to have' },
    finished: { type: 'bool', meaning: 'it had them, or nothing was left to label' },
    reason: { type: 'string?', meaning: 'what went wrong when it was run last; null where nothing did' },
  },
} as const satisfies ParquetSchema;

const shareOverSeeds = (meaning: string) => ({ type: 'double?', meaning }) as const;

export const COMPARISON = {
  name: 'comparison',
  rows: 'one a strategy, best first; means, least and most are over its seeds; one file a comparison',
  columns: {
    rank: { type: 'int', meaning: '1 = fewest labels for 95 % of full training; ties by area' },
    strategy: roundColumns.strategy,
    title: { type: 'string', meaning: 'the same in words' },
    unit: { type: 'string', meaning: 'what is labelled in one go: image, window or superpixel' },
    seeds: { type: 'int', meaning: 'seeds with at least one round' },
    unfinished: { type: 'int', meaning: 'runs that failed or did not get to their last round' },
    reached: { type: 'int', meaning: 'seeds that reached 95 % of full training' },
    labels: shareOverSeeds(
      'labelled share at which they first did, on straight lines between rounds; null if none',
    ),
    labels_min: shareOverSeeds('least of these'),
    labels_max: shareOverSeeds('most of these'),
    labels_within: shareOverSeeds('share up to which all the others did not; null if there are no others'),
    effort: shareOverSeeds('likewise, in effort (see rounds)'),
    effort_min: shareOverSeeds('least of these'),
    effort_max: shareOverSeeds('most of these'),
    effort_within: shareOverSeeds('effort up to which all the others did not'),
    area: shareOverSeeds(
      'area under mIoU by labelled share, over the shares that all finished runs span, divided by their width; null where no seed spans them',
    ),
    area_min: shareOverSeeds('least of these'),
    area_max: shareOverSeeds('most of these'),
    gain: shareOverSeeds("mIoU minus rand's of the same seed, at the last share that all finished runs span"),
    gain_deviation: shareOverSeeds('its standard deviation over seeds; null for fewer than two'),
    gain_seeds: { type: 'int', meaning: 'seeds that both have there' },
    last_round: { type: 'int?', meaning: 'last round with a known mIoU' },
    labelled_share: shareOverSeeds('its labelled share'),
    miou: shareOverSeeds('its mIoU'),
    miou_min: shareOverSeeds('least of these'),
    miou_max: shareOverSeeds('most of these'),
    miou_seeds: { type: 'int', meaning: 'seeds whose mIoU is known in that round' },
  },
} as const satisfies ParquetSchema;

export const REGION_CLASSES = {
  name: 'region_classes',
  rows: 'one a strategy and number of distinct classes in a region that it selected (paper, Fig. 8); one file a comparison',
  columns: {
    strategy: roundColumns.strategy,
    classes: { type: 'int', meaning: 'distinct classes that the label of a region has' },
    regions: { type: 'int', meaning: 'regions with so many, all seeds together, without the seed set' },
    share: share("the same of all the strategy's regions"),
  },
} as const satisfies ParquetSchema;

export const TRAINING_LABELS = {
  name: 'training_labels',
  rows: 'one a pixel, in raster order; one file a frame of a round that has labels',
  columns: {
    label: { type: 'uint8', meaning: 'class trained on; 255 = none (paper, Fig. 6)' },
    origin: {
      type: 'uint8',
      meaning: '0 none, 1 a person, 2 carried from another view, 3 the network itself',
    },
  },
} as const satisfies ArrowSchema;

export const SUPERPIXELS = {
  name: 'superpixels',
  rows: 'one a pixel, in raster order; one file a frame',
  columns: { superpixel: { type: 'uint16', meaning: 'superpixel id, 0 to count − 1' } },
} as const satisfies ArrowSchema;

export const PROBABILITIES = {
  name: 'probabilities',
  rows: 'one a pixel, in raster order; one file a frame',
  columns: {
    probability: {
      type: 'float16[C]',
      meaning: 'class probabilities: the mean over the dropout draws (Eq. 1)',
    },
  },
} as const satisfies ArrowSchema;

const incidenceKeyColumns = {
  superpixel: { type: 'uint16', meaning: 'superpixel id within its frame' },
  voxel: {
    type: 'uint32',
    meaning: "number of the voxel among the frame's own, by first appearance in a raster scan",
  },
  x: { type: 'int32', unit: 'voxels', meaning: 'voxel coordinate: floor(world x / voxel size)' },
  y: { type: 'int32', unit: 'voxels', meaning: 'likewise' },
  z: { type: 'int32', unit: 'voxels', meaning: 'likewise' },
  ray: {
    type: 'uint8',
    meaning:
      'neighbour one voxel further along the viewing ray: (i + 1) · 9 + (j + 1) · 3 + (k + 1) for offset i, j, k',
  },
} as const;

export const FOOTPRINTS = {
  name: 'footprints',
  rows: "one a superpixel and voxel, sorted by superpixel: where a frame's pixels lie, whatever the network; one file a frame, whose metadata `frame` holds the frame's row",
  columns: {
    ...incidenceKeyColumns,
    pixel: {
      type: 'uint32[]',
      meaning:
        'pixels of the superpixel in the voxel, at least one, ascending: row of the image × width + column',
    },
  },
} as const satisfies ArrowSchema;

export const INCIDENCES = {
  name: 'incidences',
  rows: "one a superpixel and voxel, sorted by superpixel; one file a frame, whose metadata `frame` holds the frame's row",
  columns: {
    ...incidenceKeyColumns,
    pixels: { type: 'uint32', unit: 'pixels', meaning: 'pixels of the superpixel in the voxel' },
    sum_p: { type: 'uint32[C]', unit: '2⁻¹⁴', meaning: 'Σ P over these pixels' },
    sum_neg_log_p: { type: 'uint32[C]', unit: '2⁻¹⁰ nats', meaning: 'Σ −log P' },
    sum_entropy: { type: 'uint32', unit: '2⁻¹² nats', meaning: 'Σ Σ_c −P log P' },
  },
} as const satisfies ArrowSchema;

export const POINTS = {
  name: 'points',
  rows: 'one a voxel that was seen, sorted by x, y, z: the point store; one file a scene',
  columns: {
    x: { type: 'int32', unit: 'voxels', meaning: 'voxel coordinate: floor(world x / voxel size)' },
    y: { type: 'int32', unit: 'voxels', meaning: 'likewise' },
    z: { type: 'int32', unit: 'voxels', meaning: 'likewise' },
    pixels: { type: 'uint32', unit: 'pixels', meaning: 'pixels seen in the voxel, n' },
    frames: { type: 'uint32', unit: 'frames', meaning: 'frames that saw it' },
    sum_p: { type: 'uint32[C]', unit: '2⁻¹⁴', meaning: 'Σ P over these pixels' },
    sum_neg_log_p: { type: 'uint32[C]', unit: '2⁻¹⁰ nats', meaning: 'Σ −log P' },
  },
} as const satisfies ArrowSchema;

export type LabelRow = Row<typeof LABELS>;
export type RoundRow = Row<typeof ROUNDS>;
export type RunRow = Row<typeof RUNS>;
export type ComparisonRow = Row<typeof COMPARISON>;
export type RegionClassRow = Row<typeof REGION_CLASSES>;
export type FrameRow = Row<typeof FRAMES>;
export type ScoreRow = Row<typeof SCORES>;
export type PickRow = Row<typeof PICKS>;
export type SelectionRow = Row<typeof SELECTIONS>;
export type WindowRow = Row<typeof WINDOWS>;
export type LiveLabelRow = Row<typeof LIVE_LABELS>;
export type HistoryRow = Row<typeof HISTORY>;
export type ValidationRow = Row<typeof VALIDATION>;
export type MetricRow = Row<typeof METRICS>;
export type FrameMetricRow = Row<typeof FRAME_METRICS>;
export type ConfusionRow = Row<typeof CONFUSION>;
export type CalibrationRow = Row<typeof CALIBRATION>;

export const PARQUET_TABLES: readonly ParquetSchema[] = [
  FRAMES,
  SCORES,
  PICKS,
  SELECTIONS,
  WINDOWS,
  LIVE_LABELS,
  HISTORY,
  VALIDATION,
  METRICS,
  FRAME_METRICS,
  CONFUSION,
  CALIBRATION,
  LABELS,
  ROUNDS,
  RUNS,
  COMPARISON,
  REGION_CLASSES,
];
export const ARROW_TABLES: readonly ArrowSchema[] = [
  SUPERPIXELS,
  PROBABILITIES,
  FOOTPRINTS,
  INCIDENCES,
  POINTS,
  TRAINING_LABELS,
];
