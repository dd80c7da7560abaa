import { request } from 'node:http';
import { expect, test } from 'vitest';
import { UserError } from '../../src/errors.js';
import { encodeFrames } from '../../src/live/frame-message.js';
import { isLoopback, parseAddress } from '../../src/server/options.js';
import { createServer } from '../../src/server/server.js';
import { newSource, sentFrame } from '../live/frames.js';
import { Device, serve } from './clients.js';

/** Status of a request, with headers that fetch would not send. */
function statusOf(url: string, headers: Record<string, string>, method = 'GET'): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(url, { method, headers }, (response) => resolve(response.resume().statusCode))
      .on('error', reject)
      .end();
  });
}

/** Why a WebSocket is not let in, as its status; undefined where it is. */
async function socketStatus(url: string, headers: Record<string, string> = {}): Promise<number | undefined> {
  try {
    await Device.connect(url, headers);
    return undefined;
  } catch (error) {
    return Number(/Unexpected server response: (\d+)/.exec((error as Error).message)?.[1]);
  }
}

test.each([
  ['127.0.0.1:8700', '127.0.0.1', 8700],
  ['0.0.0.0:1', '0.0.0.0', 1],
  ['[::1]:8700', '::1', 8700],
  ['camera-host.local:80', 'camera-host.local', 80],
  [':8700', '127.0.0.1', 8700],
  ['8700', '127.0.0.1', 8700],
])('%s is an address', (text, host, port) => {
  expect(parseAddress(text)).toEqual({ host, port });
});

test.each(['', '127.0.0.1', '::1:8700', 'host:port', 'host:70000', 'http://host:80'])(
  '"%s" is none',
  (text) => {
    expect(() => parseAddress(text)).toThrow(UserError);
  },
);

test('loopback is what only this machine reaches', () => {
  expect(['127.0.0.1', '127.9.9.9', '::1', 'localhost'].every(isLoopback)).toBe(true);
  expect(['0.0.0.0', '::', '192.168.0.1', '127.evil.com', '127.0.0.1.evil.com', ''].some(isLoopback)).toBe(
    false,
  );
});

test.each(['0.0.0.0', '::', '192.168.1.7', 'camera-host'])('listening on %s needs a token', async (host) => {
  const source = await newSource();
  await expect(createServer(source, { address: { host, port: 0 } })).rejects.toThrow(
    `Listening on ${host} lets other machines in: expected a token that they must show.`,
  );
  await expect(createServer(source, { address: { host, port: 0 }, token: '' })).rejects.toThrow(UserError);
});

test('with a token, nothing but /healthz answers without it', async () => {
  const { url } = await serve(await newSource(), { token: 'tüß-secret' });
  const encoded = encodeURIComponent('tüß-secret');
  expect(await statusOf(`${url}/healthz`, {})).toBe(200);
  expect(await statusOf(`${url}/metrics`, {})).toBe(401);
  expect(await statusOf(`${url}/frames`, {}, 'POST')).toBe(401);
  expect(await statusOf(`${url}/nothing`, {})).toBe(401);
  expect(await statusOf(`${url}/metrics?token=wrong`, {})).toBe(401);
  expect(await statusOf(`${url}/metrics?token=${encoded}`, {})).toBe(200);
  expect(await statusOf(`${url}/metrics?token=${encoded}&token=x`, {})).toBe(401);
  expect(await socketStatus(url)).toBe(401);
  expect(await socketStatus(url, { authorization: 'Bearer wrong' })).toBe(401);
});

test('who is refused leaves no connection behind', async () => {
  const { server, url } = await serve(await newSource(), { token: 's3cret' });
  expect(await socketStatus(url)).toBe(401);
  await server.app.close();
  expect(await new Promise((resolve) => server.app.server.getConnections((_, n) => resolve(n)))).toBe(0);
});

test('the token may come as a header', async () => {
  const { url } = await serve(await newSource(), { token: 's3cret' });
  expect(await statusOf(`${url}/metrics`, { authorization: 'Bearer s3cret' })).toBe(200);
  expect(await statusOf(`${url}/metrics`, { authorization: 'bearer s3cret' })).toBe(200);
  expect(await statusOf(`${url}/metrics`, { authorization: 'Basic s3cret' })).toBe(401);
  expect(await statusOf(`${url}/metrics`, { authorization: 'Bearer s3cre' })).toBe(401);
  expect(await socketStatus(url, { authorization: 'Bearer s3cret' })).toBeUndefined();
  // With a token the server may go by any name.
  expect(await statusOf(`${url}/metrics`, { authorization: 'Bearer s3cret', host: 'cameras.example' })).toBe(
    200,
  );
});

