import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { UnfinishedFiles } from './test/unfinished-files.js';

export default defineConfig({
  test: {
    globalSetup: 'test/temporary-folder.ts',
    // Vitest leaves one core free otherwise: of two, half.
    maxWorkers: '100%',
    reporters: ['default', new UnfinishedFiles()],
    setupFiles: 'test/same-cases.ts',
    // Weights that this user has imported must not make tests come out otherwise.
    env: { VIEWAL_CACHE: join(tmpdir(), `viewal-no-cache-${process.pid}`) },
    include: ['test/**/*.test.ts'],
    exclude: ['test/slow/**'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
