/** The 13 NYU classes, by label index. */
export const NYU13 = [
  'bed',
  'books',
  'ceiling',
  'chair',
  'floor',
  'furniture',
  'objects',
  'painting',
  'sofa',
  'table',
  'tv',
  'wall',
  'window',
] as const;

export type ClassName = (typeof NYU13)[number];

/** Label index of a class. Doors and skirting count as wall, rugs as floor, curtains as window, as in NYU. */
export function labelOf(name: ClassName): number {
  return NYU13.indexOf(name);
}
