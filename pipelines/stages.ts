import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { concatMap, ignoreElements, lastValueFrom, of } from 'rxjs';
import { UserError } from '../src/errors.js';
import { MODEL_FILE } from '../src/model/checkpoint.js';
import { pull } from '../src/operators/pull.js';
import { inferScene } from '../src/stages/infer.js';
import { measureStage } from '../src/stages/measure.js';
import { observeScene } from '../src/stages/observe.js';
import { reportStage } from '../src/stages/report.js';
import type { Run } from '../src/stages/run.js';
import { listScenes } from '../src/stages/scene.js';
import { scoreScene } from '../src/stages/score.js';
import {
  hasOwnMaps,
  networkMaps,
  ownMapsOnly,
  type ProbabilitySource,
  segmentation,
  storedNetworkMaps,
} from '../src/stages/segmentation.js';
import { writeSelections } from '../src/stages/select.js';
import type { SelectionRow } from '../src/tables/schemas.js';
import { scenePicks, selectAll } from './replay.js';

/** The stages of a replay one at a time, each from what the ones before it stored in the run folder. */

/** Writes the probability map of every frame. */
export async function infer(run: Run): Promise<void> {
  const source = await networkMaps(run, modelFolder(run));
  const progress = run.monitor.begin('infer', run.recording.frames.length, 'frames');
  try {
    const scenes = await listScenes(run, source.key);
    for (const scene of scenes) await inferScene(run, scene, source, progress);
  } finally {
    progress.end();
    await source.close();
  }
}

/** Cuts superpixels, fills the point stores and scores, from stored probability maps or the user's own. */
export async function score(run: Run): Promise<void> {
  const source = await storedMaps(run);
  const progress = run.monitor.begin('score', run.recording.frames.length, 'frames');
  const scored = pull(await listScenes(run, source.key), 1, (scene) =>
    of(scene).pipe(
      concatMap((each) => observeScene(run, each, segmentation(run, each, source), progress)),
      concatMap((each) => scoreScene(run, each)),
      ignoreElements(),
    ),
  );
  await lastValueFrom(scored, { defaultValue: undefined });
  progress.end();
}

/** Selects superpixels to label; scores first whatever is not scored. */
export async function select(run: Run): Promise<readonly SelectionRow[]> {
  const source = await storedMaps(run);
  const progress = run.monitor.begin('select', run.recording.frames.length, 'frames');
  const scenes = await listScenes(run, source.key);
  const selections = await lastValueFrom(scenePicks(run, scenes, source, progress).pipe(selectAll(run)));
  progress.end();
  await writeSelections(run, scenes, selections);
  return selections;
}

/** Writes report.html over what is stored, and the metrics behind it. @returns its path */
export async function report(run: Run): Promise<string> {
  const scenes = await listScenes(run, (await storedMaps(run)).key);
  return reportStage(run, scenes, await measureStage(run, scenes));
}

async function storedMaps(run: Run): Promise<ProbabilitySource> {
  if (await hasOwnMaps(run)) return ownMapsOnly(run);
  return storedNetworkMaps(run, modelFolder(run));
}

/** The network that a run infers with: the one given as an option, or its own. @throws UserError where it has none */
function modelFolder(run: Run): string {
  const { model } = run.options;
  if (model === null && !existsSync(join(run.folder.modelFolder, MODEL_FILE)))
    throw new UserError(
      `${run.folder.path} has no network yet: run viewal train first, or give --model <folder>.`,
    );
  return model ?? run.folder.modelFolder;
}
