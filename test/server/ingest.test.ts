import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { encodeFrames } from '../../src/live/frame-message.js';
import { random } from '../../src/random.js';
import { LABEL, newSource, sentFrame } from '../live/frames.js';
import { Device, serve } from './clients.js';

const message = (...ids: string[]) => encodeFrames(ids.map((id) => sentFrame({ id })));
const post = (
  url: string,
  body: Uint8Array<ArrayBuffer> | string,
  type = 'application/vnd.apache.arrow.stream',
) => fetch(`${url}/frames`, { method: 'POST', body, headers: { 'content-type': type } });
const body = (...ids: string[]) => new Uint8Array(message(...ids));

test('a device is told its credit, and of every frame what became of it, in order', async () => {
  const source = await newSource();
  const { url } = await serve(source);
  const device = await Device.connect(url);
  expect(device.credit).toBe(8);
  await device.send(message('1', '2'), 2);
  await device.send(message('2'));
  await device.send('{"hello": 1}');
  await device.send(Buffer.from('what is this?'));
  await device.send(encodeFrames([sentFrame({ id: '3', timestamp: NaN }), sentFrame({ id: '4' })]), 2);
  expect(device.acks).toEqual([
    { type: 'ack', scene: 'room', frame: '1', status: 'kept' },
    { type: 'ack', scene: 'room', frame: '2', status: 'kept' },
    { type: 'ack', scene: 'room', frame: '2', status: 'repeated' },
    {
      type: 'ack',
      scene: null,
      frame: null,
      status: 'refused',
      reason: 'a text message, expected a binary one: an Arrow IPC stream of frames',
    },
    { type: 'ack', scene: null, frame: null, status: 'refused', reason: 'message: not an Arrow IPC stream' },
    {
      type: 'ack',
      scene: 'room',
      frame: '3',
      status: 'refused',
      reason: 'row 0, column timestamp: NaN, expected a finite number',
    },
    { type: 'ack', scene: 'room', frame: '4', status: 'kept' },
  ]);
  expect(source.recording.frames.map(({ id }) => id)).toEqual(['1', '2', '4']);
  expect(source.counts).toMatchObject({ received: 7, kept: 3, repeated: 1, refused: 3 });
});

test('frames come over HTTP too, and the answer comes when they are stored', async () => {
  const source = await newSource();
  const { url } = await serve(source, { limits: { messageBytes: 20_000 } });
  const good = await post(url, body('1', '2'));
  expect(good.status).toBe(200);
  expect(await good.json()).toEqual({
    frames: [
      { scene: 'room', frame: '1', status: 'kept' },
      { scene: 'room', frame: '2', status: 'kept' },
    ],
  });
  expect(source.recording.frames.length).toBe(2);
  const bad = await post(url, new Uint8Array(encodeFrames([sentFrame({ scene: '' })])));
  expect([bad.status, await bad.json()]).toEqual([
    400,
    {
      frames: [
        {
          scene: null,
          frame: null,
          status: 'refused',
          reason: 'row 0, column scene: a name of 0 bytes, expected 1 to 200',
        },
      ],
    },
  ]);
  for (const [response, status, error] of [
    [await post(url, 'hello'), 400, 'message: truncated, or not an Arrow IPC stream'],
    [await post(url, new Uint8Array(20_001)), 413, 'Expected a message of at most 20000 bytes.'],
    [
      await post(url, 'x=1', 'text/plain'),
      415,
      'Expected a body of type application/vnd.apache.arrow.stream for frames, application/json for all else.',
    ],
    [await fetch(`${url}/nothing`), 404, 'There is nothing here.'],
    [await fetch(`${url}/ingest`), 404, undefined],
  ] as const) {
    expect(response.status).toBe(status);
    if (error !== undefined) expect(await response.json()).toEqual({ error });
  }
});

test('over HTTP, who comes while too many frames wait is asked to come again', async () => {
  const source = await newSource({}, { waiting: 1, isRead: false });
  const { url } = await serve(source);
  expect((await post(url, body('1'))).status).toBe(200);
  const refused = await post(url, body('2'));
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1']);
  await source.arrivals().next();
  expect((await post(url, body('2'))).status).toBe(200);
});

