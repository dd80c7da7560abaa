import { basename, join, parse } from 'node:path';
import { z } from 'zod';
import { BadFrameError, UserError } from '../errors.js';
import type { Intrinsics, Size } from '../frame.js';
import { type DepthCamera, requireIntrinsics } from './depth-camera.js';
import { type FileLayout, type FrameId, fileRecording, inOrder } from './file-recording.js';
import { type Folder, listFolder } from './input-files.js';
import type { Layout } from './layout.js';
import { type Line, readLines, readTextFile } from './lines.js';
import { parseNumbers } from './numbers.js';
import { requirePose } from './pose.js';
import { parseJson } from './settings.js';

const COLOUR_FOLDERS = ['color', 'image', 'rgb'] as const;
const DEPTH_FOLDER = 'depth';
/** Where Open3D's reconstruction system leaves what it has found. */
const RESULTS = 'scene';
const COLOUR_ENDINGS: ReadonlySet<string> = new Set(['.jpg', '.jpeg', '.png']);
const TRAJECTORY = /^(?!.*odometry).*(?:\.log|traj.*\.(?:txt|json))$/i;
const INTRINSICS = /intrinsics?.*\.json$/i;

/** Open3D's PrimeSenseDefault, which the Redwood scenes were taken with too. */
const PRIMESENSE: DepthCamera = {
  intrinsics: { fx: 525, fy: 525, cx: 319.5, cy: 239.5 },
  size: { width: 640, height: 480 },
  depthScale: 1000,
  greatestDepth: 65535,
  files: [],
};

/**
 * The layout of the Redwood scenes and of Open3D's reconstruction system: `depth/` and `color/`, `image/` or `rgb/`, put together by
 * the number in their files' names, and a trajectory, here or in `scene/`. A `.log` has five lines a pose: three whole numbers, of
 * which the last is the place of the depth image, counted from 1, and a 4×4 matrix, camera to world. Open3D's JSON has the poses in
 * the order of the images, world to camera and column by column, with the intrinsics. Depth in millimetres, 0 = none; OpenCV axes.
 * Without intrinsics in the trajectory or in an `intrinsic.json` of Open3D's form they are those of a PrimeSense. No labels.
 */
export const redwood: Layout = {
  name: 'redwood',
  needs: `${DEPTH_FOLDER}/, ${COLOUR_FOLDERS.join('/ or ')}/, and a trajectory such as trajectory.log or trajectory.json`,
  matches: ({ files, folders }) =>
    folders.includes(DEPTH_FOLDER) &&
    COLOUR_FOLDERS.some((name) => folders.includes(name)) &&
    (files.some((file) => TRAJECTORY.test(file)) || folders.includes(RESULTS)),
  open: async (path, root) => fileRecording(await describe(path, root)),
};

async function describe(path: string, root: Folder): Promise<FileLayout> {
  const scene = basename(path);
  const colourFolder = COLOUR_FOLDERS.find((name) => root.folders.includes(name))!;
  const colours = await imagesOf(path, colourFolder);
  const depths = await imagesOf(path, DEPTH_FOLDER);
  const pairs = new Map<string, { colour: string; depth: string }>();
  const places = new Map<string, number>();
  [...depths].forEach(([key, depth], place) => {
    const id = parse(depth).name;
    places.set(id, place);
    // A name for the message where there is none.
    const colour = colours.get(key) ?? `${colourFolder}/${id}.jpg`;
    pairs.set(id, { colour, depth });
  });
  const trajectory = await readTrajectory(path, await findTrajectory(path, root), depths.size);
  const intrinsics = root.files.find((file) => INTRINSICS.test(file));
  return {
    path,
    format: redwood.name,
    classes: [],
    frames: [...pairs.keys()].map((id): FrameId => ({ scene, id })),
    present: new Set([...colours.values(), ...depths.values()]),
    fileNames: (part, { id }) => (part === 'colour' || part === 'depth' ? [pairs.get(id)![part]] : []),
    camera: async () => {
      if (intrinsics !== undefined) return readCamera(path, intrinsics);
      return trajectory.camera === undefined
        ? PRIMESENSE
        : { ...PRIMESENSE, ...trajectory.camera, files: [trajectory.file] };
    },
    poses: async () => ({
      file: trajectory.file,
      pose(id) {
        const pose = trajectory.pose(places.get(id)!);
        if (pose === undefined) throw new BadFrameError(trajectory.file, `no pose for depth image ${id}`);
        return pose;
      },
    }),
    classOf: () => undefined,
  };
}

