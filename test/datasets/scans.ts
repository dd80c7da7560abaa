import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SAMPLE, temporaryFolder } from '../sample.js';

/** Frames are numbered as ScanNet's are: the subset takes multiples of 35, or of 140 for validation. */
export const NUMBERS = [0, 7, 35, 70, 105, 140];

/** Scans of split v1's training and validation, of split v2's validation, and of the hidden test set. */
export const SCANS = ['scene0001_00', 'scene0001_01', 'scene0003_00', 'scene0011_00', 'scene0707_00'];

/**
 * A download such as ScanNet's script makes, a folder a scan, of the sample's frames: each scan a recording of one scene in
 * our own layout, ids as in `.sens` files. Rescans of a room show it from elsewhere.
 */
export async function scanDownload(scans: readonly string[] = SCANS): Promise<string> {
  const download = join(await temporaryFolder(), 'download');
  for (const scan of scans) await addScan(download, scan);
  return download;
}

export async function addScan(download: string, scan: string): Promise<void> {
  const folder = join(download, 'scans', scan);
  await mkdir(join(folder, scan), { recursive: true });
  const { classes, intrinsics } = JSON.parse(await readFile(join(SAMPLE, 'recording.json'), 'utf8'));
  await writeFile(join(folder, 'recording.json'), JSON.stringify({ classes, intrinsics }));
  const room = `room-00${SCANS.indexOf(scan) % 3}`;
  for (const [i, number] of NUMBERS.entries()) {
    const from = `${`${i + 6 * Number(scan.slice(-1))}`.padStart(6, '0')}`;
    for (const part of ['color.jpg', 'depth.png', 'pose.txt', 'label.png'])
      await cp(join(SAMPLE, room, `${from}.${part}`), join(folder, scan, `${number}.${part}`));
  }
}
