import { basename, join } from 'node:path';
import type { Layout, LayoutOptions } from '../layout.js';
import type { Recording } from '../recording.js';
import { rosRecording } from '../ros/ros-recording.js';
import { RosbagFile } from './rosbag-file.js';

/** Names of bags, and of those whose recorder was killed. */
const BAG = /\.bag(\.active)?$/i;

/** A bag of ROS 1, or a folder with nothing else in it, which is one scene. */
export const rosbag: Layout = {
  name: 'rosbag',
  needs: 'one *.bag file of ROS 1, and no others',
  endings: ['.bag', '.bag.active'],
  matches: ({ files }) => files.length === 1 && BAG.test(files[0]!),
  open: (path, { files: [file] }, options) => openBag(join(path, file!), options),
  openFile: openBag,
  hasTopics: true,
};

function openBag(path: string, { topics }: LayoutOptions): Promise<Recording> {
  return rosRecording(path, rosbag.name, basename(path).replace(BAG, ''), [new RosbagFile(path)], topics);
}
