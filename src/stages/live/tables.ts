import { join } from 'node:path';
import { NumberedFiles } from '../../tables/numbered-files.js';
import { LIVE_LABELS, WINDOWS } from '../../tables/schemas.js';
import type { Run } from '../run.js';

/** What was picked, a file a window. */
export function windowTable({ folder }: Pick<Run, 'folder'>): NumberedFiles<typeof WINDOWS> {
  return new NumberedFiles(join(folder.path, WINDOWS.name), 'window', WINDOWS);
}

/** What people labelled while frames came, a file a message of theirs. */
export function liveLabelTable({ folder }: Pick<Run, 'folder'>): NumberedFiles<typeof LIVE_LABELS> {
  return new NumberedFiles(join(folder.path, LIVE_LABELS.name), 'labels', LIVE_LABELS);
}
