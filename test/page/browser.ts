import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const CHROMIUM = '/usr/bin/chromium';

/** Why the page cannot be looked at here; undefined where it can. Where a browser is expected, there is no such reason. */
export const NO_BROWSER =
  existsSync(CHROMIUM) || process.env.VIEWAL_EXPECT_CHROMIUM === '1'
    ? undefined
    : `there is no Chromium at ${CHROMIUM}`;

/** With WebGL in software, as there is no GPU. @param args more of Chromium's */
export function launch(...args: readonly string[]): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: ['--no-sandbox', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', ...args],
  });
}
