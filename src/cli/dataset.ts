import type { Command } from 'commander';
import type { Monitor } from '../stages/monitor.js';
import { number } from './options.js';

/** `viewal dataset`: the data sets of the paper, how to get them, and runs on them. */
export function dataset(command: Command, monitor: Monitor): void {
  command
    .description('the data sets of the paper: what it used of them, how to get and prepare them')
    .addHelpText('after', example('viewal dataset list'));

  command
    .command('list')
    .description('what the paper used, how to obtain it, and the space it takes')
    .addHelpText('after', example('viewal dataset list'))
    .action(async () => {
      const { DATASETS } = await import('../datasets/index.js');
      const { datasetText } = await import('./dataset-text.js');
      console.log(DATASETS.map(datasetText).join('\n\n'));
    });

  command
    .command('prepare <dataset> <download>')
    .description('turn a download of scannet, scenenet-rgbd or matterport3d into a recording at 320×240')
    .requiredOption('--out <folder>', 'recording to write; a killed call goes on where it stopped')
    .option('--seed <n>', 'of the seed set, 1.5 % of the training images', number, 1)
    .option(
      '--selections <folder>',
      "exactly the frames of the lists that the paper's code was published with (dataset/<name>/selections)",
    )
    .addHelpText('after', example('viewal dataset prepare scannet downloads/scannet --out scannet'))
    .action(
      async (
        name: string,
        download: string,
        values: { out: string; seed: number; selections?: string | undefined },
      ) => {
        const { findDataset } = await import('../datasets/index.js');
        const { prepareDataset } = await import('../stages/prepare-dataset.js');
        const { preparedText } = await import('./dataset-text.js');
        console.log(
          preparedText(
            await prepareDataset({ ...values, dataset: findDataset(name), download }, { monitor }),
          ),
        );
      },
    );
}

function example(line: string): string {
  return `\nExample:\n  $ ${line}\n`;
}
