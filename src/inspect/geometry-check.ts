import { AS_READ, type Correction, changes, correctedPose } from '../sources/correction.js';
import { type Agreement, carry, NOTHING, sum } from './agreement.js';
import { HYPOTHESES } from './hypotheses.js';
import { choosePairs } from './pairs.js';
import type { View } from './view.js';

/** What came of a hypothesis. */
export interface Tried extends Agreement {
  readonly correction: Correction;
  /** Pairs of views that overlap under it. */
  readonly pairs: number;
  /** The share of points that agree, in [0, 1]. */
  readonly score: number;
}

export interface GeometryCheck {
  /**
   * `fits`: as read, no other convention is much better. `wrong`: another is. `unknown`: no two views overlap, or
   * they agree under no convention.
   */
  readonly verdict: 'fits' | 'wrong' | 'unknown';
  readonly asRead: Tried;
  /** The hypothesis to believe in: `asRead` where that fits. */
  readonly best: Tried;
  /** Others that fit almost as well as the best, which this recording cannot tell it from. */
  readonly rivals: readonly Tried[];
  /** All, as read first. */
  readonly tried: readonly Tried[];
  /** How near to the other view's depth a point must lie to agree, metres as read. */
  readonly tolerance: number;
}

/** Of the typical depth, so that the measure is the same whatever the scale: 5 cm where surfaces lie 2 m away. */
const TOLERANCE = 0.025;
/** A hypothesis under which fewer points can be tested than this share of what another tests counts the rest as wrong. */
const LEAST_TESTED = 0.1;
/** What fits scores at least this. */
const LEAST_SCORE = 0.35;
/** Hypotheses that score this share of the best fit as well as can be told, … */
const FITS = 0.8;
/** … and of those that score this share of it, the one that changes least is believed. */
const SAME = 0.97;
/** Fewer points tested are no evidence. */
const LEAST_POINTS = 500;

/**
 * Finds out whether the depth of views, carried into each other by their poses, lies on the surfaces that they see
 * there, as read and under every other convention.
 *
 * A hypothesis scores the share of carried points whose depth agrees with the other view's, among those that lie in
 * front of its camera, in its picture and where it has depth. Points hidden behind what the other view sees count as
 * disagreeing, alike for all; so do those that a hypothesis cannot test since it sees little or no overlap, up to a
 * tenth of what the best-tested one tests: a few lucky points are not enough.
 *
 * @param views frames spread over the recording, some of each scene near to each other
 */
export function checkGeometry(views: readonly View[]): GeometryCheck {
  const tolerance = TOLERANCE * typicalDepth(views);
  const tried = scored(tryEach(views, tolerance));
  const asRead = tried[0]!;
  const top = tried.reduce((best, one) => (one.score > best.score ? one : best));
  const best =
    asRead.score >= FITS * top.score
      ? asRead
      : tried
          .filter(({ score }) => score >= SAME * top.score)
          .sort((a, b) => changes(a.correction) - changes(b.correction) || b.score - a.score)[0]!;
  const known = best.score >= LEAST_SCORE && best.tested >= LEAST_POINTS;
  return {
    verdict: known ? (best === asRead ? 'fits' : 'wrong') : 'unknown',
    asRead,
    best: known ? best : asRead,
    rivals: known ? tried.filter((one) => one !== best && one.score >= FITS * best.score) : [],
    tried,
    tolerance,
  };
}

/** Scores hypotheses against each other. */
export function scored<T extends Pick<Agreement, 'tested' | 'agreeing'>>(
  found: readonly T[],
): (T & { readonly score: number })[] {
  const most = Math.max(...found.map(({ tested }) => tested));
  return found.map((one) => ({
    ...one,
    score: one.agreeing / Math.max(one.tested, LEAST_TESTED * most, 1),
  }));
}

function tryEach(views: readonly View[], tolerance: number): Omit<Tried, 'score'>[] {
  const ways = new Map<string, { poses: Float64Array[]; pairs: ReturnType<typeof choosePairs> }>();
  return HYPOTHESES.map((correction) => {
    // Whether depth is along the ray hardly changes what overlaps.
    const key = `${correction.poses} ${correction.axes} ${correction.depthFactor}`;
    let way = ways.get(key);
    if (way === undefined) {
      const poses = views.map(({ pose }) => correctedPose(pose, correction));
      way = { poses, pairs: choosePairs(views, poses, correction) };
      ways.set(key, way);
    }
    const { poses, pairs } = way;
    let total = NOTHING;
    const how = { ...correction, tolerance };
    for (const [i, j] of pairs) {
      total = sum(total, carry(views[i]!, poses[i]!, views[j]!, poses[j]!, how));
      total = sum(total, carry(views[j]!, poses[j]!, views[i]!, poses[i]!, how));
    }
    return { correction, pairs: pairs.length, ...total };
  });
}

/** The median, as read, of the points that are carried. */
function typicalDepth(views: readonly View[]): number {
  const depths = Float32Array.from(
    views.flatMap(({ pixels, depth }) => Array.from(pixels, (i) => depth[AS_READ.depth][i])),
  ).sort();
  return depths[Math.floor(depths.length / 2)] ?? 0;
}

/** What is wrong, or that nothing is, in one sentence. */
export function sayVerdict({ verdict, best, asRead, tried }: GeometryCheck): string {
  const others = tried.filter((one) => one !== best);
  const runnerUp = Math.max(...others.map(({ score }) => score));
  const testable = Math.max(...tried.map(({ tested }) => tested));
  if (verdict === 'fits')
    return `Geometry fits as read: ${whole(best.score)} of points agree with what another view sees there, at most ${whole(runnerUp)} any other way.`;
  if (verdict === 'wrong')
    return `${look(best.correction)}: ${whole(best.score)} of points agree that way, ${whole(asRead.score)} as read.`;
  if (testable < LEAST_POINTS)
    return 'Geometry cannot be checked: no two of the views looked at show the same surface, whatever the convention.';
  return `Geometry fits under no convention: ${whole(asRead.score)} of points agree as read, at most ${whole(runnerUp)} any other way; poses, intrinsics or depth are wrong, or belong to other frames.`;
}

function look({ poses, axes, depthFactor, depth }: Correction): string {
  const times = depthFactor > 1 ? depthFactor : 1 / depthFactor;
  const parts = [
    ...(poses === 'world-to-camera' ? ['poses look like world→camera'] : []),
    ...(axes === 'opengl' ? ["camera axes look like OpenGL's (y up, z backward)"] : []),
    ...(depthFactor === 1
      ? []
      : [`depth looks ${Number(times.toPrecision(5))} times too ${depthFactor > 1 ? 'small' : 'great'}`]),
    ...(depth === 'ray' ? ['depth looks like the length of the ray instead of z'] : []),
  ];
  const text = parts.join(', ').replace(/, ([^,]*)$/, ' and $1');
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const whole = (share: number) => `${Math.round(100 * share)} %`;
