/** The data set's 40 categories, in the order of their ids from 1 (metadata/mpcat40.tsv; 0 is void, 41 unlabelled). */
export const MPCAT40_CLASSES: readonly string[] = [
  ...['wall', 'floor', 'chair', 'door', 'table', 'picture', 'cabinet', 'cushion', 'window', 'sofa'],
  ...['bed', 'curtain', 'chest_of_drawers', 'plant', 'sink', 'stairs', 'ceiling', 'toilet', 'stool', 'towel'],
  ...[
    'mirror',
    'tv_monitor',
    'shower',
    'column',
    'bathtub',
    'counter',
    'fireplace',
    'lighting',
    'beam',
    'railing',
  ],
  ...['shelving', 'blinds', 'gym_equipment', 'seating', 'board_panel', 'furniture', 'appliances', 'clothes'],
  ...['objects', 'misc'],
];
