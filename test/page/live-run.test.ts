import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { saveNetwork } from '../../src/model/checkpoint.js';
import { initialNetwork } from '../../src/model/network.js';
import { openRecording } from '../../src/sources/open.js';
import { smallRecording, temporaryFolder } from '../sample.js';
import { launch, NO_BROWSER } from './browser.js';

test.skipIf(NO_BROWSER !== undefined)(
  `the page of a live run shows what was picked and takes its label${NO_BROWSER ? `: ${NO_BROWSER}` : ''}`,
  async () => {
    const recording = await smallRecording(1, 3);
    const folder = await temporaryFolder();
    const { classes } = await openRecording(recording);
    const config = { width: 0.35, head: 'slim', classes: classes.length } as const;
    await saveNetwork(join(folder, 'first', 'model'), initialNetwork(config, classes, 1), 0);
    const run = spawn(process.execPath, [
      ...['dist/src/cli/main.js', 'live', '--watch', recording, '--listen', '127.0.0.1:0'],
      ...['--model', join(folder, 'first', 'model'), '--out', join(folder, 'run'), '--window', '3frames'],
      ...['--sharpness', '0', '--move', '0', '--turn', '0', '--size', '80x60', '--draws', '2'],
      ...['--superpixel-count', '12', '--budget', '2superpixels'],
    ]);
    const browser = await launch();
    try {
      const page = await browser.newPage();
      const complaints: string[] = [];
      page.on('pageerror', (error) => complaints.push(String(error)));
      page.on('console', (message) => complaints.push(message.text()));
      page.setDefaultTimeout(120_000);
      await page.goto(await addressOf(run));
      const reads = (selector: string, text: string | RegExp) =>
        page.locator(selector).filter({ hasText: text }).first().waitFor();
      await reads('.lead', 'Network first. 1 window of 3 frames so far, 2 superpixels each.');
      await reads('#scene figcaption', 'Newest frame, 000002');
      await reads('#scene figcaption', /\d points/);
      await page.locator('#scene .heat').waitFor();
      expect(await page.locator('.pick').count()).toBe(2);
      await page.locator('.pick').first().scrollIntoViewIfNeeded();
      await page.locator('.pick .outline').first().waitFor({ state: 'attached' });
      await page.locator('.entropy-legend').filter({ hasText: '2.56' }).first().waitFor();
      await page.keyboard.press('l');
      await page.keyboard.type('chair');
      await page.keyboard.press('Enter');
      await reads('.pick.done', '✓ chair');
      await page.locator('#queue').scrollIntoViewIfNeeded();
      await reads('#queue', 'candidates');
      expect(await page.locator('.queue').textContent()).not.toContain('earlier network');
      // Crops are there, and come from the server.
      const crop =
        "[...document.querySelectorAll('.pick .pair .crop')].every((image) => image.naturalWidth > 0)";
      await page.locator('.pick').first().scrollIntoViewIfNeeded();
      await expect.poll(() => page.evaluate(crop), { timeout: 60_000 }).toBe(true);
      expect(complaints).toEqual([]);
    } finally {
      await browser.close();
      run.kill('SIGINT');
      await once(run, 'exit');
    }
  },
);

/** Where a run says that it shows itself. */
function addressOf(run: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    for (const stream of [run.stdout!, run.stderr!])
      stream.on('data', (text: Buffer) => {
        said += text;
        const [address] = /http:\/\/127\.0\.0\.1:\d+(?= shows)/.exec(said) ?? [];
        if (address !== undefined) resolve(address);
      });
    run.on('exit', () => reject(new Error(said)));
  });
}
