import { UserError } from '../../errors.js';
import { kindOf } from './messages.js';

/** Topics that frames are made of. */
export interface FrameTopics {
  readonly colour: string;
  readonly depth: string;
  /** The depth camera's sensor_msgs/CameraInfo. */
  readonly info: string;
}

const PARTS = ['colour', 'depth', 'info'] as const;

/**
 * Topics as a user names them: `colour=/camera/color/image_raw,depth=/camera/depth/image_rect,info=/camera/depth/camera_info`, or some
 * of these.
 * @throws UserError
 */
export function parseTopics(text: string): Partial<FrameTopics> {
  const topics: { -readonly [K in keyof FrameTopics]?: string } = {};
  for (const part of text.split(',')) {
    const [, name, topic] = /^\s*(\w+)\s*=\s*(\S+)\s*$/.exec(part) ?? [];
    const known = PARTS.find((one) => one === name);
    if (known === undefined || topic === undefined || topics[known] !== undefined)
      throw new UserError(
        `Option topics: expected ${PARTS.map((one) => `${one}=<topic>`).join(', ')}, each once at most and with commas between, got "${part}".`,
      );
    topics[known] = topic;
  }
  return topics;
}

/**
 * Chooses topics by type and name: depth is an image with `depth` in its name, best one that is aligned or registered to
 * the colour; colour one with `color`, `colour` or `rgb`; the camera is told beside the depth, or beside the
 * colour. Of an image that is there raw and compressed it takes colour compressed, depth raw.
 *
 * @param topics types by topic
 * @param asked topics that the user named
 * @returns why it cannot tell, in a few words, where it cannot
 */
export function chooseTopics(
  topics: ReadonlyMap<string, string>,
  asked: Partial<FrameTopics> = {},
): FrameTopics | string {
  for (const topic of Object.values(asked)) {
    if (topic !== undefined && !topics.has(topic)) return `there is no topic ${topic}`;
  }
  const named = [...topics.keys()].sort();
  const kind = (topic: string) => kindOf(topics.get(topic)!);
  const images = named.filter((topic) => ['image', 'compressed'].includes(kind(topic) ?? ''));

  const depths = images.filter((topic) => /depth/i.test(topic) && !/confidence|colou?ri[sz]/i.test(topic));
  const depth =
    asked.depth ??
    best('depth', depths, (topic) => [
      /aligned|registered/i.test(topic),
      asked.colour !== undefined && root(topic) === root(asked.colour),
      kind(topic) === 'image',
      /rect/.test(topic),
    ]);
  if (typeof depth !== 'string') return depth.problem;

  const colours = images.filter(
    (topic) => topic !== depth && !/depth|infra|\bir\b|mask|segment|label/i.test(topic),
  );
  const colour =
    asked.colour ??
    best('colour', colours, (topic) => [
      root(topic) === root(depth),
      /colou?r|rgb/i.test(topic),
      kind(topic) === 'compressed',
      /rect/.test(topic),
    ]);
  if (typeof colour !== 'string') return colour.problem;

  const infos = named.filter((topic) => kind(topic) === 'camera');
  const beside = [depth, colour].map((topic) => `${namespace(topic)}/camera_info`);
  const only = infos.length === 1 ? infos[0] : undefined;
  const info = asked.info ?? beside.find((topic) => infos.includes(topic)) ?? only;
  if (info === undefined) {
    return infos.length === 0
      ? 'no topic of camera information (sensor_msgs/CameraInfo)'
      : `no camera information beside ${depth}`;
  }
  return { colour, depth, info };
}

/** The one topic of which most can be said, the first counting most. */
function best(
  what: string,
  topics: readonly string[],
  tell: (topic: string) => readonly boolean[],
): string | { readonly problem: string } {
  const score = (topic: string) => tell(topic).reduce((sum, said) => sum * 2 + Number(said), 0);
  const highest = Math.max(...topics.map(score));
  const [first, ...others] = topics.filter((topic) => score(topic) === highest);
  if (first === undefined) return { problem: `no topic of ${what} images` };
  if (others.length > 0) return { problem: `${what} may be ${[first, ...others].join(' or ')}` };
  return first;
}

/** The first part of a topic's name, which is the camera's as a rule. */
function root(topic: string): string {
  return topic.split('/').find((part) => part !== '') ?? '';
}

/** Where the topics of one image lie; image_transport puts compressed ones a level below the raw one. */
function namespace(topic: string): string {
  const image = topic.replace(/\/(compressed|compressedDepth)$/, '');
  return image.slice(0, image.lastIndexOf('/'));
}

/** Topics and types as a list for messages. */
export function listOfTopics(topics: ReadonlyMap<string, string>): string {
  return [...topics]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([topic, type]) => `${topic} (${type})`)
    .join(', ');
}
