import { ramp } from './builders.js';
import { type Messages, type Recorded, ROS2 } from './ros-messages.js';

// A recording of ROS that every test of one can be made of.

export const K = [8, 0, 3.5, 0, 9, 2.5, 0, 0, 1];
export const COLOUR = '/camera/color/image_raw';
export const DEPTH = '/camera/aligned_depth_to_color/image_raw';
export const INFO = '/camera/aligned_depth_to_color/camera_info';
export const OPTICAL = 'camera_color_optical_frame';

export const shorts = (values: number[]) => new Uint8Array(Uint16Array.from(values).buffer);
export const millimetres = {
  width: 8,
  height: 6,
  encoding: '16UC1',
  data: shorts(ramp(48, (i) => 1000 + i)),
};
export const red = {
  width: 8,
  height: 6,
  encoding: 'rgb8',
  data: Uint8Array.from(ramp(144, (i) => (i % 3 === 0 ? 200 : i % 7))),
};

/** The camera drives along x at 1 m/s; everything at 10 Hz, transforms told 10 ms after the images. */
export function drive(seconds: number, { image, info, tf }: Messages = ROS2): Recorded[] {
  const messages: Recorded[] = [
    tf('/tf_static', 0, ['base', OPTICAL, [0, 0, 0.5]]),
    tf('/tf', 0, ['map', 'base', [0, 0, 0]]),
  ];
  for (let i = 1; i <= seconds * 10; i++) {
    const t = i / 10;
    messages.push(
      info(INFO, t, 8, 6, K),
      image(COLOUR, t + 0.004, OPTICAL, red, t),
      image(DEPTH, t, OPTICAL, millimetres),
      tf('/tf', t + 0.01, ['map', 'base', [t + 0.01, 0, 0]]),
    );
  }
  return messages;
}
