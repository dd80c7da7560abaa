import * as tf from '@tensorflow/tfjs-core';
import type { Size } from '../../../frame.js';
import type { Gpu } from '../../../gpu/device.js';
import { drawMasks } from '../../dropout.js';
import type { Network } from '../../network.js';
import { WebGpuTensors } from '../../webgpu-tensors.js';
import { type ColourImage, InferenceNetwork } from '../inference.js';
import { type McDropoutFrame, type McDropoutOptions, streamOf } from '../mc-dropout.js';
import { MapKernels } from './map-kernels.js';

/**
 * The largest tensor of a group of draws, bytes. tfjs keeps some eight times as much: 20 draws of the full head at 320×240
 * go in two groups, and take 0.56 GB rather than 1.01.
 */
const LARGEST_TENSOR = 64 * 2 ** 20;

/**
 * `McDropout` on the GPU: the same masks from the same streams. Draws go through the head as the images of one batch,
 * because a GPU is idle while tfjs records commands for a single one; nothing is read back on the way.
 */
export class GpuMcDropout {
  private constructor(
    private readonly tensors: WebGpuTensors,
    private readonly network: Network,
    private readonly options: McDropoutOptions,
    private readonly inference: InferenceNetwork,
    readonly kernels: MapKernels,
    private readonly largestTensor: number,
  ) {}

  /** @param largestTensor the most bytes of a tensor of several draws */
  static async create(
    gpu: Gpu,
    network: Network,
    options: McDropoutOptions,
    largestTensor = LARGEST_TENSOR,
  ): Promise<GpuMcDropout> {
    tf.enableProdMode();
    const tensors = WebGpuTensors.start(gpu);
    const kernels = await MapKernels.create(gpu, network.config.classes);
    const inference = new InferenceNetwork(network, 'stock');
    return new GpuMcDropout(tensors, network, options, inference, kernels, largestTensor);
  }

  /**
   * Submits all of a frame's work; its colours have been read when this returns.
   * @param map as `MapKernels.allocate` gives it; holds the mean when what was submitted is done
   */
  submit(frame: McDropoutFrame, map: GPUBuffer): void {
    const { draws, seed } = this.options;
    const { config } = this.network;
    const passes = Math.max(draws, 1);
    const most = this.drawsAtOnce(frame);
    this.tensors.run(() => {
      const features = this.inference.features(frame);
      for (let from = 0; from < passes; from += most) {
        const count = Math.min(most, passes - from);
        const logits = tf.tidy(() => {
          if (draws === 0) return this.inference.logits(features);
          const streams = Array.from({ length: count }, (_, i) => streamOf(seed, frame, from + i));
          return this.inference.logits(features, drawMasks(config, streams));
        });
        this.kernels.addDraws(map, frame, this.tensors.bufferOf(logits), count, passes, from === 0);
        logits.dispose();
      }
      tf.dispose([...features.high, features.low]);
    });
  }

  /** `InferenceNetwork.describe`; its colours have been read when this returns. */
  async describe(image: ColourImage): Promise<Float32Array> {
    const { gpu } = this.tensors;
    const words = this.tensors.run(() => {
      const mean = this.inference.meanFeatures(image);
      const read = gpu.read(this.tensors.bufferOf(mean), mean.size);
      mean.dispose();
      return read;
    });
    const { buffer, byteOffset, length } = await words;
    return new Float32Array(buffer, byteOffset, length);
  }

  dispose(): void {
    this.inference.dispose();
    this.kernels.destroy();
  }

  /** As many draws as make no tensor too large, in groups that are as even as can be. */
  private drawsAtOnce({ width, height }: Size): number {
    const { draws } = this.options;
    const channels = this.network.tensors.get('decoder/refine1/point/weights')!.shape[2];
    const bytes = 4 * channels * Math.ceil(width / 4) * Math.ceil(height / 4);
    const room = Math.min(this.largestTensor, this.tensors.gpu.device.limits.maxStorageBufferBindingSize);
    const most = Math.max(1, Math.floor(room / bytes));
    const groups = Math.max(1, Math.ceil(draws / most));
    return Math.max(1, Math.ceil(draws / groups));
  }
}
