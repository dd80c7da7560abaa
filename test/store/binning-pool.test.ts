import { lastValueFrom, of } from 'rxjs';
import { afterAll, describe, expect, test } from 'vitest';
import { BadFrameError } from '../../src/errors.js';
import { bin } from '../../src/operators/bin.js';
import { binInThreads } from '../../src/operators/bin-in-threads.js';
import { BinningPool } from '../../src/store/binning-pool.js';
import { randomFrame } from '../random-frames.js';

describe('binning in threads', () => {
  const pool = new BinningPool(2, 0.05);
  afterAll(() => pool.close());

  test('gives what it gives in this thread, of many frames at once, and leaves their images alone', async () => {
    const seen = Array.from({ length: 7 }, (_, i) => randomFrame(i, { holes: i / 10 }));
    const bins = binInThreads(() => pool);
    const all = await Promise.all(seen.map((one) => lastValueFrom(of(one).pipe(bins))));
    for (const [i, one] of seen.entries()) {
      expect(all[i]).toEqual(await lastValueFrom(of(one).pipe(bin(0.05))));
      for (const { length } of [one.frame.depth, one.superpixels.ids]) expect(length).toBe(24 * 18);
      expect(one.probabilities.data).toHaveLength(5 * 24 * 18);
    }
  });

  test('says what is wrong with a frame, and goes on', async () => {
    const { frame, superpixels, probabilities } = randomFrame(1);
    const far = { ...frame, cameraToWorld: frame.cameraToWorld.map((x) => 1e12 * x) };
    const refusal = pool.bin(far, superpixels, probabilities);
    await expect(refusal).rejects.toThrow(BadFrameError);
    await expect(refusal).rejects.toThrow('its pose puts points beyond the voxel grid');
    const short = { ...probabilities, data: probabilities.data.slice(5) };
    await expect(pool.bin(frame, superpixels, short)).rejects.toThrow('expected a map of');
    expect((await pool.bin(frame, superpixels, probabilities)).classes).toBe(probabilities.classes);
  });

  test('ends with its threads', async () => {
    const { frame, superpixels, probabilities } = randomFrame(1);
    const other = new BinningPool(1, 0.05);
    const waiting = other.bin(frame, superpixels, probabilities);
    const refused = expect(waiting).rejects.toThrow('the binning threads are closed');
    await other.close();
    await refused;
    await expect(other.bin(frame, superpixels, probabilities)).rejects.toThrow('closed');
  });
});
