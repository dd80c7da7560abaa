import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Subject } from 'rxjs';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { live, liveScenes } from '../../pipelines/live.js';
import type { LiveEvent, LiveWindow } from '../../src/live/live-event.js';
import type { LiveSource, SourceCounts } from '../../src/live/live-source.js';
import { LiveStatus } from '../../src/live/live-status.js';
import { saveNetwork } from '../../src/model/checkpoint.js';
import { initialNetwork } from '../../src/model/network.js';
import { addDesk } from '../../src/server/desk/desk.js';
import { createServer } from '../../src/server/server.js';
import { openRecording } from '../../src/sources/open.js';
import type { FrameEntry } from '../../src/sources/recording.js';
import { LiveLabels } from '../../src/stages/live/labels.js';
import { LiveNetworks } from '../../src/stages/live/networks.js';
import { LivePictures } from '../../src/stages/live/pictures.js';
import { openLiveRun } from '../../src/stages/live/run.js';
import { QUICK, smallRecording, temporaryFolder } from '../sample.js';

const TOKEN = 'a-secret';
const SIZE = QUICK.size!.split('x').map(Number);

/** A live run in this process, with a server on a port of its own. */
async function start(recordingPath: string, model: string, out: string) {
  const recording = await openRecording(recordingPath);
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const counts: SourceCounts = {
    ...{ received: 9, kept: 8, skipped: { still: 1, blurred: 0 }, repeated: 0, refused: 0 },
  };
  const source: LiveSource & { counts: SourceCounts } = {
    recording,
    counts,
    async *arrivals(): AsyncGenerator<FrameEntry> {
      yield* recording.frames;
      await ended;
    },
    close: async () => end(),
  };
  const { steps: _, ...quick } = QUICK;
  const { run } = await openLiveRun(
    out,
    { ...quick, model, budget: '2superpixels' },
    recordingPath,
    async () => source,
  );
  const networks = await LiveNetworks.open(run);
  const scenes = liveScenes(run);
  const labels = await LiveLabels.open(run, recording.classes);
  const status = new LiveStatus();
  const events = new Subject<LiveEvent>();
  const asked = new Subject<(window: LiveWindow) => void>();
  const server = await createServer(undefined, { address: { host: '127.0.0.1', port: 0 }, token: TOKEN });
  const pictures = new LivePictures(run, scenes);
  addDesk(server, {
    ...{ run, source, scenes, status, events, asked, labels, networks, pictures, window: '4frames' },
  });
  const url = await server.listen();
  const windows: LiveWindow[] = [];
  const input = { source: status.follow(source), scenes, labels: labels.taken, asked };
  const running = live(
    run,
    { ...input, network: networks.first, networks: networks.changes },
    { window: { by: 'frames', frames: 4 } },
  ).forEach((event) => {
    if (event.type === 'frame') status.arrived(event);
    else windows.push(event);
    events.next(event);
  });
  const stop = async () => {
    end();
    await running;
    await server.app.close();
    await networks.close();
  };
  await vi.waitFor(() => expect(status.scored).toBeGreaterThanOrEqual(recording.frames.length), {
    timeout: 120_000,
  });
  return { url, stop, windows, scenes, recording, run, events };
}

const ask = (url: string, path: string, init: RequestInit = {}) =>
  fetch(`${url}${path}`, { ...init, headers: { authorization: `Bearer ${TOKEN}`, ...init.headers } });

/** What is answered, as JSON. */
// biome-ignore lint/suspicious/noExplicitAny: what is there is what is tested
const get = async (url: string, path: string): Promise<any> => (await ask(url, path)).json();

const post = (url: string, path: string, body: unknown) =>
  ask(url, path, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  });

/** What the feed says, message by message. */
async function listen(url: string, query = '') {
  const socket = new WebSocket(
    `${url.replace('http', 'ws')}/events?token=${encodeURIComponent(TOKEN)}${query}`,
  );
  const heard: { type: string; window?: number; picks?: { superpixel: number; crop: string }[] }[] = [];
  socket.on('message', (data) => heard.push(JSON.parse(String(data))));
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  return { socket, heard };
}

