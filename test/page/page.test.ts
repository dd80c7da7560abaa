import { createHash } from 'node:crypto';
import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { launch, NO_BROWSER } from './browser.js';
import { FakeLive, type FakeOptions } from './fake-live.js';

/** Long, as tests run beside others on few cores; what is waited for comes much sooner. */
const PATIENCE = 60_000;

const LAPTOP = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 844 };

/** A name that would be markup, if it were put in as such; with what addresses take for their own. */
const NASTY = '<b>x</b>/../"ü"?#%2F & <img src=x onerror=alert(1)>';

describe.skipIf(NO_BROWSER !== undefined)(`the live page${NO_BROWSER ? `: ${NO_BROWSER}` : ''}`, () => {
  let browser: Browser;
  let fake: FakeLive | undefined;
  /** What a page complained of. */
  let complaints: string[] = [];

  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(async () => {
    await browser.close();
  });
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
    await fake?.stop();
    fake = undefined;
  });

  async function serve(options: FakeOptions = {}): Promise<FakeLive> {
    fake = await FakeLive.start(options);
    return fake;
  }

  async function open(url: string, viewport = LAPTOP, by = browser): Promise<Page> {
    complaints = [];
    const page = await by.newPage({ viewport });
    page.setDefaultTimeout(PATIENCE);
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
    });
    await page.goto(url);
    return page;
  }

  /** Brings a part of the page before the eyes: what nobody looks at is not asked for. */
  const see = (page: Page, selector: string) => page.locator(selector).first().scrollIntoViewIfNeeded();

  /** Resolves when a part of the page reads as it should. */
  const reads = (page: Page, selector: string, text: string | RegExp) =>
    page.locator(selector).filter({ hasText: text }).first().waitFor();

  test('shows the newest frame under its heat map, figures, queue and picks; nothing is refused or broken', async () => {
    const live = await serve();
    await live.addScene('room', 'room-000', 2);
    live.endWindow(3);
    const page = await open(live.url);
    await reads(page, '.status', 'live');
    await reads(page, 'h1', 'workshop-cameras');
    await reads(page, '.lead', 'Network first. 1 window of 30 s so far, 4 superpixels each.');
    expect(await page.locator('.tiles dt').allTextContents()).toEqual([
      ...['frames in', 'kept', 'skipped', 'waiting', 'scored', 'latency'],
    ]);
    await reads(page, '.tiles', '967 still, 48 blurred');
    await reads(page, '#scene figcaption', 'Newest frame, 000001');
    expect(await page.locator('#scene .heat').getAttribute('src')).toContain('/000001/entropy.png');
    expect(await page.locator('.pick').count()).toBe(3);
    await see(page, '.pick');
    await page.locator('.pick .outline').first().waitFor({ state: 'attached' });
    await see(page, '#queue');
    await reads(page, '#queue', /the first 12 of \d+ candidates/);
    expect(await page.locator('.queue li').count()).toBe(12);

    await see(page, '#scene');
    live.advance('room');
    await reads(page, '#scene figcaption', 'Newest frame, 000002');
    live.endWindow(3);
    await reads(page, '.window', 'Window 2');
    expect(await page.locator('.window h3').allTextContents()).toEqual([
      'Window 2 3 picks',
      'Window 1 3 picks',
    ]);

    const slider = page.getByLabel('Opacity of the heat map');
    await slider.fill('0');
    expect(await page.evaluate("getComputedStyle(document.querySelector('#scene .heat')).opacity")).toBe('0');
    expect(complaints).toEqual([]);
  });

  test('the 3-D view draws the points in the colours of the legend, and another view of them when it is turned', async () => {
    const live = await serve();
    await live.addScene('room', 'room-000', 2);
    const page = await open(live.url);
    await reads(page, '#scene figcaption', /\d points/);
    const canvas = page.locator('canvas');
    const first = await pixelsOf(canvas);
    // Points take a good part of the view, and are of many colours.
    expect(first.drawn).toBeGreaterThan(0.05);
    expect(first.colours).toBeGreaterThan(10);
    const box = (await canvas.boundingBox())!;
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width / 4, box.y + box.height / 3, { steps: 5 });
    await page.mouse.up();
    const turned = await pixelsOf(canvas);
    expect(turned.drawn).toBeGreaterThan(0.05);
    expect(turned.digest).not.toBe(first.digest);
    // A frame more is seen without asking for it, but not at once.
    const asked = () => live.requests.filter((url) => url.includes('/points?')).length;
    expect(asked()).toBe(1);
    live.advance('room');
    live.advance('room');
    await expect.poll(asked, { timeout: PATIENCE }).toBe(2);
    expect(complaints).toEqual([]);
  });

  test('picks are labelled by keyboard: some letters, Enter, and on to the next', async () => {
    const live = await serve();
    await live.addScene('room', 'room-000', 2);
    live.endWindow(3);
    const page = await open(live.url);
    await page.locator('.pick').first().waitFor();
    await reads(page, '.entropy-legend', '2.56'); // classes are known
    await page.keyboard.press('l');
    await page.keyboard.type('ch');
    await reads(page, '[aria-selected=true]', 'chair');
    await page.keyboard.press('Enter');
    await reads(page, '.pick.done', '✓ chair');
    // The focus has gone on; an arrow takes another than the first match.
    await page.keyboard.type('b');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await reads(page, '.pick.done', '✓ books');
    await reads(page, '.window h3', '3 picks, 2 labelled');
    const { picks } = live.windows[0]!;
    const of = (pick: object) => {
      const { scene, frame, superpixel } = pick as Record<string, unknown>;
      return { scene, frame, superpixel };
    };
    expect(live.labels).toEqual([
      { ...of(picks[0]!), class: 'chair' },
      { ...of(picks[1]!), class: 'books' },
    ]);

    // Enter alone labels nothing; what the server will not take is told, and can be tried again.
    await page.keyboard.press('Enter');
    live.failure = 'There is no such superpixel any more.';
    await page.keyboard.type('sofa');
    await page.keyboard.press('Enter');
    await reads(page, '.pick .wrong', 'Not labelled as sofa. There is no such superpixel any more.');
    live.failure = undefined;
    await page.locator('.pick:not(.done) input').fill('win');
    await page.locator('.pick:not(.done) li', { hasText: 'window' }).click();
    await reads(page, '.pick.done', '✓ window');
    await page.locator('.pick.done button', { hasText: 'change' }).first().click();
    await reads(page, '.window h3', '2 labelled');
    expect(live.labels.length).toBe(3);
  });

  test('a window ends when it is asked for, and the page says when nothing is left', async () => {
    const live = await serve();
    await live.addScene('room', 'room-000', 2);
    const page = await open(live.url);
    const now = page.locator('#picks button', { hasText: 'Pick now' });
    for (const number of [1, 2, 3]) {
      await now.click();
      await reads(page, '.window h3', `Window ${number} 4 picks`);
    }
    await now.click();
    await reads(page, '#picks [role=status]', 'Nothing is left to ask for.');
    live.failure = 'The disk is full.';
    await now.click();
    await reads(page, '#picks [role=status]', 'Nothing was picked. The disk is full.');
  });

  test('labels that another page gave are shown, those from before and those on picks that wait to be shown', async () => {
    const live = await serve();
    await live.addScene('room', 'room-000', 3);
    live.endWindow(30);
    const picks = live.windows[0]!.picks as Record<string, unknown>[];
    picks[1]!.class = 'chair';
    const page = await open(live.url);
    await reads(page, '.pick.done', '✓ chair');
    await reads(page, '.window h3', '30 picks, 1 labelled');
    const { scene, frame, superpixel } = picks[0]!;
    live.label([{ scene, frame, superpixel, class: 'books' }]);
    await reads(page, '.window h3', '30 picks, 2 labelled');
    await reads(page, '.pick.done', '✓ books');
    const last = picks.at(-1)!;
    live.label([{ scene: last.scene, frame: last.frame, superpixel: last.superpixel, class: 'sofa' }]);
    await page.locator('.window button', { hasText: 'All 30 picks' }).click();
    await reads(page, '.window h3', '30 picks, 3 labelled');
    await expect.poll(() => page.locator('.pick.done').count(), { timeout: PATIENCE }).toBe(3);
  });

  test('names are text, and addresses, whatever is in them', async () => {
    const live = await serve();
    await live.addScene('room', 'room-000', 1);
    await live.addScene(NASTY, 'room-001', 2);
    live.endWindow(60);
    const page = await open(live.url);
    page.on('dialog', () => complaints.push('a dialog'));
    await page.locator('.scene', { hasText: NASTY }).click();
    await reads(page, 'h2', NASTY);
    await reads(page, '#scene figcaption', 'Newest frame, 000001');
    await reads(page, '#scene figcaption', /\d points/);
    await reads(page, '.pick .where', NASTY);
    await see(page, '#queue');
    await page.locator('.candidate').first().click();
    await reads(page, 'dialog', '4 other views of the same surface');
    await reads(page, 'dialog', NASTY);
    expect(await page.locator('h2 b, .where b b, .scene b, img[src=x]').count()).toBe(0);
    await page.keyboard.press('Escape');
    await page.locator('dialog').waitFor({ state: 'hidden' });
    expect(complaints).toEqual([]);
  });

  test('before the first frame it says so; a queue of thousands shows its best', async () => {
    const live = await serve({ queueRows: 2000 });
    const page = await open(live.url);
    await reads(page, 'main', 'No frame has come yet.');
    await reads(page, '#picks', 'No window has ended yet.');
    await live.addScene('room', 'room-000', 0);
    live.tell();
    await reads(page, '#scene figcaption', 'No frame is scored yet.');
    await see(page, '#queue');
    await reads(page, '#queue', 'Nothing waits to be picked.');
    live.advance('room');
    await reads(page, '#queue', /the first 12 of 2.000 candidates/);
    await page.locator('#queue button', { hasText: 'More' }).click();
    await reads(page, '#queue', /the first 36 of 2.000 candidates/);
    expect(complaints).toEqual([]);
  });

  test('comes back by itself when the server does, without what it knows already', async () => {
    const first = await serve();
    await first.addScene('room', 'room-000', 1);
    first.endWindow(2);
    const page = await open(first.url);
    await page.locator('.pick').first().waitFor();
    const { port, windows } = first;
    await first.stop();
    await reads(page, '.status', /no connection; tries again in/);
    const second = await serve({ port });
    await second.addScene('room', 'room-000', 2);
    second.windows = windows;
    second.endWindow(2);
    Object.assign(windows[0]!.picks[0]!, { class: 'chair' }); // labelled meanwhile, elsewhere
    await page.evaluate("window.dispatchEvent(new Event('online'))");
    await reads(page, '.status', 'live');
    await reads(page, '.window h3', 'Window 2');
    expect(await page.locator('.window').count()).toBe(2);
    await reads(page, '.pick.done', '✓ chair');
    expect(second.requests.some((url) => url.startsWith('/events?since=1'))).toBe(true);

    // Another run at the same address: its windows begin anew.
    await second.stop();
    await reads(page, '.status', /no connection/);
    const third = await serve({ port });
    await third.addScene('hall', 'room-001', 1);
    third.endWindow(1);
    await page.evaluate("window.dispatchEvent(new Event('online'))");
    await reads(page, '.window h3', 'Window 1 1 pick');
    await reads(page, '.window .where', 'hall');
    expect(await page.locator('.window').count()).toBe(1);
  });

  test('a token is asked for, or taken from the address, and shown with everything', async () => {
    const live = await serve({ token: 's3cret' });
    await live.addScene('room', 'room-000', 1);
    live.endWindow(1);
    const page = await open(live.url);
    await reads(page, '.status', 'Expected a valid token');
    await page.getByLabel('Token').fill('wrong');
    await page.getByLabel('Token').press('Enter');
    await page.getByLabel('Token').and(page.locator(':not(:focus)')).waitFor();
    await page.getByLabel('Token').fill('s3cret');
    await page.getByLabel('Token').press('Enter');
    await reads(page, '.status', 'live');
    await reads(page, '#scene figcaption', 'Newest frame');

    for (const address of ['?token=s3cret', '#token=s3cret']) {
      live.requests.length = 0;
      const other = await open(`${live.url}/${address}`);
      await reads(other, '#scene figcaption', /\d points/);
      await see(other, '.pick');
      await other.locator('.pick .outline').first().waitFor({ state: 'attached' });
      expect(complaints).toEqual([]);
      expect(
        live.requests.filter((url) => /^\/(scenes\/.*(jpg|png)|events)/.test(url)).length,
      ).toBeGreaterThan(3);
      expect(live.requests.find((url) => /^\/($|\?)/.test(url))).toBe(
        address.startsWith('?') ? '/?token=s3cret' : '/',
      );
    }
  });

  test('without WebGL there is a sentence where the points would be, and all else', async () => {
    const without = await launch('--disable-gpu', '--disable-3d-apis');
    try {
      const live = await serve();
      await live.addScene('room', 'room-000', 1);
      const page = await open(live.url, LAPTOP, without);
      await reads(page, '.points', 'This browser has no WebGL');
      await reads(page, '#scene figcaption', 'Newest frame, 000000');
    } finally {
      await without.close();
    }
  });

  test.each([
    ['a laptop', LAPTOP],
    ['a phone', PHONE],
  ])('fits %s: nothing scrolls sideways', async (_, viewport) => {
    const live = await serve();
    await live.addScene('room', 'room-000', 2);
    await live.addScene('a-long-name-without-any-place-to-break-it-'.repeat(4), 'room-001', 2);
    live.endWindow(4);
    const page = await open(live.url, viewport);
    await page.locator('.pick').nth(3).waitFor();
    await see(page, '#queue');
    await reads(page, '#queue', 'candidates');
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(viewport.width);
    await page.locator('.candidate').first().click();
    await reads(page, 'dialog', 'other views');
    const box = (await page.locator('dialog').boundingBox())!;
    expect(box.x).toBeGreaterThanOrEqual(0);
    expect(box.x + box.width).toBeLessThanOrEqual(viewport.width);
  });
});

/** How much of a picture is not of the colour of its corner, and of how many colours. */
async function pixelsOf(canvas: ReturnType<Page['locator']>) {
  const { data, info } = await sharp(await canvas.screenshot())
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const colours = new Map<number, number>();
  for (let i = 0; i < data.length; i += 3) {
    const colour = ((data[i]! >> 4) << 8) | ((data[i + 1]! >> 4) << 4) | (data[i + 2]! >> 4);
    colours.set(colour, (colours.get(colour) ?? 0) + 1);
  }
  // The corners of the picture are rounded: what surrounds the points is a little inside.
  const at = 3 * (10 * info.width + 10);
  const around = ((data[at]! >> 4) << 8) | ((data[at + 1]! >> 4) << 4) | (data[at + 2]! >> 4);
  return {
    drawn: 1 - colours.get(around)! / (info.width * info.height),
    colours: [...colours.values()].filter((pixels) => pixels > 20).length,
    digest: createHash('sha256').update(data).digest('hex'),
  };
}
