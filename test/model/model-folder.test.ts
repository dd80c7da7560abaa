import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { UserError } from '../../src/errors.js';
import { saveNetwork } from '../../src/model/checkpoint.js';
import { loadModel, readClassNames } from '../../src/model/inference/model-folder.js';
import { temporaryFolder } from '../sample.js';
import { trainedLookingNetwork } from './support.js';

const network = trainedLookingNetwork(3);

test('a checkpoint is found by its folder and by its file', async () => {
  const folder = join(await temporaryFolder(), 'model');
  await saveNetwork(folder, network, 1);
  for (const path of [folder, join(folder, 'model.safetensors')]) {
    expect(await loadModel(path)).toEqual({ kind: 'deeplab', network });
    expect(await readClassNames(path)).toEqual(network.classNames);
  }
});

test('a run folder is refused with the path of its network, where it has one', async () => {
  const run = await temporaryFolder();
  await expect(loadModel(run)).rejects.toThrow(
    / holds no network: expected a folder with model\.safetensors /,
  );
  const folder = join(run, 'model');
  await mkdir(folder);
  await expect(loadModel(run)).rejects.toThrow(/ holds no network: expected a folder/);
  await saveNetwork(folder, network, 1);
  await expect(loadModel(run)).rejects.toThrow(
    new UserError(`${run} holds no network: it is a run folder, whose network is ${folder}.`),
  );
});

test.each(['a.tflite', 'a.h5', 'a.keras', 'a.pth', 'backbone.safetensors'])(
  'weights alone, %s, are refused with what to do with them',
  async (name) => {
    const file = join(await temporaryFolder(), name);
    await writeFile(file, 'weights');
    await expect(loadModel(file)).rejects.toThrow(
      new RegExp(`run viewal weights import on it, or train with --init ${file}\\.$`),
    );
  },
);
