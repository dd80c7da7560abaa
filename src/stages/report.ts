import type { Run } from './run.js';
import type { Scene } from './scene.js';

export async function reportStage(run: Run, _scenes: readonly Scene[]): Promise<string> {
  return run.folder.report;
}
