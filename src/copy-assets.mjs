// Part of `npm run build`: puts shaders, and what the live page is made of beside scripts, next to the compiled modules.
import { copyFileSync, readdirSync } from 'node:fs';

const sources = new URL('./', import.meta.url);
for (const file of readdirSync(sources, { recursive: true }))
  if (/\.(wgsl|html|css|svg)$/.test(file))
    copyFileSync(new URL(file, sources), new URL(`../dist/src/${file}`, sources));
