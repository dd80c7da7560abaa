import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../sample.js';
import { testNetwork } from './source-network.js';
import { tfliteFile } from './tflite-files.js';

/** Runs the built command with a cache of its own. */
function viewal(cache: string, ...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((done) => {
    const env = { ...process.env, VIEWAL_CACHE: cache };
    execFile(
      process.execPath,
      [resolve('dist/src/cli/main.js'), 'weights', ...args],
      { env },
      (error, stdout, stderr) => done({ code: Number(error?.code ?? 0), stdout, stderr }),
    );
  });
}

test('viewal weights imports into the cache, lists it, and says what is wrong in one sentence', async () => {
  const cache = await temporaryFolder();
  expect((await viewal(cache, 'list')).stdout).toMatch(
    /^No weights in .*: viewal weights fetch mobilenet_v2/,
  );
  const file = join(await temporaryFolder(), 'narrow.tflite');
  await writeFile(file, tfliteFile(testNetwork(), 'float32'));
  const imported = await viewal(cache, 'import', file);
  expect(imported).toMatchObject({ code: 0, stderr: '' });
  expect(imported.stdout).toMatch(
    /^MobileNetV2 of width 0\.35, batch norm folded, in .*mobilenet_v2_0\.35\.safetensors/,
  );
  expect(imported.stdout).toMatch(
    /from narrow\.tflite \(TensorFlow Lite\); licence: see the file's publisher/,
  );
  expect((await viewal(cache, 'list')).stdout).toBe(imported.stdout);

  await writeFile(join(cache, 'weights', 'mobilenet_v2_1.safetensors'), 'no weights');
  const both = await viewal(cache, 'list');
  expect(both).toMatchObject({ code: 1, stdout: imported.stdout });
  expect(both.stderr).toMatch(
    /^error: MobileNetV2 of width 1: .*mobilenet_v2_1\.safetensors is broken; import or fetch the weights again\.\n$/,
  );

  const mistakes: [string[], RegExp][] = [
    [['import', '/nowhere'], /^error: Cannot read \/nowhere: no such file; expected MobileNetV2 as .*\.\n$/],
    [['fetch', 'resnet'], /^error: Expected the network mobilenet_v2, got "resnet"\.\n$/],
    [
      ['fetch', 'mobilenet_v2', '--width', '0.35'],
      /^error: No file of width 0\.35 .* run viewal weights import on it\.\n$/,
    ],
    [['fetch', 'mobilenet_v2', '--width', '2'], /Expected 1 or 0\.35\./],
  ];
  for (const [args, message] of mistakes) {
    const { code, stderr } = await viewal(cache, ...args);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(message);
  }
  for (const command of ['import', 'fetch', 'list']) {
    expect((await viewal(cache, command, '--help')).stdout).toMatch(
      new RegExp(`Example:\n +\\$ viewal weights ${command}`),
    );
  }
});
