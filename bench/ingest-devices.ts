import { WebSocket } from 'ws';
import { encodeFrames } from '../src/live/frame-message.js';
import { random } from '../src/random.js';
import { capturedFrames, moved } from './captured.js';

/**
 * Cameras that send frames at a rate, each a scene of its own; prints what was answered. A frame that is due while the credit is
 * spent is left out, as a camera would. Arguments: URL, devices, frames a second, seconds.
 */
const [url, devices, fps, seconds] = [process.argv[2]!, ...process.argv.slice(3).map(Number)] as [
  string,
  number,
  number,
  number,
];
const frames = await capturedFrames();
const kept: string[] = [];
const latencies: number[] = [];
let leftOut = 0;
let refused = 0;

async function send(device: number): Promise<void> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ingest`, { perMessageDeflate: false });
  const next = random(device);
  const sent: number[] = [];
  let credit = 0;
  let answered = 0;
  let done = () => {};
  socket.on('message', (data) => {
    const message = JSON.parse(String(data));
    if (message.type === 'credit') credit = message.frames;
    else {
      latencies.push(performance.now() - sent[answered++]!);
      if (message.status === 'kept') kept.push(`${message.scene}/${message.frame}`);
      else refused++;
    }
    if (answered === sent.length) done();
  });
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  const start = performance.now() + (1000 / fps) * next(); // cameras are not in step
  for (let i = 0; i < fps * seconds; i++) {
    const due = start + (1000 * i) / fps;
    const wait = due - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    if (sent.length - answered >= credit) {
      leftOut++;
      continue;
    }
    const frame = moved(frames[i % frames.length]!, `camera ${device}`, `${i}`.padStart(6, '0'), next);
    sent.push(performance.now());
    socket.send(encodeFrames([frame]));
  }
  await new Promise<void>((resolve) => {
    done = resolve;
    socket.once('close', () => resolve());
    if (answered === sent.length) resolve();
  });
  socket.close();
}

await Promise.all(Array.from({ length: devices }, (_, device) => send(device)));
latencies.sort((a, b) => a - b);
const quantile = (share: number) =>
  latencies[Math.min(latencies.length - 1, Math.floor(share * latencies.length))];
console.log(
  JSON.stringify({ kept, refused, leftOut, p50: quantile(0.5), p95: quantile(0.95), p99: quantile(0.99) }),
);
