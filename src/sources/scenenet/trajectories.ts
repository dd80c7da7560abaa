import protobuf from 'protobufjs/light.js';
import { BadFrameError } from '../../errors.js';
import { IGNORE } from '../../frame.js';
import { readRange, withFile } from '../byte-ranges.js';
import { requirePose } from '../pose.js';
import { CLASS_OF_WORDNET_ID } from './classes.js';

/**
 * What is read of the data set's `scenenet.proto` (proto2, https://github.com/jmccormac/pySceneNetRGBD): a file is one message, whose
 * field 1 is repeated, a trajectory each; of a trajectory, field 2 is repeated, an Instance each, field 3 too, a View each, and
 * field 4 the folder of its images.
 */
const messages = protobuf.Root.fromJSON({
  nested: {
    Position: {
      fields: { x: { type: 'float', id: 1 }, y: { type: 'float', id: 2 }, z: { type: 'float', id: 3 } },
    },
    Pose: {
      fields: {
        camera: { type: 'Position', id: 1 },
        lookat: { type: 'Position', id: 2 },
        timestamp: { type: 'float', id: 3 },
      },
    },
    View: {
      fields: {
        frameNum: { type: 'int32', id: 1 },
        shutterOpen: { type: 'Pose', id: 2 },
        shutterClose: { type: 'Pose', id: 3 },
      },
    },
    Instance: {
      fields: {
        instanceId: { type: 'int32', id: 1 },
        semanticWordnetId: { type: 'string', id: 2 },
        instanceType: { type: 'int32', id: 4 },
      },
    },
  },
});
const [INSTANCES, VIEWS, RENDER_PATH] = [2, 3, 4];
const LENGTH_DELIMITED = 2;
const BACKGROUND = 1;

interface Position {
  readonly x: number;
  readonly y: number;
  readonly z: number;
}
interface Pose {
  readonly camera?: Position | null;
  readonly lookat?: Position | null;
  readonly timestamp: number;
}
interface View {
  readonly frameNum: number;
  readonly shutterOpen?: Pose | null;
  readonly shutterClose?: Pose | null;
}
interface Instance {
  readonly instanceId: number;
  readonly semanticWordnetId: string;
  readonly instanceType: number;
}

const viewType = messages.lookupType('View');
const instanceType = messages.lookupType('Instance');

/** The data set's trajectories take some 60 kB, with 300 views and up to a few hundred instances. */
const MOST_BYTES = 2 ** 22;
const MOST_VIEWS = 10_000;
const MOST_INSTANCES = 65_536;

/** Where a trajectory lies in its file. */
export interface TrajectoryPlace {
  /** Bytes from the file's start. */
  readonly at: number;
  readonly length: number;
}

export interface TrajectoryList {
  /** By the folder of their images, such as `0/223`. */
  readonly places: ReadonlyMap<string, TrajectoryPlace>;
  /** Why the rest of the file could not be listed; undefined where it was. */
  readonly damage: string | undefined;
}

/**
 * Lists the trajectories of a file; one is in memory at a time.
 * @param path absolute
 * @param shown how messages name the file
 * @throws BadFrameError where it cannot be read
 */
export function listTrajectories(path: string, shown: string): Promise<TrajectoryList> {
  return withFile(path, shown, async (file, size) => {
    const places = new Map<string, TrajectoryPlace>();
    for (let at = 0; at < size; ) {
      try {
        const head = protobuf.Reader.create(await readRange(file, at, Math.min(20, size - at)));
        if (head.uint32() !== ((1 << 3) | LENGTH_DELIMITED))
          throw new Error(`byte ${at} starts no trajectory`);
        const length = head.uint32();
        const place = { at: at + head.pos, length };
        if (place.at + length > size) throw new Error('cut short');
        at = place.at + length;
        if (length > MOST_BYTES) continue;
        const renderPath = renderPathOf(await readRange(file, place.at, length));
        if (renderPath !== undefined && !places.has(renderPath)) places.set(renderPath, place);
      } catch (error) {
        return { places, damage: (error as Error).message };
      }
    }
    return { places, damage: undefined };
  });
}

function renderPathOf(bytes: Uint8Array): string | undefined {
  let renderPath: string | undefined;
  try {
    eachField(bytes, (field, content) => {
      if (field === RENDER_PATH) renderPath = new TextDecoder().decode(content.subarray(0, 1000));
    });
  } catch {
    // Its views are no good either, or they would be found.
  }
  return renderPath;
}

