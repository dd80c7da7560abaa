import { openGpu } from '../../src/gpu/device.js';

/** The GPU, or why there is none: tests are skipped then, and say so. `.ci/run` installs a software one. */
export const gpu = await openGpu().catch((error: Error) => error.message);

/** For a suite's name. */
export const where = typeof gpu === 'string' ? `skipped: ${gpu}` : `on ${gpu.report.name}`;
