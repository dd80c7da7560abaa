// Part of `npm run build`: puts WGSL beside the compiled modules that load it.
import { copyFileSync, readdirSync } from 'node:fs';

const sources = new URL('../', import.meta.url);
for (const file of readdirSync(sources, { recursive: true }))
  if (file.endsWith('.wgsl')) copyFileSync(new URL(file, sources), new URL(`../dist/src/${file}`, sources));