/** Walks the fields of a trajectory that are messages or strings. @throws Error where it is damaged */
function eachField(bytes: Uint8Array, visit: (field: number, content: Uint8Array) => void): void {
  const reader = protobuf.Reader.create(bytes);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if ((tag & 7) === LENGTH_DELIMITED) visit(tag >>> 3, reader.bytes());
    else reader.skipType(tag & 7);
  }
}

/** A trajectory, of which what makes frames is kept. */
export interface Trajectory {
  /**
   * Camera to world, 4×4 row-major, metres, OpenCV axes.
   * @throws BadFrameError where the frame has none
   */
  pose(frame: number): Float64Array;
  /** Seconds, the middle of the exposure. */
  time(frame: number): number;
  /** The class of an instance, `IGNORE` where it has none. */
  classOf(instance: number): number;
}

/**
 * @param path of the file that holds it, absolute
 * @throws BadFrameError where it cannot be read, or is damaged
 */
export async function readTrajectory(
  path: string,
  shown: string,
  place: TrajectoryPlace,
): Promise<Trajectory> {
  const bytes = await withFile(path, shown, (file) => readRange(file, place.at, place.length));
  /** 7 numbers a view: where the camera is, what it looks at, when; in the middle of the exposure. */
  const middles: number[] = [];
  const rows = new Map<number, number>();
  const classes = new Map<number, number>();
  try {
    let views = 0;
    let instances = 0;
    eachField(bytes, (field, content) => {
      if (field === VIEWS) {
        if (++views > MOST_VIEWS) throw new Error(`more than ${MOST_VIEWS} views`);
        const view = viewType.decode(content) as unknown as View;
        const middle = middleOf(view);
        if (middle === undefined || rows.has(view.frameNum)) return;
        rows.set(view.frameNum, middles.length);
        middles.push(...middle);
      } else if (field === INSTANCES) {
        if (++instances > MOST_INSTANCES) throw new Error(`more than ${MOST_INSTANCES} instances`);
        const instance = instanceType.decode(content) as unknown as Instance;
        const index = CLASS_OF_WORDNET_ID.get(instance.semanticWordnetId);
        if (index !== undefined && instance.instanceType !== BACKGROUND)
          classes.set(instance.instanceId, index);
      }
    });
  } catch (error) {
    throw new BadFrameError(shown, `a damaged trajectory at byte ${place.at}: ${(error as Error).message}`);
  }
  const stored = Float64Array.from(middles);
  const rowOf = (frame: number): Float64Array => {
    const row = rows.get(frame);
    if (row === undefined) throw new BadFrameError(shown, `no view of frame ${frame}`);
    return stored.subarray(row, row + 7);
  };
  return {
    pose: (frame) => lookAtPose(rowOf(frame), `${shown}, frame ${frame}`),
    time: (frame) => rowOf(frame)[6]!,
    classOf: (instance) => classes.get(instance) ?? IGNORE,
  };
}

function middleOf({ shutterOpen, shutterClose }: View): number[] | undefined {
  const ends = [shutterOpen, shutterClose].map((pose) => {
    const { camera, lookat, timestamp = 0 } = pose ?? {};
    return camera && lookat
      ? [camera.x, camera.y, camera.z, lookat.x, lookat.y, lookat.z, timestamp]
      : undefined;
  });
  const [first, last] = ends;
  return first && last && first.map((value, i) => (value + last[i]!) / 2);
}

/**
 * The data set's own construction: z towards the point looked at, x = z × up, y = z × x, with up = (0, 1, 0).
 * @throws BadFrameError where the camera looks nowhere, or straight up or down
 */
function lookAtPose([cx, cy, cz, lx, ly, lz]: Float64Array, file: string): Float64Array {
  const [z0, z1, z2] = unit(lx - cx, ly - cy, lz - cz);
  const [x0, x1, x2] = unit(-z2, 0, z0);
  const [y0, y1, y2] = [z1 * x2 - z2 * x1, z2 * x0 - z0 * x2, z0 * x1 - z1 * x0];
  return requirePose(
    Float64Array.of(...[x0, y0, z0, cx], ...[x1, y1, z1, cy], ...[x2, y2, z2, cz], ...[0, 0, 0, 1]),
    file,
  );
}

/** Not finite where the vector is 0. */
function unit(x: number, y: number, z: number): [x: number, y: number, z: number] {
  const length = Math.hypot(x, y, z);
  return [x / length, y / length, z / length];
}
