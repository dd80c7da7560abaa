import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { openRecording } from '../src/sources/open.js';
import { SIZE } from './figure.js';

/**
 * Lists an MCAP file and reads its frames. Prints the heap that the listing holds, kB, and by how much the heap and what lies
 * outside it had grown after all frames were read. Argument: the file.
 */
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const held = () => {
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 1000;
};
const path = process.argv[2]!;
const before = held();
const recording = await openRecording(path);
const listed = held();
for (const entry of recording.frames.slice(0, 200)) await recording.read(entry, SIZE);
const begun = held();
const rss = process.memoryUsage.rss();
for (const entry of recording.frames) await recording.read(entry, SIZE);
const grown = held() - begun;
console.log(JSON.stringify({ index: listed - before, grown, rss: (process.memoryUsage.rss() - rss) / 1000 }));
