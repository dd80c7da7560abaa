import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    globalSetup: 'test/temporary-folder.ts',
    setupFiles: 'test/same-cases.ts',
    // Weights that this user has imported must not make tests come out otherwise.
    env: { VIEWAL_CACHE: join(tmpdir(), `viewal-no-cache-${process.pid}`) },
    include: ['test/slow/**/*.test.ts'],
    testTimeout: 1_800_000,
    hookTimeout: 600_000,
    fileParallelism: false,
  },
});
