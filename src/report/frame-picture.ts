import type { Frame, Size } from '../frame.js';
import { mostProbable, type ProbabilityMap } from '../model/probability-map.js';
import { classMap } from './class-map.js';
import { classColours } from './colour-map.js';
import { heatMap, type Range } from './heat-map.js';
import { flatPicture, photograph } from './images.js';
import { type LegendEntry, legendOf } from './legend.js';
import { type Outline, outlineOf } from './outline.js';

/** A frame as the page shows it: encoded, so that its pixels need not be kept. */
export interface FramePicture extends Size {
  readonly scene: string;
  readonly id: string;
  /** Data URI. */
  readonly colour: string;
  readonly picks: readonly OutlinedPick[];
  readonly details?: FrameDetails | undefined;
}

export interface OutlinedPick {
  readonly rank: number;
  readonly superpixel: number;
  readonly outline: Outline;
}

/** Images are data URIs. */
export interface FrameDetails {
  readonly heat: readonly HeatMap[];
  readonly prediction?: string | undefined;
  readonly truth?: string | undefined;
  /** Classes that the prediction or the truth holds. */
  readonly legend: readonly LegendEntry[];
}

export interface HeatMap {
  readonly title: string;
  readonly image: string;
  readonly range: Range;
}

/** What the details of a frame are drawn from. */
export interface DetailSources {
  /** By superpixel id, NaN = none; each with the range that the colours of all frames share. */
  readonly heat: readonly { readonly title: string; readonly scores: Float32Array; readonly range: Range }[];
  readonly probabilities?: ProbabilityMap | undefined;
  /** By class; classes beyond are named by their number. */
  readonly classNames: readonly string[];
}

/**
 * Draws what the page shows of one frame.
 * @param ids H×W superpixel ids
 * @param picks superpixels to outline
 */
export async function drawFrame(
  frame: Frame,
  ids: Uint16Array,
  picks: readonly { readonly rank: number; readonly superpixel: number }[],
  details?: DetailSources,
): Promise<FramePicture> {
  const { scene, id, width, height } = frame;
  const outlined = picks.flatMap(({ rank, superpixel }): OutlinedPick[] => {
    const outline = outlineOf({ width, height, ids }, superpixel);
    return outline === undefined ? [] : [{ rank, superpixel, outline }];
  });
  return {
    scene,
    id,
    width,
    height,
    colour: await photograph(frame.colour, frame),
    picks: outlined,
    ...(details && { details: await drawDetails(frame, ids, details) }),
  };
}

async function drawDetails(frame: Frame, ids: Uint16Array, sources: DetailSources): Promise<FrameDetails> {
  const heat: HeatMap[] = [];
  for (const { title, scores, range } of sources.heat)
    heat.push({
      title,
      range,
      image: await flatPicture(heatMap(frame, ids, frame.depth, scores, range), frame),
    });

  const map = sources.probabilities;
  const predicted = map && mostProbable(map);
  const truth = frame.labels;
  const colours = classColours(Math.max(map?.classes ?? 0, sources.classNames.length));
  const draw = (labels: Uint8Array) => flatPicture(classMap(frame, labels, colours), frame);
  return {
    heat,
    prediction: predicted && (await draw(predicted)),
    truth: truth && (await draw(truth)),
    legend: legendOf(
      [predicted, truth].filter((labels) => labels !== undefined),
      colours,
      sources.classNames,
    ),
  };
}
