import { createRequire } from 'node:module';
import process from 'node:process';

/** What TensorFlow says of itself. */
export interface Probe {
  /** TensorFlow's own version, not the package's. */
  readonly version: string;
  /** Whether it sees a GPU, which it then computes on. */
  readonly gpu: boolean;
}

/** What tfjs-node's binding to TensorFlow offers; the package comes with types that are not installed here. */
interface TfjsNode {
  readonly backend: () => {
    readonly binding: { readonly TF_Version: string };
    readonly isUsingGpuDevice: boolean;
  };
  readonly addN: (terms: readonly unknown[]) => { readonly dataSync: () => ArrayLike<number> };
  readonly scalar: (value: number) => unknown;
}

// A module with top-level effects, meant only to be the main module of a process of its own: it loads the package that
// it is given and prints one line of JSON, a Probe, last. TensorFlow ends a process that it cannot run in, and reports on
// stderr what it misses for a GPU.
const tf = createRequire(import.meta.url)(process.argv[2]!) as TfjsNode;
const { binding, isUsingGpuDevice } = tf.backend();
// What loads need not compute: tfjs-node 4.22 does the one and not the other on Node 23 and later.
const one = tf.scalar(1);
if (tf.addN([one, one]).dataSync()[0] !== 2) throw new Error('it takes 1 + 1 for something else than 2');
const probe: Probe = { version: binding.TF_Version, gpu: isUsingGpuDevice };
console.log(JSON.stringify(probe));
