import { openGpu } from '../../src/gpu/device.js';

/**
 * The GPU, or why there is none: tests are skipped then, and say so. `.ci/run` installs a software one and expects it.
 */
export const gpu = await openGpu().catch((error: Error) => {
  if (process.env.VIEWAL_EXPECT_GPU !== undefined) throw error;
  // The reporter names no skipped suites.
  console.warn(`Tests of the GPU are skipped: ${error.message}`);
  return error.message;
});

/** For a suite's name. */
export const where = typeof gpu === 'string' ? `skipped: ${gpu}` : `on ${gpu.report.name}`;
