// An ingest server in a process of its own, to be killed: `node ingest-process.mjs <folder>`; prints its URL.
import { LiveRecording } from '../../dist/src/live/live-recording.js';
import { NetworkSource } from '../../dist/src/live/network-source.js';
import { createServer } from '../../dist/src/server/server.js';

const recording = await LiveRecording.open(process.argv[2]);
const source = new NetworkSource(recording, {
  gate: { judge: async () => undefined, keep: () => {} },
});
const server = await createServer(source, { address: { host: '127.0.0.1', port: 0 } });
console.log(await server.listen());
for await (const _ of source.arrivals());
