import { type Command, InvalidArgumentError } from 'commander';
import { UserError } from '../errors.js';
import type { Backbone, BackboneWidth } from '../model/weights/backbone.js';
import type { Monitor, Progress } from '../stages/monitor.js';

// Reading and checking weights loads the network's code: only when a command runs, not for --help.
const loadCode = async () => ({
  ...(await import('../model/weights/cache.js')),
  ...(await import('../model/weights/import.js')),
  ...(await import('../model/weights/published.js')),
});

/** `viewal weights`: pretrained backbones, imported or downloaded into the cache. */
export function weights(command: Command, monitor: Monitor): void {
  command
    .description('MobileNetV2 trained on ImageNet, to start training from')
    .addHelpText('after', example('viewal weights fetch mobilenet_v2'));

  command
    .command('import <file>')
    .description(
      'take it from a file: Keras .h5 .keras, TensorFlow.js model.json, .tflite, .safetensors, .pth',
    )
    .addHelpText('after', example('viewal weights import mobilenet_v2-b0353104.pth'))
    .action(async (file: string) => {
      const { importBackbone, saveBackbone, originOf } = await loadCode();
      const { backbone } = await importBackbone(file);
      console.log(describe(backbone, originOf(backbone), await saveBackbone(backbone)));
    });

  command
    .command('fetch <network>')
    .description('download it from its public home and verify its checksum; the network is mobilenet_v2')
    .option('--width <width>', "multiplier of the backbone's channels, 1 or 0.35", parseWidth, 1)
    .addHelpText('after', example('viewal weights fetch mobilenet_v2'))
    .action(async (network: string, { width }: { width: BackboneWidth }) => {
      if (network !== 'mobilenet_v2')
        throw new UserError(`Expected the network mobilenet_v2, got "${network}".`);
      const { fetchBackbone, publishedFile, originOf } = await loadCode();
      const published = publishedFile(width);
      const megabytes = (bytes: number) => Math.round(bytes / 1e6);
      let progress: Progress | undefined;
      let received = 0;
      const { file, backbone } = await fetchBackbone(published, (count) => {
        // Not before: a server that cannot be reached has no progress.
        progress ??= monitor.begin('fetch', megabytes(published.bytes), 'MB');
        progress.advance(megabytes(received + count) - megabytes(received));
        received += count;
      });
      progress?.end();
      console.log(describe(backbone, originOf(backbone), file));
    });

  command
    .command('list')
    .description('what the cache holds, and where it came from')
    .addHelpText('after', example('viewal weights list'))
    .action(async () => {
      const { listBackbones, weightsFolder, originOf } = await loadCode();
      const found = await listBackbones();
      if (found.length === 0) {
        console.log(`No weights in ${weightsFolder()} yet: viewal weights fetch mobilenet_v2 gets some.`);
      }
      for (const cached of found) {
        if ('error' in cached) {
          console.error(`error: MobileNetV2 of width ${cached.width}: ${cached.error.message}`);
          process.exitCode = 1;
        } else console.log(describe(cached.backbone, originOf(cached.backbone), cached.file));
      }
    });
}

function describe({ width, batchNorm, source, sha256 }: Backbone, origin: string, file: string): string {
  return [
    `MobileNetV2 of width ${width}, batch norm ${batchNorm}, in ${file}`,
    `  from ${source}; ${origin}`,
    `  SHA-256 of that file ${sha256}`,
  ].join('\n');
}

function parseWidth(text: string): BackboneWidth {
  const width = Number(text);
  if (width !== 1 && width !== 0.35) throw new InvalidArgumentError('Expected 1 or 0.35.');
  return width;
}

function example(line: string): string {
  return `\nExample:\n  $ ${line}\n`;
}
