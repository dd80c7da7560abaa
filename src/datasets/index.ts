import { UserError } from '../errors.js';
import type { Dataset } from './dataset.js';
import { matterport3d } from './matterport3d.js';
import { scannet } from './scannet.js';
import { scenenetRgbd } from './scenenet-rgbd.js';

/** The data sets of the paper, in its order. */
export const DATASETS: readonly Dataset[] = [scenenetRgbd, scannet, matterport3d];

/** @throws UserError where there is none of that name */
export function findDataset(name: string): Dataset {
  const found = DATASETS.find((dataset) => dataset.name === name);
  if (found !== undefined) return found;
  const names = DATASETS.map((dataset) => dataset.name).join(', ');
  throw new UserError(`There is no data set "${name}" to prepare: expected one of ${names}.`);
}
