import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { UserError } from '../errors.js';
import { parseAddress } from '../server/options.js';

/** `viewal swap-model`: tells a live run to go on with another network. */
export function swapModel(command: Command): void {
  command
    .description('have a live run go on with another network; frames that came before are looked at anew')
    .argument('<model>', 'model folder on the machine of the live run')
    .requiredOption('--at <address>', 'where the live run listens, such as 127.0.0.1:8700')
    .addOption(new Option('--token <secret>', 'its token, if it has one').env('VIEWAL_TOKEN'))
    .addHelpText('after', '\nExample:\n  $ viewal swap-model runs/second/model --at 127.0.0.1:8700\n')
    .action(async (model: string, { at, token }: { at: string; token?: string }) => {
      const { host, port } = parseAddress(at);
      const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}/network`;
      const answer = await fetch(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
        body: JSON.stringify({ model: resolve(model) }),
      }).catch(() => {
        throw new UserError(`Nothing answers at ${at}: expected a viewal live --listen there.`);
      });
      const { error } = (await answer.json().catch(() => ({}))) as { error?: string };
      if (!answer.ok)
        throw new UserError(
          error ?? `${at} answered ${answer.status}: expected a viewal live --listen there.`,
        );
      console.log(
        `Frames are looked at by ${model} from now on; those before, newest first, as time allows.`,
      );
    });
}
