import { readFileSync } from 'node:fs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { workerUrl } from '../../worker-url.js';

/** A byte address on the heap of tfjs-backend-wasm. */
export type Address = number;

/** The functions of `assembly/`; each is documented there. */
export interface KernelExports {
  add(a: Address, b: Address, sum: Address, n: number): void;
  batchNormSums(x: Address, pixels: number, channels: number, sums: Address): void;
  affineClamp(
    x: Address,
    factor: Address,
    constant: Address,
    y: Address,
    pixels: number,
    channels: number,
    low: number,
    high: number,
  ): void;
  batchNormGradientSums(
    x: Address,
    dy: Address,
    factor: Address,
    constant: Address,
    mean: Address,
    pixels: number,
    channels: number,
    low: number,
    high: number,
    sums: Address,
  ): void;
  batchNormGradient(
    x: Address,
    dy: Address,
    factor: Address,
    constant: Address,
    mean: Address,
    slope: Address,
    shift: Address,
    dx: Address,
    pixels: number,
    channels: number,
    low: number,
    high: number,
  ): void;
  columnSums(x: Address, rows: number, columns: number, sums: Address): void;
  depthwiseFilterGradient(
    x: Address,
    dy: Address,
    dw: Address,
    height: number,
    width: number,
    channels: number,
    outHeight: number,
    outWidth: number,
    size: number,
    stride: number,
    dilation: number,
    top: number,
    left: number,
  ): void;
  depthwiseInputGradient(
    dy: Address,
    filter: Address,
    dx: Address,
    height: number,
    width: number,
    channels: number,
    outHeight: number,
    outWidth: number,
    size: number,
    stride: number,
    dilation: number,
    top: number,
    left: number,
  ): void;
  patches(
    x: Address,
    lines: Address,
    from: number,
    to: number,
    height: number,
    width: number,
    channels: number,
    outWidth: number,
    size: number,
    stride: number,
    dilation: number,
    top: number,
    left: number,
  ): void;
  packBy8(x: Address, rows: number, columns: number, panels: Address): void;
  packTransposedBy8(x: Address, rows: number, columns: number, panels: Address): void;
  productScratch(m: number, n: number): number;
  addProduct(
    x: Address,
    y: Address,
    out: Address,
    rows: number,
    m: number,
    n: number,
    scratch: Address,
  ): void;
  momentumStep(
    weights: Address,
    gradient: Address,
    velocity: Address,
    newWeights: Address,
    newVelocity: Address,
    n: number,
    rate: number,
    momentum: number,
    decay: number,
  ): void;
  crossEntropy(
    logits: Address,
    labels: Address,
    weights: Address,
    gradient: Address,
    sums: Address,
    scratch: Address,
    height: number,
    width: number,
    classes: number,
  ): void;
  upsample(small: Address, large: Address, n: number, h: number, w: number, channels: number): void;
  upsampleGradient(large: Address, small: Address, n: number, h: number, w: number, channels: number): void;
  pointwise(
    x: Address,
    filters: Address,
    start: Address,
    startStride: number,
    out: Address,
    pixels: number,
    inputs: number,
    outputs: number,
    low: number,
    high: number,
  ): void;
  addSoftmax(
    logits: Address,
    sum: Address,
    scratch: Address,
    height: number,
    width: number,
    classes: number,
  ): void;
  meanHalves(
    sum: Address,
    out: Address,
    height: number,
    width: number,
    classes: number,
    factor: number,
  ): void;
}

/** What tfjs-backend-wasm 4.22 does not declare: Emscripten's module behind it. */
interface HeapOwner {
  readonly wasm: {
    readonly asm: { readonly memory: WebAssembly.Memory };
    _malloc(bytes: number): Address;
    _free(address: Address): void;
  };
  readonly dataIdMap: { get(dataId: object): { readonly memoryOffset: Address } };
}

/** The kernels of `assembly/`, linked over the heap on which tfjs-backend-wasm keeps its tensors. */
export interface LinkedKernels {
  readonly call: KernelExports;
  /** Where a tensor's values begin; valid while the tensor lives. */
  addressOf(tensor: tf.TensorInfo): Address;
  /** A fresh float32 tensor whose values are whatever lay there. */
  allocate(shape: readonly number[]): tf.TensorInfo;
  /** Lends `bytes` of scratch memory to `use`, then frees it. */
  scratch<T>(bytes: number, use: (address: Address) => T): T;
  /** The heap as it is now: memory that grows detaches older views, so take it after the last allocation. */
  heap(): ArrayBuffer;
}

let linked: LinkedKernels | undefined;

/**
 * Links the kernels to this thread's wasm backend, which must have started; later calls give the same.
 * @throws Error if the compiled kernels are absent (`npm run build` makes them) or the engine has no SIMD
 */
export function linkKernels(): LinkedKernels {
  linked ??= link();
  return linked;
}

/** tfjs takes what malloc gives, and would go on at address 0 where WebAssembly's 4 GB are full. */
function refuseAddressZero(wasm: HeapOwner['wasm']): void {
  const { _malloc: malloc } = wasm;
  wasm._malloc = (bytes) => {
    const address = malloc(bytes);
    if (address === 0 && bytes > 0)
      throw new Error(
        `WebAssembly's memory of 4 GB has no room for ${bytes} bytes more: smaller images, crops or batches need less`,
      );
    return address;
  };
}

function link(): LinkedKernels {
  const backend = tf.findBackend('wasm') as BackendWasm;
  const { wasm, dataIdMap } = backend as unknown as HeapOwner;
  const { memory } = wasm.asm;
  refuseAddressZero(wasm);
  const module = new WebAssembly.Module(readFileSync(workerUrl(import.meta.url, './kernels.wasm')));
  const instance = new WebAssembly.Instance(module, { env: { memory } });
  return {
    call: instance.exports as unknown as KernelExports,
    addressOf: ({ dataId }) => dataIdMap.get(dataId).memoryOffset >>> 0,
    allocate: (shape) => backend.makeOutput([...shape], 'float32'),
    scratch(bytes, use) {
      const address = wasm._malloc(bytes) >>> 0;
      try {
        return use(address);
      } finally {
        wasm._free(address);
      }
    },
    heap: () => memory.buffer,
  };
}
