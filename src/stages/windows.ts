import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isMissing } from '../files.js';
import { keepParquet, readParquet } from '../tables/parquet.js';
import { WINDOWS, type WindowRow } from '../tables/schemas.js';
import type { Run } from './run.js';

const FILE = /^window-(\d+)\.parquet$/;

/** Writes what was picked in a window: a file of its own, so that whoever labels can take them as they come. */
export async function writeWindow(run: Run, window: number, rows: readonly WindowRow[]): Promise<void> {
  await keepParquet(join(folderOf(run), `window-${`${window}`.padStart(6, '0')}.parquet`), WINDOWS, rows);
}

/** What earlier windows of the run picked, and the number of the last, 0 where there was none. */
export async function readWindows(
  run: Run,
): Promise<{ readonly last: number; readonly rows: readonly WindowRow[] }> {
  const names = await readdir(folderOf(run)).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  const rows: WindowRow[] = [];
  let last = 0;
  for (const name of names.sort()) {
    const number = Number(FILE.exec(name)?.[1] ?? 0);
    if (number === 0) continue;
    last = Math.max(last, number);
    rows.push(...((await readParquet(join(folderOf(run), name), WINDOWS)) ?? []));
  }
  return { last, rows };
}

function folderOf(run: Run): string {
  return join(run.folder.path, WINDOWS.name);
}