test('pages from other places may not use a local server', async () => {
  const { url } = await serve(await newSource());
  const { host, port } = new URL(url);
  for (const origin of [
    'http://evil.example',
    'null',
    `http://localhost:${port}`,
    'http://127.0.0.1',
    'nonsense',
  ]) {
    expect(await socketStatus(url, { origin })).toBe(403);
    expect(await statusOf(`${url}/frames`, { origin }, 'POST')).toBe(403);
  }
  expect(await socketStatus(url, { origin: `http://${host}` })).toBeUndefined();
  // A name of theirs that leads here.
  const rebound = { origin: 'http://evil.example:80', host: 'evil.example:80' };
  expect(await socketStatus(url, rebound)).toBe(403);
  for (const name of ['evil.example', `127.0.0.1.evil.example:${port}`, '[::1', 'localhost@evil.example'])
    expect(await statusOf(`${url}/metrics`, { host: name })).not.toBe(200);
  for (const name of [`localhost:${port}`, 'LOCALHOST', '[::1]:9', '127.0.0.1'])
    expect(await statusOf(`${url}/metrics`, { host: name })).toBe(200);
});

test('no more clients than the limit', async () => {
  const { url } = await serve(await newSource(), { limits: { clients: 2 } });
  const first = await Device.connect(url);
  await Device.connect(url);
  expect(await socketStatus(url)).toBe(429);
  expect(await statusOf(`${url}/frames`, { 'content-type': 'application/octet-stream' }, 'POST')).toBe(429);
  first.socket.close();
  await first.until(() => first.closed !== undefined);
  while ((await socketStatus(url)) !== undefined);
});

test('scenes, pixels and disk have limits, and the reasons say so', async () => {
  const source = await newSource({ scenes: 1, bytes: 3 * encodeFrames([sentFrame()]).length });
  const { url } = await serve(source, { limits: { pixels: 48 } });
  const device = await Device.connect(url);
  const reasonOf = async (some: Parameters<typeof sentFrame>[0]) =>
    (await device.send(encodeFrames([sentFrame(some)]))).reason;
  expect(await reasonOf({ id: '1' })).toBeUndefined();
  expect(await reasonOf({ scene: 'b' })).toMatch(/^b\/1: a new scene, but there are 1 already/);
  const { depth } = sentFrame();
  const big = { ...depth, encoding: 'uint16', bytes: new Uint8Array(98), width: 7, height: 7 } as const;
  expect(await reasonOf({ id: '2', depth: big })).toBe(
    'row 0, column depth: 7×7, expected at most 48 pixels',
  );
  expect(await reasonOf({ id: '3' })).toBeUndefined();
  expect(await reasonOf({ id: '4' })).toBeUndefined();
  expect(await reasonOf({ id: '5' })).toMatch(/^room\/5: the recording would grow beyond \d+ bytes/);
});

test('an address that cannot be had is told in a sentence', async () => {
  const { url } = await serve(await newSource());
  const port = Number(new URL(url).port);
  await expect(serve(await newSource(), { address: { host: '127.0.0.1', port } })).rejects.toThrow(
    `Port ${port} of 127.0.0.1 is in use: choose another, or stop what uses it.`,
  );
});

test('/metrics tells what became of frames', async () => {
  const source = await newSource();
  const { url } = await serve(source);
  const device = await Device.connect(url);
  const bytes = encodeFrames([sentFrame()]);
  await device.send(bytes);
  await device.send(bytes);
  await device.send('nonsense');
  const text = await (await fetch(`${url}/metrics`)).text();
  for (const line of [
    'viewal_frames_received_total 3',
    'viewal_frames_kept_total 1',
    'viewal_frames_repeated_total 1',
    'viewal_frames_refused_total 1',
    'viewal_frames_skipped_total{reason="still"} 0',
    'viewal_frames_skipped_total{reason="blurred"} 0',
    'viewal_clients 1',
    `viewal_received_bytes_total ${2 * bytes.length + 8}`,
    `viewal_recording_bytes ${bytes.length}`,
    'viewal_recording_scenes 1',
    'viewal_ingest_seconds_count{status="kept"} 1',
  ])
    expect(text).toContain(`\n${line}\n`);
});

test('the token is not logged', async () => {
  const lines: string[] = [];
  const { write } = process.stderr;
  process.stderr.write = ((line: string) => lines.push(String(line)) > 0) as typeof write;
  try {
    const { url } = await serve(await newSource(), { token: 's3cret', log: true });
    await fetch(`${url}/nothing?token=s3cret`);
  } finally {
    process.stderr.write = write;
  }
  expect(lines.some((line) => line.includes('"/nothing"'))).toBe(true);
  expect(lines.join('')).not.toContain('s3cret');
});
