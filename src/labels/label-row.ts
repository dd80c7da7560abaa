import type { LabelRow } from '../tables/schemas.js';
import type { Region } from './region.js';

/** What the labels table says of a region beside which one it is. */
export type Labelling = Pick<
  LabelRow,
  'pixels' | 'classes' | 'minutes' | 'clicks' | 'by' | 'round' | 'rank' | 'score'
>;

/** The row that says how a region was labelled. */
export function rowOf(region: Region, labelling: Labelling): LabelRow {
  const { scene, frame, unit } = region;
  const place = { superpixel: null, left: null, top: null, width: null, height: null };
  if (unit === 'superpixel')
    return { scene, frame, unit, ...place, superpixel: region.superpixel, ...labelling };
  if (unit === 'image') return { scene, frame, unit, ...place, ...labelling };
  const { left, top, width, height } = region;
  return { scene, frame, unit, ...place, left, top, width, height, ...labelling };
}

/** The region that a row is of. @throws Error where the row lacks what its unit needs */
export function regionOf(row: LabelRow): Region {
  const { scene, frame, unit, superpixel, left, top, width, height } = row;
  if (unit === 'image') return { scene, frame, unit };
  if (unit === 'superpixel' && superpixel !== null) return { scene, frame, unit, superpixel };
  if (unit === 'window' && left !== null && top !== null && width !== null && height !== null)
    return { scene, frame, unit, left, top, width, height };
  throw new Error(`a label of ${scene}/${frame} is of no image, window or superpixel`);
}
