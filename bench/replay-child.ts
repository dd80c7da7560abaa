import { replay } from '../pipelines/replay.js';
import { openRun } from '../src/stages/run.js';

/** Replays a recording and prints the largest resident set of the process, kB. Arguments: recording, run folder. */
const [recording, out] = process.argv.slice(2);
await replay(await openRun(out, { draws: 1, steps: 2 }, { recording }));
console.log(process.resourceUsage().maxRSS);
