import type { Region } from '../labels/region.js';
import type { Candidate } from './strategy.js';

/**
 * The order of a ranking: highest score first; of equals by scene, then frame id (both by code unit), then top and left
 * for windows, id for superpixels. No two candidates of a ranking are equal in all of these, so it does not depend on the
 * order in which they were found.
 */
export function bestFirst(a: Candidate, b: Candidate): number {
  return b.score - a.score || byPlace(a.region, b.region);
}

function byPlace(a: Region, b: Region): number {
  const byFrame = compare(a.scene, b.scene) || compare(a.frame, b.frame);
  if (byFrame !== 0) return byFrame;
  if (a.unit === 'window' && b.unit === 'window') return a.top - b.top || a.left - b.left;
  if (a.unit === 'superpixel' && b.unit === 'superpixel') return a.superpixel - b.superpixel;
  return 0;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