let recordingPath: string;
let model: string;
let other: string;
let out: string;
let run: Awaited<ReturnType<typeof start>>;
beforeAll(async () => {
  recordingPath = await smallRecording(2, 4);
  const models = await temporaryFolder();
  const { classes } = await openRecording(recordingPath);
  const config = { width: 0.35, head: 'slim', classes: classes.length } as const;
  model = join(models, 'first');
  other = join(models, 'second');
  await saveNetwork(model, initialNetwork(config, classes, 1), 0);
  await saveNetwork(other, initialNetwork(config, classes, 2), 0);
  const few = { ...config, classes: 3 };
  await saveNetwork(join(models, 'few'), initialNetwork(few, ['a', 'b', 'c'], 2), 0);
  out = join(await temporaryFolder(), 'run');
  run = await start(recordingPath, model, out);
});
afterAll(() => run?.stop());

describe('what a live run tells', () => {
  test('nothing without the token', async () => {
    for (const path of ['/state', '/classes', '/windows/1', '/events', '/scenes/x/queue'])
      expect((await fetch(`${run.url}${path}`)).status).toBe(401);
  });

  test('where it stands', async () => {
    const state = await get(run.url, '/state');
    expect(state).toMatchObject({
      model: 'first',
      window: '4frames',
      budget: '2superpixels',
      frames: { received: 9, kept: 8, skipped: { still: 1 }, waiting: null, scored: 8 },
      labels: 0,
    });
    expect(state.scenes.map(({ scene }: { scene: string }) => scene).sort()).toEqual(run.scenes.names);
    expect(state.scenes[0]).toMatchObject({ frames: 4, newest: '000003', is_awake: true });
    expect(state.latency.p50).toBeGreaterThan(0);
    expect(state.latency.p95).toBeGreaterThanOrEqual(state.latency.p50);
    expect(await get(run.url, '/classes')).toEqual(run.recording.classes);
  });

  test('the queue of a scene, best first, and other views of the same surface', async () => {
    const [scene] = run.scenes.names as [string];
    const queue = await get(run.url, `/scenes/${scene}/queue?limit=2000`);
    const keys = queue.map((row: { view_entropy: number }) => row.view_entropy);
    expect(keys).toEqual([...keys].sort((a, b) => b - a));
    expect(queue).toHaveLength(run.scenes.awake.get(scene)!.candidates);
    const few = await get(run.url, `/scenes/${scene}/queue?limit=3`);
    expect(few).toEqual(queue.slice(0, 3));
    const { frame, superpixel } = queue[0];
    const path = `/scenes/${scene}/frames/${frame}/superpixels/${superpixel}/views`;
    expect(await get(run.url, path)).toEqual(run.scenes.awake.get(scene)!.views({ frame, superpixel }));
  });

  test('its points, in metres, where the depth of its frames lies', async () => {
    const [scene] = run.scenes.names as [string];
    const response = await ask(run.url, `/scenes/${scene}/points?limit=500`);
    const points = new Float32Array(await response.arrayBuffer());
    expect(points.length).toBe(4 * 500);
    const most = Number(response.headers.get('x-most-entropy'));
    expect(most).toBeCloseTo(Math.log(run.recording.classes.length), 6);
    for (let i = 0; i < points.length; i += 4) {
      expect(Math.hypot(points[i]!, points[i + 1]!, points[i + 2]!)).toBeLessThan(20);
      expect(points[i + 3]).toBeGreaterThanOrEqual(0);
      expect(points[i + 3]).toBeLessThanOrEqual(most + 1e-6);
    }
  });

  test('pictures of a frame, of its entropies and of a superpixel', async () => {
    const [scene] = run.scenes.names as [string];
    const at = `/scenes/${scene}/frames/000001`;
    const [width, height] = SIZE;
    for (const [path, format, size] of [
      [`${at}/colour.jpg`, 'jpeg', { width, height }],
      [`${at}/entropy.png`, 'png', { width, height, channels: 4 }],
      [`${at}/superpixels/3/crop.jpg`, 'jpeg', { width: 320 }],
    ] as const) {
      const response = await ask(run.url, path);
      expect(response.status).toBe(200);
      const image = await sharp(Buffer.from(await response.arrayBuffer())).metadata();
      expect(image).toMatchObject({ format, ...size });
    }
  });

  test('a sentence where there is nothing', async () => {
    const [scene] = run.scenes.names as [string];
    for (const [path, status] of [
      ['/scenes/nowhere/queue', 404],
      ['/scenes/nowhere/points', 404],
      [`/scenes/${scene}/frames/none/colour.jpg`, 404],
      [`/scenes/${scene}/frames/000001/superpixels/9999/crop.jpg`, 404],
      [`/scenes/${scene}/frames/..%2F..%2Frun.json/entropy.png`, 404],
      ['/scenes/..%2F..%2F/frames/a/colour.jpg', 404],
      ['/windows/99', 404],
      ['/windows/none', 400],
      [`/scenes/${scene}/queue?limit=-1`, 400],
      [`/scenes/${scene}/frames/000001/superpixels/x/crop.jpg`, 400],
    ] as const) {
      const response = await ask(run.url, path);
      expect([path, response.status]).toEqual([path, status]);
      expect(((await response.json()) as { error: string }).error).toMatch(/^[A-Z].*\.$/);
    }
    expect(run.scenes.names).toHaveLength(2);
  });

  test('windows, one by one and as they end', async () => {
    const { socket, heard } = await listen(run.url, '&since=0');
    await vi.waitFor(
      () => expect(heard.filter(({ type }) => type === 'window').length).toBe(run.windows.length),
      {
        timeout: 10_000,
      },
    );
    expect(heard[0]).toMatchObject({ type: 'state', model: 'first' });
    const told = heard.filter(({ type }) => type === 'window');
    for (const [i, { window, rows }] of run.windows.entries()) {
      const one = await get(run.url, `/windows/${window}`);
      expect({ type: 'window', ...one }).toEqual(told[i]);
      expect(one.picks.map(({ superpixel }: { superpixel: number }) => superpixel)).toEqual(
        rows.map(({ superpixel }) => superpixel),
      );
      expect((await ask(run.url, one.picks[0].crop)).status).toBe(200);
      expect(one.picks[0].outline).toMatch(/^M/);
    }
    socket.close();
  });

  test('a listener that asks for less is told less', async () => {
    const last = run.windows.at(-1)!.window;
    const { socket, heard } = await listen(run.url, `&since=${last - 1}`);
    await vi.waitFor(() => expect(heard.some(({ type }) => type === 'window')).toBe(true), {
      timeout: 10_000,
    });
    expect(heard.filter(({ type }) => type === 'window').map(({ window }) => window)).toEqual([last]);
    socket.close();
  });
});

