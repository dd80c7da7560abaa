import { createHash } from 'node:crypto';
import { readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import {
  findBackbone,
  listBackbones,
  loadBackbone,
  saveBackbone,
  weightsFolder,
} from '../../../src/model/weights/cache.js';
import { download } from '../../../src/model/weights/download.js';
import { importBackbone } from '../../../src/model/weights/import.js';
import { fetchBackbone, publishedFile } from '../../../src/model/weights/published.js';
import { temporaryFolder } from '../../sample.js';
import { testNetwork } from './source-network.js';
import { tfliteFile } from './tflite-files.js';

const bytes = tfliteFile(testNetwork(), 'int8 per channel');
const sha256 = createHash('sha256').update(bytes).digest('hex');

describe('the cache', () => {
  test('lies where the environment says', () => {
    expect(weightsFolder({ VIEWAL_CACHE: '/a', XDG_CACHE_HOME: '/b' })).toBe(join('/a', 'weights'));
    expect(weightsFolder({ VIEWAL_CACHE: '', XDG_CACHE_HOME: '/b' })).toBe(join('/b', 'viewal', 'weights'));
    expect(weightsFolder({})).toMatch(/[\\/]\.cache[\\/]viewal[\\/]weights$/);
  });

  test('gives back what it was given', async () => {
    const folder = join(await temporaryFolder(), 'weights');
    expect(await findBackbone(0.35, folder)).toBeUndefined();
    expect(await listBackbones(folder)).toEqual([]);
    const file = join(await temporaryFolder(), 'm.tflite');
    await writeFile(file, bytes);
    const { backbone } = await importBackbone(file);
    expect(backbone.sha256).toBe(sha256);
    const saved = await saveBackbone(backbone, folder);
    expect(await findBackbone(0.35, folder)).toEqual(backbone);
    expect(await findBackbone(1, folder)).toBeUndefined();
    expect(await listBackbones(folder)).toEqual([{ file: saved, backbone }]);
    expect(await importBackbone(saved)).toEqual({ backbone, classifier: undefined });
  });

  test('refuses a broken file or another, naming it', async () => {
    const folder = await temporaryFolder();
    const file = join(folder, 'm.tflite');
    await writeFile(file, bytes);
    const { backbone } = await importBackbone(file);
    const other = { ...backbone, tensors: new Map([...backbone.tensors].slice(1)) };
    const saved = await saveBackbone(other, folder);
    await expect(importBackbone(saved)).rejects.toThrow(/tensor backbone\/stem\/weights has shape \[none\]/);
    await expect(loadBackbone(saved)).rejects.toThrow(
      /tensor backbone\/stem\/weights has shape \[none\], expected .*; import or fetch the weights again\.$/,
    );
    await saveBackbone(backbone, folder);
    await truncate(saved, 100_000);
    await expect(findBackbone(0.35, folder)).rejects.toThrow(
      /^[^\n]*mobilenet_v2_0\.35\.safetensors is broken; import or fetch the weights again\.$/,
    );
  });
});

test('a broken file does not hide the others', async () => {
  const folder = await temporaryFolder();
  const original = join(folder, 'm.tflite');
  await writeFile(original, bytes);
  const { backbone } = await importBackbone(original);
  const sound = await saveBackbone(backbone, folder);
  const broken = join(folder, 'mobilenet_v2_1.safetensors');
  await writeFile(broken, 'no weights');
  expect(await listBackbones(folder)).toEqual([
    {
      file: broken,
      width: 1,
      error: expect.objectContaining({ message: expect.stringMatching(/ is broken; import/) }),
    },
    { file: sound, backbone },
  ]);
});

describe('downloading, from a server on this machine', () => {
  const servers: ReturnType<typeof createServer>[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });

  async function serve(answer: RequestListener): Promise<string> {
    const server = createServer(answer);
    servers.push(server);
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/model.tflite`;
  }

  const sound: RequestListener = (_, response) => response.end(bytes);

  test('fetches, verifies, imports and keeps', async () => {
    const folder = join(await temporaryFolder(), 'weights');
    let seen = 0;
    const url = await serve(sound);
    const published = { url, bytes: bytes.length, sha256 };
    const count = (pieceBytes: number) => {
      seen += pieceBytes;
    };
    const { file, backbone } = await fetchBackbone(published, count, folder);
    expect(seen).toBe(bytes.length);
    expect(backbone.source).toBe('model.tflite (TensorFlow Lite)');
    expect(await loadBackbone(file)).toEqual(backbone);
    expect((await readdir(folder)).sort()).toEqual(['mobilenet_v2_0.35.safetensors', 'model.tflite']);
    expect(await readFile(join(folder, 'model.tflite'))).toEqual(bytes);
  });

  test('a file that lies in the cache already needs no network', async () => {
    const folder = await temporaryFolder();
    let requests = 0;
    const url = await serve((_, response) => {
      requests++;
      response.end(bytes);
    });
    const published = { url, bytes: bytes.length, sha256 };
    await writeFile(join(folder, 'model.tflite'), bytes);
    const { backbone } = await fetchBackbone(published, undefined, folder);
    expect(backbone.sha256).toBe(sha256);
    expect(requests).toBe(0);
    // Another of the same length is replaced.
    await writeFile(join(folder, 'model.tflite'), Buffer.alloc(bytes.length));
    expect((await fetchBackbone(published, undefined, folder)).backbone).toEqual(backbone);
    expect(requests).toBe(1);
  });

  const wrong = 'f'.repeat(64);
  const cases: [string, RequestListener, Partial<{ bytes: number; sha256: string }>, RegExp][] = [
    ['another checksum', sound, { sha256: wrong }, new RegExp(`has SHA-256 ${sha256}, expected ${wrong}`)],
    ['a longer file', sound, { bytes: 1000 }, /longer than the 1000 bytes expected/],
    ['a shorter file', sound, { bytes: bytes.length + 1 }, /ended after \d+ of \d+ bytes/],
    ['no such file', (_, response) => response.writeHead(404).end(), {}, /the server answered 404 Not Found/],
    [
      'a connection that is cut',
      (_, response) => {
        response.writeHead(200, { 'content-length': bytes.length });
        response.write(bytes.subarray(0, 5000), () => response.destroy());
      },
      {},
      /Cannot download http:.*: the connection was cut/,
    ],
  ];
  test.each(cases)('%s is refused, and leaves nothing', async (_, answer, change, message) => {
    const folder = await temporaryFolder();
    const file = { url: await serve(answer), bytes: bytes.length, sha256, ...change };
    const failure = fetchBackbone(file, undefined, folder);
    await expect(failure).rejects.toMatchObject({
      name: 'UserError',
      message: expect.stringMatching(message),
    });
    // The server was reached: another machine would fare no better.
    await expect(failure).rejects.toThrow(/^(?!.*\. )(?!.*another machine)[^\n]+\.$/);
    expect(await readdir(folder)).toEqual([]);
  });

  test('a closed port', async () => {
    const url = await serve(sound);
    await new Promise((closed) => servers.pop()!.close(closed));
    const folder = await temporaryFolder();
    await expect(download({ url, bytes: 1, sha256 }, join(folder, 'x'))).rejects.toThrow(
      /^Cannot download http:[^ ]*: the connection was refused; without a network, fetch it on another machine and run viewal weights import on it here\.$/,
    );
    expect(await readdir(folder)).toEqual([]);
  });

  test('a server that goes silent', async () => {
    const url = await serve((_, response) => {
      response.writeHead(200);
      response.write('slow');
    });
    const path = join(await temporaryFolder(), 'x');
    await expect(download({ url, bytes: 1000, sha256 }, path, undefined, 200)).rejects.toThrow(
      /nothing came for 0\.2 s/,
    );
  });

  test('a width without a file of known checksum says where to get it by hand', () => {
    expect(publishedFile(1).sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(() => publishedFile(0.35)).toThrow(
      /download https:.*0\.35_224_no_top\.h5 and run viewal weights import/,
    );
  });
});
