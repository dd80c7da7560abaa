import type { Command } from 'commander';
import { UserError } from '../errors.js';
import type { Monitor, Progress } from '../stages/monitor.js';

interface SynthValues {
  out: string;
  scenes: number;
  frames: number;
  seed: number;
  size: string;
  noise?: boolean;
}

/** `viewal synth`: furnished rooms with exact depth, poses and labels. */
export function synth(command: Command, monitor: Monitor): void {
  command
    .description('generate furnished rooms with exact depth, poses and labels')
    .requiredOption('--out <folder>', 'recording to write; a killed run goes on where it stopped')
    .option('--scenes <n>', 'rooms', Number, 3)
    .option('--frames <n>', 'frames a room', Number, 20)
    .option('--seed <n>', 'same seed, same rooms', Number, 1)
    .option('--size <size>', 'image size, WIDTHxHEIGHT', '320x240')
    .option('--noise', 'camera and depth-sensor noise')
    .addHelpText(
      'after',
      '\nExample:\n  $ viewal synth --out rooms --scenes 40 --frames 40 --seed 7 --noise\n',
    )
    .action(async (values: SynthValues) => {
      const { generateRecording } = await import('../synth/generate.js');
      const size = /^(\d+)x(\d+)$/.exec(values.size);
      if (size === null) throw new UserError(`Expected a size such as 320x240, got "${values.size}".`);
      let progress: Progress | undefined;
      let done = 0;
      const summary = await generateRecording(
        {
          ...values,
          size: { width: Number(size[1]), height: Number(size[2]) },
          noise: values.noise === true,
        },
        (now, total) => {
          progress ??= monitor.begin('synth', total, 'frames');
          progress.advance(now - done);
          done = now;
        },
      );
      progress?.end();
      console.log(
        `${summary.frames} frames of ${summary.scenes} rooms in ${values.out}, ${summary.rendered} of them rendered now, ${summary.labelled} listed in labelled.txt.`,
      );
    });
}