test('a listener that does not keep up loses no window until it is let go, and the others lose none', async () => {
  const { socket: slow, heard: heardSlowly } = await listen(run.url);
  const { socket: quick, heard } = await listen(run.url);
  await vi.waitFor(() => expect(heard.length + heardSlowly.length).toBeGreaterThanOrEqual(2));
  slow.pause();
  const [row] = run.windows[0]!.rows;
  const first = run.windows.at(-1)!.window + 1;
  // 1 MB each: more than 16 MB and what sockets hold.
  const rows = Array.from({ length: 2000 }, () => ({ ...row!, frame: 'x'.repeat(200) }));
  const count = 40;
  const windowsOf = (messages: typeof heard) =>
    messages.filter(({ type }) => type === 'window').map(({ window }) => window);
  const all = Array.from({ length: count }, (_, i) => first + i);
  for (const [i, window] of all.entries()) {
    run.events.next({ type: 'window', window, rows });
    await vi.waitFor(() => expect(windowsOf(heard)).toEqual(all.slice(0, i + 1)), {
      ...{ timeout: 60_000, interval: 5 },
    });
  }
  const closed = new Promise<number>((resolve) => slow.once('close', resolve));
  slow.resume();
  expect(await closed).toBe(1013);
  const told = windowsOf(heardSlowly);
  expect(told.length).toBeGreaterThan(0);
  expect(told.length).toBeLessThan(count);
  expect(told).toEqual(all.slice(0, told.length));
  quick.close();
});

