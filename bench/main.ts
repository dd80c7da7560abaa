import { cpus } from 'node:os';
import Table from 'cli-table3';
import { benchAgreement } from './agreement.js';
import type { Figure } from './figure.js';
import { benchIngest } from './ingest.js';
import { benchLive } from './live.js';
import { benchMcap } from './mcap.js';
import { benchMemory } from './memory.js';
import { benchNetwork } from './network.js';
import { benchSelection } from './selection.js';
import { benchSens } from './sens.js';
import { benchStore } from './store.js';
import { benchSuperpixels } from './superpixels.js';

/** `npm run bench`, or `npm run bench -- store selection` for some of it. Prints a table, then the same as JSON. */
const BENCHES: Record<string, () => Promise<Figure[]>> = {
  store: benchStore,
  superpixels: benchSuperpixels,
  selection: benchSelection,
  network: benchNetwork,
  live: benchLive,
  ingest: benchIngest,
  sens: benchSens,
  mcap: benchMcap,
  agreement: benchAgreement,
  memory: benchMemory,
};

const asked = process.argv.slice(2);
const unknown = asked.find((name) => !(name in BENCHES));
if (unknown !== undefined) {
  console.error(`There is no bench "${unknown}": expected ${Object.keys(BENCHES).join(', ')}.`);
  process.exit(1);
}
const figures: Figure[] = [];
for (const [name, bench] of Object.entries(BENCHES)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  console.error(`${name} …`);
  figures.push(...(await bench()));
}
figures.push({ name: 'peak memory of this bench', value: process.resourceUsage().maxRSS / 1000, unit: 'MB' });

const table = new Table({
  head: ['figure', 'measured', '', 'target'],
  style: { head: [], border: [] },
  chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
  colAligns: ['left', 'right', 'left', 'right'],
});
for (const { name, value, unit, target } of figures)
  table.push([name, value >= 100 ? value.toFixed(0) : value.toPrecision(3), unit, target ?? '']);
console.log(`Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model.trim()}`);
console.log(`${table}`);
console.log(JSON.stringify(figures));
process.exit(0);
