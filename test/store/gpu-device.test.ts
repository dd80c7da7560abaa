import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { closeGpu, openGpu } from '../../src/gpu/device.js';
import { GpuError } from '../../src/gpu/errors.js';
import { sumIncidences } from '../../src/store/bin.js';
import { footprintOf } from '../../src/store/footprint.js';
import { GpuPointStore } from '../../src/store/gpu-point-store.js';
import { randomFrame } from '../random-frames.js';
import { gpu, where } from './gpu-setting.js';

const { frame, superpixels, probabilities } = randomFrame(1);
const rows = sumIncidences(footprintOf(frame, superpixels, 0.05), probabilities);

describe.skipIf(typeof gpu === 'string')(`the device, ${where}`, () => {
  afterAll(closeGpu);

  test('is opened once, with all that its adapter offers', async () => {
    const one = await openGpu();
    expect(await openGpu()).toBe(one);
    expect(one.report.name).not.toBe('');
    for (const name of [
      'maxBufferSize',
      'maxStorageBufferBindingSize',
      'maxStorageBuffersPerShaderStage',
    ] as const)
      expect(one.device.limits[name]).toBe(one.adapter.limits[name]);
  });

  test('says when memory is short, and goes on', async () => {
    const one = await openGpu();
    const size = one.device.limits.maxStorageBufferBindingSize + 4;
    const refused = await one.allocate(size, GPUBufferUsage.STORAGE, 'a').catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(GpuError);
    expect(refused).toMatchObject({
      kind: 'memory',
      message: expect.stringMatching(/has no room for \d+ MiB more/),
    });
    const store = await GpuPointStore.create(one, 5);
    await store.integrate(rows, 'a');
    store.destroy();
  });

  test('says that it was lost, to every call from then on, and another can be opened', async () => {
    const one = await openGpu();
    const store = await GpuPointStore.create(one, 5);
    await store.integrate(rows, 'a');
    const under = store.score(rows);
    one.device.destroy();
    const lost = { name: 'UserError', kind: 'lost' };
    await expect(under.catch((error: unknown) => Promise.reject(error))).rejects.toMatchObject(lost);
    await expect(store.integrate(rows, 'b')).rejects.toMatchObject(lost);
    await expect(store.snapshot()).rejects.toMatchObject(lost);
    const other = await openGpu();
    expect(other).not.toBe(one);
    const again = await GpuPointStore.create(other, 5);
    await again.integrate(rows, 'a');
    expect((await again.snapshot()).pixels.length).toBeGreaterThan(0);
    again.destroy();
  });
});

test('a machine without a driver is told so in one sentence', async () => {
  const script = `
    const { openGpu } = await import(${JSON.stringify(new URL('../../dist/src/gpu/device.js', import.meta.url).href)});
    await openGpu().catch((error) => console.log(error.name, error.kind, error.message));
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    // No Vulkan driver is where none of these point; other systems have theirs built in.
    env: { ...process.env, VK_DRIVER_FILES: '/nowhere', VK_ICD_FILENAMES: '/nowhere' },
  });
  if (process.platform === 'linux')
    expect(stdout).toMatch(/^UserError missing .*(No GPU was found|does not load)[^\n]*\n$/);
});