/**
 * Images of a folder, relative to the recording, by the number at the start of their names, in its order. Where two share a number
 * they go by their place.
 */
async function imagesOf(path: string, folder: string): Promise<ReadonlyMap<string, string>> {
  const { files } = await listFolder(join(path, folder));
  const images = inOrder(
    files
      .filter((file) => COLOUR_ENDINGS.has(parse(file).ext.toLowerCase()))
      .map((id): FrameId => ({ scene: folder, id })),
  ).map(({ id }) => `${folder}/${id}`);
  const numbers = images.map((file) => /\d+/.exec(parse(file).name)?.[0]);
  const usable = !numbers.includes(undefined) && new Set(numbers.map(Number)).size === images.length;
  return new Map(images.map((file, place) => [`${usable ? Number(numbers[place]) : place}`, file]));
}

/** @throws UserError where there is none, or more than one that could be meant */
async function findTrajectory(path: string, root: Folder): Promise<string> {
  const results = root.folders.includes(RESULTS) ? (await listFolder(join(path, RESULTS))).files : [];
  const found = [...root.files, ...results.map((file) => `${RESULTS}/${file}`)].filter((file) =>
    TRAJECTORY.test(file),
  );
  const named = found.filter((file) => /(?:^|\/)trajectory\.(?:log|json)$/.test(file));
  const [file] = named.length > 0 ? named : found;
  if (file === undefined) {
    throw new UserError(
      `${path} holds no trajectory: expected one such as trajectory.log or trajectory.json.`,
    );
  }
  if (named.length === 0 && found.length > 1) {
    throw new UserError(
      `${path} holds ${found.length} trajectories (${found.slice(0, 3).join(', ')}): expected one, or one called trajectory.log.`,
    );
  }
  return file;
}

interface Trajectory {
  readonly file: string;
  readonly camera?: { readonly intrinsics: Intrinsics; readonly size: Size };
  /**
   * The camera-to-world pose of the depth image at a place, from 0.
   * @throws BadFrameError where it is no good
   */
  pose(place: number): Float64Array | undefined;
}

/** @throws UserError where it is not of its form */
async function readTrajectory(path: string, file: string, images: number): Promise<Trajectory> {
  try {
    return file.endsWith('.json')
      ? jsonTrajectory(await readTextFile(path, file), file)
      : logTrajectory(await readLines(path, file), file, images);
  } catch (error) {
    if (error instanceof BadFrameError) throw new UserError(`${join(path, error.file)}: ${error.reason}.`);
    throw error;
  }
}

/** A damaged item costs its own pose; what follows is found again by its line of three. */
function logTrajectory(lines: readonly Line[], file: string, images: number): Trajectory {
  const items: { place: number; line: Line; matrix: string }[] = [];
  for (let at = 0; at < lines.length; ) {
    const head = lines[at++]!;
    const numbers = head.text.split(/\s+/);
    if (numbers.length !== 3) continue;
    const rows: string[] = [];
    while (rows.length < 4 && at < lines.length && lines[at]!.text.split(/\s+/).length > 3)
      rows.push(lines[at++]!.text);
    items.push({ place: Number(numbers[2]) - 1, line: head, matrix: rows.join(' ') });
  }
  // Some programs write something else than the image's place there.
  const isPlace = ({ place }: { place: number }) => Number.isInteger(place) && place >= 0 && place < images;
  const byPlace = items.every(isPlace) && new Set(items.map(({ place }) => place)).size === items.length;
  const found = new Map(items.map((item, i) => [byPlace ? item.place : i, item]));
  return {
    file,
    pose(place) {
      const item = found.get(place);
      if (item === undefined) return undefined;
      const where = `${file}, line ${item.line.number}`;
      return requirePose(parseNumbers(item.matrix, where, 16, 'a 4×4 camera-to-world matrix'), where);
    },
  };
}

