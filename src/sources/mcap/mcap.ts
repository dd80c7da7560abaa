import { basename, join } from 'node:path';
import { UserError } from '../../errors.js';
import { inOrder } from '../file-recording.js';
import type { Layout } from '../layout.js';
import { rosRecording } from '../ros/ros-recording.js';
import { McapFile } from './mcap-file.js';

const METADATA = 'metadata.yaml';
const MCAP = '.mcap';

/** A recording of ROS in MCAP files: one file, or the folder that `ros2 bag record` makes. Either is one scene. */
export const mcap: Layout = {
  name: 'mcap',
  needs: `${METADATA} and one or more *${MCAP}, as ros2 bag record writes them`,
  endings: [MCAP],
  matches: ({ files }) =>
    files.includes(METADATA) && files.some((file) => file.endsWith(MCAP) || isOtherBag(file)),
  open(path, { files }, { topics }) {
    const other = files.find(isOtherBag);
    const parts = files.filter((file) => file.endsWith(MCAP));
    if (parts.length === 0)
      throw new UserError(
        `${join(path, other ?? '')} is no MCAP file: expected a bag of *${MCAP}, such as ros2 bag convert makes of it.`,
      );
    // The recorder begins a new file when one is full, and numbers them.
    const ordered = inOrder(parts.map((id) => ({ scene: '', id })));
    return rosRecording(
      path,
      this.name,
      basename(path),
      ordered.map(({ id }) => new McapFile(join(path, id))),
      topics,
    );
  },
  openFile: (path, { topics }) => rosRecording(path, mcap.name, sceneOf(path), [new McapFile(path)], topics),
  hasTopics: true,
};

/** What `ros2 bag record` writes otherwise: a database, or files packed as a whole. */
function isOtherBag(file: string): boolean {
  return file.endsWith('.db3') || file.endsWith('.zstd');
}

function sceneOf(path: string): string {
  return basename(path).slice(0, -MCAP.length);
}