test('two devices at once, of one scene and of two, lose and double nothing', async () => {
  const source = await newSource();
  const { url } = await serve(source);
  const devices = await Promise.all([Device.connect(url), Device.connect(url)]);
  await Promise.all(
    devices.map(async (device, d) => {
      for (let i = 0; i < 20; i++) {
        const frames = [sentFrame({ id: `${i}` }), sentFrame({ scene: `own ${d}`, id: `${i}` })];
        await device.send(encodeFrames(frames), 2);
      }
    }),
  );
  expect(source.counts).toMatchObject({ received: 80, kept: 60, repeated: 20 });
  expect(new Set(source.recording.frames.map(({ scene, id }) => `${scene}/${id}`)).size).toBe(60);
  for (const { acks } of devices)
    expect(acks.map(({ frame }) => Number(frame))).toEqual(Array.from({ length: 40 }, (_, i) => i >> 1));
});

test('a device that ignores its credit is not read, and holds no more memory than stated', async () => {
  const source = await newSource({}, { waiting: 1, isRead: false });
  const { server, url } = await serve(source, { limits: { credit: 4, messageBytes: 2 ** 20 } });
  const device = await Device.connect(url);
  // 256 kB each: four fill a megabyte, and one more may be on its way.
  const bytes = new Uint8Array(Buffer.concat([sentFrame().colour.bytes, new Uint8Array(250_000)]));
  const colour = { encoding: 'jpeg', bytes } as const;
  for (let i = 0; i < 200; i++) device.socket.send(encodeFrames([sentFrame({ id: `${i}`, colour })]));
  const received = async () =>
    Number(/viewal_received_bytes_total (\d+)/.exec(await server.metrics.registry.metrics())?.[1]);
  await delay(300);
  const before = await received();
  await delay(300);
  expect(await received()).toBe(before);
  expect(before).toBeGreaterThan(500_000);
  expect(before).toBeLessThan(2 * 2 ** 20);
  expect(device.socket.bufferedAmount).toBeGreaterThan(20e6);
  expect(device.acks.length).toBe(1);
  // Others go on being served, over what room there is, and once there is room all of it comes.
  void (async () => {
    for await (const _ of source.arrivals());
  })();
  await device.until(() => device.acks.length === 200);
  expect(device.acks.every(({ status }) => status === 'kept')).toBe(true);
});

test('small messages in a flood are bounded by what a socket yields at once', async () => {
  const source = await newSource({}, { waiting: 1, isRead: false });
  const { url } = await serve(source, { limits: { credit: 4 } });
  const device = await Device.connect(url);
  const bytes = message('0').length;
  for (let i = 0; i < 2000; i++) device.socket.send(message(`${i}`));
  await delay(300);
  expect(source.counts.received).toBeLessThan(4 + 2 + (2 * 65_536) / bytes);
});

test('a device that does not read its answers is slowed, then cut off, and others are served', async () => {
  const source = await newSource();
  const { url } = await serve(source, { heartbeat: 200 });
  const slow = await Device.connect(url);
  const other = await Device.connect(url);
  slow.socket.pause();
  // Answers as long as a reason may be, so that buffers on the way fill up.
  const bad = encodeFrames(
    Array.from({ length: 8 }, () =>
      sentFrame({ scene: 'x'.repeat(200), id: 'y'.repeat(200), timestamp: NaN }),
    ),
  );
  let sent = 0;
  const flood = setInterval(() => {
    for (let i = 0; i < 50 && slow.socket.bufferedAmount < 4e6; i++, sent++) slow.socket.send(bad);
  }, 5);
  try {
    await delay(1500);
    expect(await other.send(message('1'))).toMatchObject({ status: 'kept' });
    while ((await gauges(url)).clients > 1) await delay(50);
  } finally {
    clearInterval(flood);
  }
  expect(sent).toBeGreaterThan(0);
});

async function gauges(url: string): Promise<{ clients: number }> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return { clients: Number(/viewal_clients (\d+)/.exec(text)?.[1]) };
}

