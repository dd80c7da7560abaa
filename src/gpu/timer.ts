/** Times compute passes by the GPU's own clock. Needs the feature `timestamp-query`. */
export class GpuTimer {
  readonly #device: GPUDevice;
  readonly #queries: GPUQuerySet;
  readonly #resolved: GPUBuffer;
  readonly #labels: string[] = [];

  /** @param passes the most passes between two readings; later ones go untimed */
  constructor(
    device: GPUDevice,
    readonly passes = 2048,
  ) {
    this.#device = device;
    this.#queries = device.createQuerySet({ type: 'timestamp', count: 2 * passes });
    this.#resolved = device.createBuffer({
      size: 16 * passes,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    });
  }

  /** Where the next pass writes its times. */
  stamp(label: string): GPUComputePassTimestampWrites | undefined {
    const index = this.#labels.length;
    if (index === this.passes) return undefined;
    this.#labels.push(label);
    return {
      querySet: this.#queries,
      beginningOfPassWriteIndex: 2 * index,
      endOfPassWriteIndex: 2 * index + 1,
    };
  }

  /** Seconds spent in passes of each label since the last reading. */
  async read(): Promise<Map<string, number>> {
    const seconds = new Map<string, number>();
    const count = this.#labels.length;
    if (count === 0) return seconds;
    const staging = this.#device.createBuffer({
      size: 16 * count,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    const encoder = this.#device.createCommandEncoder();
    encoder.resolveQuerySet(this.#queries, 0, 2 * count, this.#resolved, 0);
    encoder.copyBufferToBuffer(this.#resolved, 0, staging, 0, 16 * count);
    this.#device.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    const times = new BigUint64Array(staging.getMappedRange());
    this.#labels.forEach((label, i) => {
      const spent = Number(times[2 * i + 1] - times[2 * i]) / 1e9;
      seconds.set(label, (seconds.get(label) ?? 0) + spent);
    });
    staging.destroy();
    this.#labels.length = 0;
    return seconds;
  }
}
