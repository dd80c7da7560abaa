import { openGpu } from '../gpu/device.js';
import { CpuPointStore } from '../store/cpu-point-store.js';
import { GpuPointStore } from '../store/gpu-point-store.js';
import type { PointStore } from '../store/point-store.js';
import { readPoints } from '../tables/points-table.js';
import type { Run } from './run.js';
import type { Scene } from './scene.js';

/** The store that a scene's frames were integrated into, if any were just now. */
export type Integrated =
  | { readonly at: 'cpu'; readonly store: CpuPointStore | undefined }
  | { readonly at: 'gpu'; readonly store: GpuPointStore | undefined };

/** The points of a scene that has been observed: where they were integrated, or read back from the run folder. */
export class ScenePoints {
  private readonly cpu: CpuPointStore | undefined;
  private gpu: GpuPointStore | undefined;
  /** The store to score with first; undefined where the run has none on the GPU. */
  readonly onGpu: (() => Promise<PointStore>) | undefined;

  constructor(
    private readonly run: Run,
    private readonly scene: Scene,
    integrated: Integrated,
  ) {
    if (integrated.at === 'cpu') this.cpu = integrated.store;
    else {
      this.gpu = integrated.store;
      this.onGpu = async () => {
        this.gpu ??= await this.restore(async (classes) => GpuPointStore.create(await openGpu(), classes));
        return this.gpu;
      };
    }
  }

  async onCpu(): Promise<PointStore> {
    return this.cpu ?? this.restore(async (classes) => new CpuPointStore(classes));
  }

  /** Gives the GPU's memory back; its store is not to be asked any more. */
  close(): void {
    this.gpu?.destroy();
    this.gpu = undefined;
  }

  private async restore<S extends PointStore>(create: (classes: number) => Promise<S>): Promise<S> {
    const { folder } = this.run;
    const points = await readPoints(folder, this.scene.name, this.scene.keys.points);
    // A scene whose frames are all bad has none.
    const store = await create(points?.classes ?? 1);
    if (points !== undefined) await store.merge(points);
    return store;
  }
}
