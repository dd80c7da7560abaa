import type { Points } from '../store/point-store.js';
import { readArrow, writeArrow } from './arrow.js';
import type { RunFolder } from './run-folder.js';
import { POINTS } from './schemas.js';

/** Writes a scene's point store. @param voxelSize metres */
export async function writePoints(
  run: RunFolder,
  scene: string,
  key: string,
  points: Points,
  voxelSize: number,
): Promise<void> {
  const axis = (k: number) => Int32Array.from(points.pixels, (_, i) => points.voxels[3 * i + k]);
  await writeArrow(
    run.sceneFile(POINTS.name, scene, 'arrow'),
    POINTS,
    key,
    points.classes,
    {
      x: axis(0),
      y: axis(1),
      z: axis(2),
      pixels: points.pixels,
      frames: points.frames,
      sum_p: points.sumP,
      sum_neg_log_p: points.sumNegLog,
    },
    { voxel_size: `${voxelSize}` },
  );
}

/** A scene's stored points; undefined where there are none, or none with this key. */
export async function readPoints(run: RunFolder, scene: string, key?: string): Promise<Points | undefined> {
  const found = await readArrow(run.sceneFile(POINTS.name, scene, 'arrow'), POINTS, key);
  if (found === undefined) return undefined;
  const { x, y, z, pixels, frames, sum_p, sum_neg_log_p } = found.columns;
  const voxels = new Int32Array(3 * x.length);
  for (let i = 0; i < x.length; i++) {
    voxels[3 * i] = x[i];
    voxels[3 * i + 1] = y[i];
    voxels[3 * i + 2] = z[i];
  }
  return { classes: found.classes, voxels, pixels, frames, sumP: sum_p, sumNegLog: sum_neg_log_p };
}
