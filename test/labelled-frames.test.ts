import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Recording } from '../src/sources/recording.js';
import { parseOptions, type RunOptions } from '../src/stages/options.js';
import { labelledFrames } from '../src/stages/training/labelled-frames.js';
import { temporaryFolder } from './sample.js';

/** Scenes a to e of ten frames each; those of which `isLabelled` have labels. */
function recordingOf(
  isLabelled: (scene: string, id: number) => boolean,
  lists: Pick<Recording, 'labelledList' | 'validationList'> = {},
): Recording {
  const frames = ['a', 'b', 'c', 'd', 'e'].flatMap((scene) =>
    Array.from({ length: 10 }, (_, id) => ({
      scene,
      id: `${id}`,
      labelled: isLabelled(scene, id),
      fingerprint: '',
      labelFingerprint: '',
    })),
  );
  return { frames, ...lists } as unknown as Recording;
}

const all = recordingOf(() => true);
const some = recordingOf((scene, id) => scene < 'd' && id < 5);

async function split(recording: Recording, given: Partial<RunOptions> = {}) {
  const { training, validation } = await labelledFrames(recording, parseOptions(given));
  for (const name of training) expect(validation.has(name)).toBe(false);
  return { training: [...training].sort(), validation: [...validation].sort() };
}

let list: (text: string) => Promise<string>;

beforeAll(async () => {
  const folder = await temporaryFolder();
  list = async (text) => {
    const file = join(folder, `${text.length}.txt`);
    await writeFile(file, text);
    return file;
  };
});

describe('frames to train on', () => {
  test('auto: the labelled ones, a random tenth where all are, or those that the recording lists', async () => {
    expect((await split(some)).training).toHaveLength(15);
    const seeds = (await split(all)).training;
    expect(seeds).toHaveLength(5);
    expect((await split(all)).training).toEqual(seeds);
    expect((await split(all, { seed: 2 })).training).not.toEqual(seeds);
    const listed = recordingOf(() => true, { labelledList: new Set(['a/1', 'b/2']) });
    expect((await split(listed)).training).toEqual(['a/1', 'b/2']);
    expect((await split(listed, { labelled: 'all' })).training).toHaveLength(50);
    expect((await split(all, { model: '/x' })).training).toEqual([]);
  });

  test('a share, a number, or a file of frames and scenes', async () => {
    expect((await split(all, { labelled: '10%' })).training).toHaveLength(5);
    expect((await split(all, { labelled: '7' })).training).toHaveLength(7);
    const file = await list('# two frames and a scene\na/1\nb/0 # comment\n\nc\n');
    const ofScene = Array.from({ length: 10 }, (_, id) => `c/${id}`);
    expect((await split(all, { labelled: file })).training).toEqual(['a/1', 'b/0', ...ofScene]);
    // A scene stands for those of its frames that have labels.
    expect((await split(some, { labelled: file })).training).toEqual(['a/1', 'b/0', ...ofScene.slice(0, 5)]);
  });

  test('what is no such thing is refused', async () => {
    await expect(split(all, { labelled: '51' })).rejects.toThrow('expected 1 to 50');
    await expect(split(all, { labelled: 'nowhere.txt' })).rejects.toThrow(
      'expected auto, all, a share such as 10%, a number of frames, or a file',
    );
    await expect(split(all, { labelled: await list('a/1\nz/3') })).rejects.toThrow(
      'line 2: there is no frame or scene z/3',
    );
    await expect(split(some, { labelled: await list('e/1') })).rejects.toThrow('e/1, which has no labels');
  });
});

describe('frames to validate on', () => {
  test('none for the quick profile, a tenth of the training frames for the paper’s', async () => {
    expect((await split(some)).validation).toEqual([]);
    const { training, validation } = await split(some, { profile: 'paper' });
    expect([training.length, validation.length]).toEqual([14, 1]);
    expect((await split(some, { profile: 'paper', validation: 'none' })).validation).toEqual([]);
  });

  test('a share or a number of the training frames', async () => {
    const { training, validation } = await split(some, { validation: '20%' });
    expect([training.length, validation.length]).toEqual([12, 3]);
    expect((await split(some, { validation: '20%' })).validation).toEqual(validation);
    expect((await split(some, { validation: '4' })).validation).toHaveLength(4);
    await expect(split(some, { labelled: '1', validation: '10%' })).rejects.toThrow('needed to train on');
    expect((await split(all, { model: '/x', validation: '10%' })).validation).toEqual([]);
    await expect(split(some, { validation: '15' })).rejects.toThrow(
      'expected 1 to 14 of the 15 labelled frames',
    );
  });

  test('those of a file or of the recording’s own list, none of which is trained on', async () => {
    const file = await list('e\nd/3\n');
    const { training, validation } = await split(all, { labelled: 'all', validation: file });
    expect(validation).toEqual(['d/3', ...Array.from({ length: 10 }, (_, id) => `e/${id}`)]);
    expect(training).toHaveLength(39);
    await expect(split(all, { validation: await list('# nothing') })).rejects.toThrow(
      'names no labelled frame',
    );
    const listed = recordingOf(() => true, { validationList: new Set(['a/1']) });
    expect((await split(listed, { labelled: 'all' })).validation).toEqual(['a/1']);
    await expect(split(all, { labelled: await list('d/3'), validation: file })).rejects.toThrow(
      'd/3 is to be trained on and to validate',
    );
  });
});
