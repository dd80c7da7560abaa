import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What tests write goes into one folder, which goes when they are done; `os.tmpdir` reads the variable. */
export default function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'viewal-test-'));
  process.env.TMPDIR = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}
