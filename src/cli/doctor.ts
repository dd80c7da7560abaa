import { totalmem } from 'node:os';
import type { Command } from 'commander';
import { UserError } from '../errors.js';
import { BACKEND_CHOICES, type BackendChoice, describeBackends } from '../model/backend.js';
import { VERSION } from '../version.js';

/** `viewal doctor`: what this machine offers, what was chosen, and why. */
export function doctor(command: Command): void {
  command
    .description('what this machine offers, what is chosen and why')
    .option('--backend <name>', `compute backend: ${BACKEND_CHOICES.join(', ')}`, 'auto')
    .addHelpText('after', '\nExample:\n  $ viewal doctor\n')
    .action(async ({ backend }: { backend: string }) => {
      const choice = BACKEND_CHOICES.find((name) => name === backend);
      if (choice === undefined)
        throw new UserError(`Expected a backend of ${BACKEND_CHOICES.join(', ')}, got "${backend}".`);
      console.log(await describeMachine(choice));
    });
}

async function describeMachine(choice: BackendChoice): Promise<string> {
  const found = await describeBackends(choice);
  return [
    `viewal ${VERSION} on Node ${found.node}`,
    `${found.cores} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GiB of memory`,
    ...found.backends.map(
      ({ name, available, detail }) => `${available ? '✓' : '✗'} ${name.padEnd(6)} ${detail}`,
    ),
    `chosen: ${found.chosen}, ${found.reason}`,
  ].join('\n');
}
