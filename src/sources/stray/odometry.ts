import { BadFrameError } from '../../errors.js';
import type { Intrinsics } from '../../frame.js';
import { requireIntrinsics } from '../depth-camera.js';

/** A frame's line. */
export interface OdometryRow {
  /** Counted from 1. */
  readonly line: number;
  /** Seconds. */
  readonly time: number;
  /** x, y, z in metres, then qx, qy, qz, qw; as written. */
  readonly pose: readonly number[];
  /** The frame's own, which newer versions of the app write; at the video's size. */
  readonly intrinsics: Intrinsics | undefined;
}

const POSE = ['x', 'y', 'z', 'qx', 'qy', 'qz', 'qw'] as const;
const INTRINSICS = ['fx', 'fy', 'cx', 'cy'] as const;

/**
 * Parses the app's `odometry.csv` by the names in its first line, whatever their order and whatever other columns there are. The
 * first versions of the app wrote seven numbers a line without a first line of names: then the frames are counted, and so is time.
 * @returns rows by frame number, and lines that are none, each of which costs its own frame
 * @throws BadFrameError where columns are missing
 */
export function parseOdometry(
  text: string,
  file: string,
): { rows: ReadonlyMap<number, OdometryRow>; bad: readonly { line: number; reason: string }[] } {
  const lines = text.split('\n').map((line) => line.trim());
  const cellsOf = (line: string) => line.split(',').map((cell) => cell.trim());
  const header = cellsOf(lines[0] ?? '');
  const isNamed = !header.every((cell) => cell !== '' && Number.isFinite(Number(cell)));
  const names = isNamed ? header.map((name) => name.toLowerCase()) : [...POSE];
  const missing = POSE.filter((name) => !names.includes(name));
  if (missing.length > 0) throw new BadFrameError(file, `no column ${missing.join(', ')} in its first line`);
  const column = new Map(names.map((name, i) => [name, i]));

  const rows = new Map<number, OdometryRow>();
  const bad: { line: number; reason: string }[] = [];
  for (let i = isNamed ? 1 : 0; i < lines.length; i++) {
    if (lines[i] === '') continue;
    const cells = cellsOf(lines[i]!);
    // An empty cell is no 0.
    const numberIn = (name: string): number => {
      const cell = cells[column.get(name) ?? -1] ?? '';
      return cell === '' ? Number.NaN : Number(cell);
    };
    const place = isNamed ? i - 1 : i;
    const frame = column.has('frame') ? numberIn('frame') : place;
    const time = column.has('timestamp') ? numberIn('timestamp') : place;
    const pose = POSE.map(numberIn);
    const line = i + 1;
    if (!Number.isInteger(frame) || frame < 0 || !Number.isFinite(time) || !pose.every(Number.isFinite)) {
      bad.push({ line, reason: `expected ${names.slice(0, 9).join(', ')} as numbers` });
    } else if (rows.has(frame)) bad.push({ line, reason: `a second line for frame ${frame}` });
    else rows.set(frame, { line, time, pose, intrinsics: intrinsicsOf(INTRINSICS.map(numberIn), file) });
  }
  return { rows, bad };
}

function intrinsicsOf([fx, fy, cx, cy]: number[], file: string): Intrinsics | undefined {
  try {
    return requireIntrinsics({ fx: fx!, fy: fy!, cx: cx!, cy: cy! }, file);
  } catch {
    return undefined;
  }
}
