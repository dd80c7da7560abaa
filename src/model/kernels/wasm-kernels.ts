import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { replaceKernel } from './replace-kernel.js';

/**
 * Replaces two kernels of tfjs-backend-wasm 4.22 that copy far more than they must: Identity copies the buffer
 * (and the gradient tape clones every tensor it saves), Slice first copies the whole input out of the heap and
 * then moves one innermost row at a time. Idempotent.
 */
export function registerWasmKernels(): void {
  if (isRegistered) return;
  isRegistered = true;
  replaceKernel('Identity', (args) => {
    const x = args.inputs.x!;
    if (x.dtype === 'string') return undefined;
    // Tensors are never written in place, so both may share the buffer, as Reshape's result does.
    (args.backend as BackendWasm).incRef(x.dataId);
    return { dataId: x.dataId, shape: x.shape, dtype: x.dtype };
  });
  replaceKernel('Slice', (args) => {
    const x = args.inputs.x!;
    if (x.dtype !== 'float32' && x.dtype !== 'int32') return undefined;
    const { begin, size } = args.attrs as unknown as tf.SliceAttrs;
    return slice(args.backend as BackendWasm, x, begin, size);
  });
}

let isRegistered = false;

/** Numbers below which a loop copies them faster than a call. */
const SHORT_RUN = 64;

function slice(
  backend: BackendWasm,
  x: tf.TensorInfo,
  begin: number | number[],
  size: number | number[],
): tf.TensorInfo {
  const [from, extent] = tf.slice_util.parseSliceParams(x as tf.Tensor, begin, size) as [number[], number[]];
  const out = backend.makeOutput(extent, x.dtype);
  if (extent.includes(0)) return out;

  // Everything inside `axis` is taken whole, so one run spans it.
  let axis = x.shape.length - 1;
  let inner = 1;
  while (axis > 0 && extent[axis] === x.shape[axis]) inner *= x.shape[axis--];
  const strides = [...tf.util.computeStrides(x.shape), 1];
  const run = (extent[axis] ?? 1) * inner;
  const base = from.reduce((sum, start, d) => sum + start * strides[d], 0);

  // Both views are taken after the allocation: growing the heap detaches older ones.
  const source = backend.typedArrayFromHeap(x);
  const target = backend.typedArrayFromHeap(out);
  const index = new Array<number>(axis).fill(0);
  let offset = base;
  for (let written = 0; written < target.length; written += run) {
    if (run < SHORT_RUN) for (let i = 0; i < run; i++) target[written + i] = source[offset + i];
    else target.set(source.subarray(offset, offset + run), written);
    for (let d = axis - 1; d >= 0; d--) {
      offset += strides[d];
      if (++index[d] < extent[d]) break;
      offset -= extent[d] * strides[d];
      index[d] = 0;
    }
  }
  return out;
}