describe('what a live run is told', () => {
  test('labels: nothing of their surfaces is asked for again, after a restart neither', async () => {
    const [scene] = run.scenes.names as [string];
    const [best] = await get(run.url, `/scenes/${scene}/queue`);
    const label = { scene, frame: best.frame, superpixel: best.superpixel, class: run.recording.classes[1] };
    for (const [labels, error] of [
      [[{ ...label, class: 'unicorn' }], /no class "unicorn": expected one of/],
      [[label, { ...label, superpixel: 9999 }], /no superpixel 9999 in/],
      [[{ ...label, frame: 'none' }], /no scored frame/],
      [[{ ...label, superpixel: 1.5 }], /a whole number/],
      [[], /at least one label/],
      [undefined, /labels/],
    ] as const) {
      const response = await post(run.url, '/labels', { labels });
      expect(response.status).toBe(400);
      expect(((await response.json()) as { error: string }).error).toMatch(error);
    }
    expect(await readdir(join(out, 'live_labels')).catch(() => [])).toEqual([]);

    const { socket, heard } = await listen(run.url);
    await vi.waitFor(() => expect(heard).not.toEqual([]));
    expect(await (await post(run.url, '/labels', { labels: [label] })).json()).toEqual({ labelled: 1 });
    await vi.waitFor(() => expect(heard).toContainEqual({ type: 'labels', labels: [label] }));
    socket.close();
    expect(await readdir(join(out, 'live_labels'))).toEqual(['labels-000001.parquet']);
    const queue = async (url: string) =>
      (await get(url, `/scenes/${scene}/queue?limit=2000`)).map(
        (row: { frame: string; superpixel: number }) => `${row.frame}/${row.superpixel}`,
      );
    await vi.waitFor(async () =>
      expect(await queue(run.url)).not.toContain(`${best.frame}/${best.superpixel}`),
    );
    const gone = new Set([`${best.frame}/${best.superpixel}`]);
    for (const view of run.scenes.awake.get(scene)!.views(best)) gone.add(`${view.frame}/${view.superpixel}`);
    for (const name of await queue(run.url)) expect(gone.has(name)).toBe(false);

    await run.stop();
    run = await start(recordingPath, model, out);
    for (const name of await queue(run.url)) expect(gone.has(name)).toBe(false);
    expect((await get(run.url, '/state')).labels).toBe(1);
  });

  test('that a window is to end now', async () => {
    const end = async () => (await post(run.url, '/windows', {})).json();
    const { window, picks } = (await end()) as { window: number; picks: number };
    expect(picks).toBe(2);
    expect((await get(run.url, `/windows/${window}`)).picks).toHaveLength(2);
    // Two at once are two windows.
    expect(await Promise.all([end(), end()])).toEqual([
      { window: window + 1, picks: 2 },
      { window: window + 2, picks: 2 },
    ]);
  });

  test('another network: frames are looked at anew by it', async () => {
    const [scene] = run.scenes.names as [string];
    const models = async () =>
      new Set(
        (await get(run.url, `/scenes/${scene}/queue?limit=2000`)).map((row: { model: string }) => row.model),
      );
    const [before] = await models();
    for (const [folder, error] of [
      ['second', /the whole path/],
      [join(model, 'nowhere'), /holds no network/],
      [join(model, '../few'), /other classes/],
    ] as const) {
      const response = await post(run.url, '/network', { model: folder });
      expect(response.status).toBe(400);
      expect(((await response.json()) as { error: string }).error).toMatch(error);
    }
    expect((await post(run.url, '/network', { model: other })).status).toBe(200);
    await vi.waitFor(
      async () => {
        const after = await models();
        expect(after.size).toBe(1);
        expect(after.has(before)).toBe(false);
      },
      { timeout: 60_000, interval: 200 },
    );
    expect((await get(run.url, '/state')).model).toBe('second');
  });

  test('a listener that stops is let go when the server stops', async () => {
    const { socket, heard } = await listen(run.url);
    await vi.waitFor(() => expect(heard.length).toBeGreaterThan(0));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    await run.stop();
    expect(await closed).toBe(1001);
  });
});