const SIDE = 'a whole number of pixels above 0';
const side = z.int(SIDE).positive(SIDE);
const K_FORM = 'a list of 9 numbers, column by column';
const EXTRINSIC_FORM = 'a list of 16 numbers, column by column';
const intrinsicSchema = z.object(
  { width: side, height: side, intrinsic_matrix: z.array(z.number(K_FORM), K_FORM).length(9, K_FORM) },
  'an object with width, height and intrinsic_matrix',
);
const trajectorySchema = z.object(
  {
    parameters: z
      .array(
        z.object(
          {
            extrinsic: z.array(z.number(EXTRINSIC_FORM), EXTRINSIC_FORM).length(16, EXTRINSIC_FORM),
            intrinsic: intrinsicSchema,
          },
          'an object with extrinsic and intrinsic',
        ),
        'a list of cameras',
      )
      .min(1, 'a list of at least one camera'),
  },
  'an object with parameters',
);

function jsonTrajectory(text: string, file: string): Trajectory {
  const { parameters } = parsed(text, trajectorySchema, file);
  const first = cameraOf(parameters[0]!.intrinsic, file);
  return {
    file,
    camera: first,
    pose(place) {
      const camera = parameters[place];
      if (camera === undefined) return undefined;
      const where = `${file}, parameters.${place}`;
      if (JSON.stringify(cameraOf(camera.intrinsic, where)) !== JSON.stringify(first)) {
        throw new BadFrameError(where, 'other intrinsics than those of the first, expected one camera');
      }
      const columns = camera.extrinsic;
      const worldToCamera = Float64Array.from({ length: 16 }, (_, i) => columns[(i % 4) * 4 + (i >> 2)]!);
      return inverseOfRigid(requirePose(worldToCamera, where));
    },
  };
}

/** (R, t)⁻¹ = (Rᵀ, −Rᵀ t). */
function inverseOfRigid(m: Float64Array): Float64Array {
  const moved = (axis: number) => -(m[axis] * m[3] + m[4 + axis] * m[7] + m[8 + axis] * m[11]);
  return Float64Array.of(
    ...[m[0], m[4], m[8], moved(0)],
    ...[m[1], m[5], m[9], moved(1)],
    ...[m[2], m[6], m[10], moved(2)],
    ...[0, 0, 0, 1],
  );
}

async function readCamera(path: string, file: string): Promise<DepthCamera> {
  const schema = intrinsicSchema.extend({
    depth_scale: z.number('a number above 0').positive('a number above 0').optional(),
  });
  const camera = parsed(await readTextFile(path, file), schema, file);
  return {
    ...PRIMESENSE,
    ...cameraOf(camera, file),
    depthScale: camera.depth_scale ?? PRIMESENSE.depthScale,
    files: [file],
  };
}

function cameraOf({ width, height, intrinsic_matrix: k }: z.output<typeof intrinsicSchema>, file: string) {
  const intrinsics = requireIntrinsics({ fx: k[0]!, fy: k[4]!, cx: k[6]!, cy: k[7]! }, file);
  return { intrinsics, size: { width, height } };
}

function parsed<T extends z.ZodType>(text: string, schema: T, file: string): z.output<T> {
  try {
    return parseJson(text, schema);
  } catch (error) {
    throw new BadFrameError(file, (error as Error).message);
  }
}
