/** Values of `--format`. */
export const FORMATS = ['auto', 'own', 'viewal', '7scenes', 'live'] as const;
export type Format = (typeof FORMATS)[number];
