import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { replay } from '../pipelines/replay.js';
import { openRun } from '../src/stages/run.js';
import { ARROW_TABLES, type ArrowSchema, PARQUET_TABLES, type ParquetSchema } from '../src/tables/schemas.js';
import { QUICK, smallRecording, temporaryFolder } from './sample.js';

test('docs/tables.md describes every column as the schemas do (npx vitest -u writes it)', async () => {
  const section = ({ name, rows, columns }: ParquetSchema | ArrowSchema) =>
    [
      `## ${name}\n`,
      `${rows[0].toUpperCase()}${rows.slice(1)}.\n`,
      '| column | type | unit | meaning |',
      '| --- | --- | --- | --- |',
      ...Object.entries(columns).map(
        ([column, { type, unit, meaning }]) => `| \`${column}\` | ${type} | ${unit ?? ''} | ${meaning} |`,
      ),
    ].join('\n');
  const text = [
    '# Tables\n\nWhat a run folder holds, at `<run>/<table>/scene=<scene>/…`. Written from `src/tables/schemas.ts`.',
    '`?` marks columns that may be null, `[]` lists, `[C]` lists of one value a class. Every file carries in its metadata,',
    'as `viewal.key`, a digest of what it was computed from.\n',
    '# Parquet\n',
    ...PARQUET_TABLES.map((table) => `${section(table)}\n`),
    '# Arrow IPC\n',
    ...ARROW_TABLES.map((table) => `${section(table)}\n`),
  ].join('\n');
  await expect(text).toMatchFileSnapshot('../docs/tables.md');
});

test("the README's library example runs", async () => {
  const readme = await readFile('README.md', 'utf8');
  const code = /```js\n([\s\S]*?)```/.exec(readme)?.[1];
  expect(code).toBeDefined();
  const out = join(await temporaryFolder(), 'run');
  await replay(await openRun(out, QUICK, { recording: await smallRecording(1, 2) }));
  // Inside the project, so that the package finds itself by name.
  const folder = await mkdtemp(resolve('test', '.readme-'));
  try {
    const file = join(folder, 'example.mjs');
    await writeFile(
      file,
      code!
        .replace('runs/sample/model', join(out, 'model'))
        .replace('width: 320, height: 240', 'width: 80, height: 60'),
    );
    const { stdout } = await promisify(execFile)(process.execPath, [file]);
    const lines = stdout.trim().split('\n');
    expect(lines.length).toBe(20);
    for (const line of lines) expect(line).toMatch(/^\d{6} \d\.\d+$/);
  } finally {
    await rm(folder, { recursive: true });
  }
});
