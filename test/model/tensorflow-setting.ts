import { findTensorflow } from '../../src/model/tensorflow/tensorflow.js';

/** Why native TensorFlow cannot be tested here; undefined where it can. CI has none: docs/tensorflow.md says how to get it. */
export const missing = await findTensorflow('tensorflow').then(
  () => undefined,
  (error: Error) => {
    // The reporter names no skipped suites.
    console.warn(`Tests of native TensorFlow are skipped: ${error.message}`);
    return error.message;
  },
);

/** What `auto` comes to where there is no GPU. */
export const withoutGpu = missing === undefined ? 'tensorflow' : 'wasm';

/** For a suite's name. */
export const where = missing === undefined ? 'on TensorFlow' : `skipped: ${missing}`;
