import { execFile, spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { openRecording } from '../../src/sources/open.js';
import { newSource } from '../live/frames.js';
import { smallRecording } from '../sample.js';
import { serve } from './clients.js';

const run = promisify(execFile);
const probe = spawnSync('python3', ['-c', 'import pyarrow, websockets.sync.client'], { encoding: 'utf8' });
const absent = probe.status === 0 ? '' : ' (skipped: no python3 with pyarrow and websockets)';
const SIZE = { width: 80, height: 60 };

test.skipIf(absent !== '')(
  `the Python example sends a recording, and again for nothing${absent}`,
  async () => {
    const folder = await smallRecording(2, 6);
    const { classes } = JSON.parse(await readFile(join(folder, 'recording.json'), 'utf8'));
    const source = await newSource({ classes });
    const { url } = await serve(source, { token: 's3cret' });
    const send = async () => {
      const target = `${url.replace('http', 'ws')}/ingest?token=s3cret`;
      const { stdout, stderr } = await run('python3', ['examples/live_client.py', folder, target]);
      expect(stderr).toBe('');
      return JSON.parse(stdout);
    };
    expect(await send()).toEqual({ kept: 12 });
    expect(await send()).toEqual({ repeated: 12 });
    const [sent, live] = [await openRecording(folder), await openRecording(source.recording.path)];
    expect(live.frames.map(({ scene, id }) => [scene, id])).toEqual(
      sent.frames.map(({ scene, id }) => [scene, id]),
    );
    for (const [i, entry] of sent.frames.entries()) {
      const { timestamp: _, ...expected } = await sent.read(entry, SIZE);
      const { timestamp, ...found } = await live.read(live.frames[i]!, SIZE);
      expect(found).toEqual(expected);
      expect(timestamp).toBe(i / 30);
    }
  },
);
