import { basename } from 'node:path';
import type { Command } from 'commander';
import { UserError } from '../errors.js';
import type { Inspection } from '../inspect/inspection.js';
import type { Monitor, Progress } from '../stages/monitor.js';
import { addRunOptions, givenRunOptions } from './options.js';

interface InspectValues {
  sheet?: string;
  fix?: boolean;
  json?: boolean;
}

// As in main.ts: loaded by this command alone.
const load = async () => ({
  ...(await import('../files.js')),
  ...(await import('../inspect/inspection.js')),
  ...(await import('../report/contact-sheet.js')),
  ...(await import('../sources/correction.js')),
  ...(await import('../sources/open.js')),
  ...(await import('./inspection-text.js')),
});

/** `viewal inspect`: what a recording is, and whether its geometry can be trusted. */
export function inspect(command: Command, monitor: Monitor): void {
  command
    .description('what a recording is, and whether its poses and depth can be trusted')
    .argument('<recording>', 'folder or file')
    .option('--sheet <file>', 'contact sheet to write, PNG (default: <recording>.contact-sheet.png, here)')
    .option(
      '--fix',
      'write what is wrong with poses and depth beside the recording; all commands set it right',
    )
    .option('--json', 'print all that was found as JSON');
  addRunOptions(command, ['format', 'topics'])
    .addHelpText('after', '\nExample:\n  $ viewal inspect my-recording\n')
    .action(async (path: string, values: InspectValues) => {
      const loaded = await load();
      const recording = await loaded.openRecording(path, givenRunOptions(values as Record<string, unknown>));
      let progress: Progress | undefined;
      const inspection = await loaded.inspectRecording(recording, {
        onFrame: (done, total) => {
          if (progress === undefined) progress = monitor.begin('inspect', total, 'frames');
          else progress.advance();
          if (done === total) progress.end();
        },
      });
      const name = basename(recording.path);
      const sheet = values.sheet ?? `${name}.contact-sheet.png`;
      const { png } = await loaded.contactSheet(name, inspection.sampled, inspection.classes.length);
      await loaded.writeFileAtomically(sheet, png);
      const { inspectionJson, inspectionText } = loaded;
      console.log(values.json ? inspectionJson(inspection, sheet) : inspectionText(inspection, sheet));
      if (values.fix) monitor.note(await fix(loaded, inspection));
      else if (inspection.geometry.verdict === 'wrong' && inspection.correction === undefined)
        monitor.note('The same command with --fix sets that right for all commands.');
    });
}

/** @returns what was done, in a sentence @throws UserError where a correction is in force and does not help */
async function fix(
  { correctionFile, sayCorrection, writeCorrection }: Awaited<ReturnType<typeof load>>,
  { path, correction, geometry }: Inspection,
): Promise<string> {
  const file = await correctionFile(path);
  if (correction !== undefined) {
    if (geometry.verdict === 'fits')
      return `The recording is corrected already (${sayCorrection(correction)}), by ${file}: nothing was written.`;
    throw new UserError(
      `The recording is corrected already (${sayCorrection(correction)}), and does not fit with that: remove ${file} and run the same command again.`,
    );
  }
  if (geometry.verdict === 'fits') return 'Nothing to fix: nothing was written.';
  if (geometry.verdict === 'unknown')
    throw new UserError(
      'There is nothing to fix it by: expected a convention under which views agree. Nothing was written.',
    );
  await writeCorrection(path, geometry.best.correction);
  return `Corrected from now on (${sayCorrection(geometry.best.correction)}), by ${file}; removed, the recording is as it was.`;
}
