import { readFile } from 'node:fs/promises';
import type { Gpu } from './device.js';

/** Threads of a workgroup; WGSL files state the same as GROUP. */
export const GROUP = 256;

/** WGSL with `to_half`, for kernels that round probabilities as `toHalves` does. */
export const HALF_WGSL = new URL('./half.wgsl', import.meta.url);

/** WGSL of numbers of 64 bits. */
export const WIDE_WGSL = new URL('./wide.wgsl', import.meta.url);

/** Workgroups in one row of a dispatch: below 65 535, the least that WebGPU promises. */
const ROW = 32_768;

/** Workgroup counts x, y for so many groups in a line; kernels number them `x + y · num_workgroups.x`. */
export function grid(groups: number): [x: number, y: number] {
  return [Math.min(groups, ROW), Math.ceil(groups / ROW)];
}

/** Bind groups that a module keeps: more than frames in flight. */
const RECENT = 32;

/** What each device has compiled, by sources and constants: stores of many scenes share their kernels. */
const compiled = new WeakMap<Gpu, Map<string, Promise<KernelModule<string>>>>();

/** Workgroups to dispatch: a number, or where the GPU will have written it. */
export type Workgroups = number | { readonly buffer: GPUBuffer; readonly offset: number };

/**
 * Kernels that are compiled together and share one bind group. Its layout is read from the WGSL: the names of its
 * `var<uniform>` and `var<storage>` are the names to bind.
 */
export class KernelModule<Entry extends string> {
  readonly #device: GPUDevice;
  readonly #layout: GPUBindGroupLayout;
  readonly #bindings: ReadonlyMap<string, number>;
  readonly #pipelines: ReadonlyMap<Entry, GPUComputePipeline>;
  /** Bind groups made of late, the last used first. */
  readonly #recent: { readonly bound: readonly GPUBufferBinding[]; readonly group: GPUBindGroup }[] = [];

  private constructor(
    device: GPUDevice,
    layout: GPUBindGroupLayout,
    bindings: ReadonlyMap<string, number>,
    pipelines: ReadonlyMap<Entry, GPUComputePipeline>,
  ) {
    this.#device = device;
    this.#layout = layout;
    this.#bindings = bindings;
    this.#pipelines = pipelines;
  }

  /**
   * Compiles kernels, once a device.
   *
   * @param sources WGSL files, joined in this order
   * @param entries entry points to compile
   * @param constants values of the WGSL's `override`s; those that it does not declare are passed over
   */
  static load<Entry extends string>(
    gpu: Gpu,
    sources: readonly URL[],
    entries: readonly Entry[],
    constants: Readonly<Record<string, number>>,
  ): Promise<KernelModule<Entry>> {
    const key = [...sources.map(({ href }) => href), ...entries, JSON.stringify(constants)].join();
    const modules = compiled.get(gpu) ?? new Map<string, Promise<KernelModule<string>>>();
    compiled.set(gpu, modules);
    const known = modules.get(key) ?? KernelModule.#compile(gpu, sources, entries, constants);
    modules.set(key, known);
    known.catch(() => modules.delete(key));
    return known as Promise<KernelModule<Entry>>;
  }

  static async #compile(
    { device }: Gpu,
    sources: readonly URL[],
    entries: readonly string[],
    constants: Readonly<Record<string, number>>,
  ): Promise<KernelModule<string>> {
    const code = (await Promise.all(sources.map((url) => readFile(url, 'utf8')))).join('\n');
    const bindings = new Map<string, number>();
    const layoutEntries: GPUBindGroupLayoutEntry[] = [];
    const declaration = /@binding\((\d+)\)\s*var<(\w+)(?:,\s*(\w+))?>\s*(\w+)/g;
    for (const [, number, space, access, name] of code.matchAll(declaration)) {
      const binding = Number(number);
      bindings.set(name, binding);
      const type =
        space === 'uniform' ? 'uniform' : access === 'read_write' ? 'storage' : 'read-only-storage';
      layoutEntries.push({ binding, visibility: GPUShaderStage.COMPUTE, buffer: { type } });
    }
    const bindGroupLayout = device.createBindGroupLayout({ entries: layoutEntries });
    const layout = device.createPipelineLayout({ bindGroupLayouts: [bindGroupLayout] });
    const module = device.createShaderModule({ code });
    const declared = Object.entries(constants).filter(([name]) => code.includes(`override ${name}:`));
    const pipelines = await Promise.all(
      entries.map(async (entryPoint) => {
        const compute = { module, entryPoint, constants: Object.fromEntries(declared) };
        return [
          entryPoint,
          await device.createComputePipelineAsync({ label: entryPoint, layout, compute }),
        ] as const;
      }),
    );
    return new KernelModule(device, bindGroupLayout, bindings, new Map(pipelines));
  }

  /**
   * A bind group of these buffers, by name; more than the module has are passed over. Making one takes tens of
   * microseconds, so those of late are kept for frames whose buffers are used again.
   */
  bind(buffers: Readonly<Record<string, GPUBuffer | GPUBufferBinding>>): GPUBindGroup {
    const bound = [...this.#bindings.keys()].map((name) => {
      const resource = buffers[name];
      if (resource === undefined) throw new Error(`nothing is bound to ${name}`);
      return 'buffer' in resource ? resource : { buffer: resource };
    });
    const index = this.#recent.findIndex((one) =>
      one.bound.every(({ buffer, offset }, i) => buffer === bound[i].buffer && offset === bound[i].offset),
    );
    const [known] = index < 0 ? [] : this.#recent.splice(index, 1);
    const used = known ?? {
      bound,
      group: this.#device.createBindGroup({
        layout: this.#layout,
        entries: [...this.#bindings.values()].map((binding, i) => ({ binding, resource: bound[i] })),
      }),
    };
    this.#recent.unshift(used);
    if (this.#recent.length > RECENT) this.#recent.pop();
    return used.group;
  }

  /** Adds one dispatch to a pass. */
  dispatch(pass: GPUComputePassEncoder, entry: Entry, group: GPUBindGroup, workgroups: Workgroups): void {
    if (workgroups === 0) return;
    pass.setPipeline(this.#pipelines.get(entry)!);
    pass.setBindGroup(0, group);
    if (typeof workgroups === 'number') pass.dispatchWorkgroups(...grid(workgroups));
    else pass.dispatchWorkgroupsIndirect(workgroups.buffer, workgroups.offset);
  }
}
