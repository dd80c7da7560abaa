/** Values of `--format`. */
export const FORMATS = [
  'auto',
  'own',
  'viewal',
  '7scenes',
  'scenenet',
  'matterport3d',
  'record3d',
  'live',
] as const;
export type Format = (typeof FORMATS)[number];
