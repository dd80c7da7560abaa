import { totalmem } from 'node:os';
import type { Command } from 'commander';
import type { BackendChoice } from '../model/backend.js';
import { parseOptions } from '../stages/options.js';
import { VERSION } from '../version.js';
import { addRunOptions, givenRunOptions } from './options.js';

/** `viewal doctor`: what this machine offers, what was chosen, and why. */
export function doctor(command: Command): void {
  addRunOptions(command.description('what this machine offers, what is chosen and why'), ['backend'])
    .addHelpText('after', '\nExample:\n  $ viewal doctor\n')
    .action(async (values: Record<string, unknown>) => {
      console.log(await describeMachine(parseOptions(givenRunOptions(values)).backend));
    });
}

async function describeMachine(choice: BackendChoice): Promise<string> {
  const { describeBackends } = await import('../model/backend.js');
  const found = await describeBackends(choice);
  return [
    `viewal ${VERSION} on Node ${found.node}`,
    `${found.cores} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GiB of memory`,
    ...found.backends.map(
      ({ name, available, detail }) => `${available ? '✓' : '✗'} ${name.padEnd(6)} ${detail}`,
    ),
    '✗ GPU    not used by this version',
    `chosen: ${found.chosen}, ${found.reason}`,
  ].join('\n');
}
