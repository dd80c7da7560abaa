/** Values of `--format`. */
export const FORMATS = [
  'auto',
  'own',
  'viewal',
  '7scenes',
  'sens',
  'scannet',
  'scenenet',
  'matterport3d',
  'tum',
  'redwood',
  'replica',
  'stray',
  'record3d',
  'live',
  'mcap',
  'rosbag',
] as const;
export type Format = (typeof FORMATS)[number];