test('a connection whose other end is gone is ended, one that only is silent is not', async () => {
  const { url } = await serve(await newSource(), { heartbeat: 100 });
  const silent = await Device.connect(url);
  // Answers no pings: as a device does that lost its power.
  const { port } = new URL(url);
  const dead = connect(Number(port), '127.0.0.1');
  dead.write(
    `GET /ingest HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
  );
  await new Promise((resolve) => dead.once('data', resolve));
  expect((await gauges(url)).clients).toBe(2);
  await new Promise((resolve) => dead.resume().once('close', resolve));
  await delay(250);
  expect((await gauges(url)).clients).toBe(1);
  expect(await silent.send(message('1'))).toMatchObject({ status: 'kept' });
});

test('a message that is too long ends its own connection alone, with the reason as code', async () => {
  const { url } = await serve(await newSource(), { limits: { messageBytes: 10_000 } });
  const [greedy, other] = [await Device.connect(url), await Device.connect(url)];
  greedy.socket.send(new Uint8Array(10_001));
  await greedy.until(() => greedy.closed !== undefined);
  expect(greedy.closed?.code).toBe(1009);
  expect(await other.send(message('1'))).toMatchObject({ status: 'kept' });
});

test('when the disk is full nothing is acknowledged, the sender is told, and later it goes on', async () => {
  let isFull = true;
  const source = await newSource({
    write: async (path, bytes) => {
      if (isFull)
        throw Object.assign(new Error(`ENOSPC: no space left on device, write ${path}`), { code: 'ENOSPC' });
      const { writeFileAtomically } = await import('../../src/files.js');
      await writeFileAtomically(path, bytes);
    },
  });
  const { url } = await serve(source);
  const device = await Device.connect(url);
  const refused = {
    scene: 'room',
    frame: '1',
    status: 'refused',
    reason: "the server's disk is full: it was not stored, send it again later",
    again: true,
  };
  expect(await device.send(message('1'))).toEqual({ type: 'ack', ...refused });
  const response = await post(url, body('1'));
  expect([response.status, await response.json()]).toEqual([503, { frames: [refused] }]);
  expect(source.recording.frames).toEqual([]);
  isFull = false;
  expect(await device.send(message('1'))).toMatchObject({ status: 'kept' });
  expect(source.counts).toMatchObject({ received: 3, kept: 1, refused: 2 });
});

test('after 10 000 damaged messages the same connection is served as before', async () => {
  const source = await newSource({ classes: ['a', 'b'] });
  const { url } = await serve(source);
  const device = await Device.connect(url);
  const good = encodeFrames([sentFrame({ label: LABEL })]);
  const next = random(11);
  let sent = 0;
  while (sent < 10_000) {
    const batch = Math.min(device.credit - (sent - device.acks.length), 10_000 - sent);
    for (let i = 0; i < batch; i++, sent++) {
      const bytes = new Uint8Array(good);
      const at = Math.floor(next() * Math.min(bytes.length - 4, next() < 0.8 ? 2500 : bytes.length));
      const kind = next();
      if (kind < 0.4) bytes[at] ^= 1 << Math.floor(next() * 8);
      else if (kind < 0.8) new DataView(bytes.buffer).setUint32(at & ~3, next() * 2 ** 32, true);
      device.socket.send(kind < 0.8 ? bytes : bytes.subarray(0, at));
    }
    const answered = device.acks.length;
    await device.until(() => device.acks.length > answered || device.closed !== undefined);
    expect(device.closed).toBeUndefined();
  }
  await device.until(() => device.acks.length === sent);
  expect(await device.send(message('the end'))).toMatchObject({ frame: 'the end', status: 'kept' });
  const { received, kept, repeated, refused } = source.counts;
  expect(received).toBe(10_001);
  expect(kept + repeated + refused).toBe(received);
  expect(refused).toBeGreaterThan(1000);
  expect(source.recording.frames.length).toBe(kept);
});

test('when it stops, frames in hand are finished and answered, and devices are told', async () => {
  const source = await newSource({}, { waiting: 1, isRead: false });
  const { server, url } = await serve(source);
  const device = await Device.connect(url);
  for (const id of ['1', '2', '3']) device.socket.send(message(id));
  await device.until(() => device.acks.length === 1);
  await delay(100);
  await server.app.close();
  await device.until(() => device.closed !== undefined);
  expect(device.acks.map(({ status }) => status)).toEqual(['kept', 'kept', 'kept']);
  expect(device.closed).toEqual({ code: 1001, reason: 'the server is stopping' });
  const ids: string[] = [];
  for await (const { id } of source.arrivals()) ids.push(id);
  expect(ids).toEqual(['1', '2', '3']);
});
