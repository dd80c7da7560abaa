import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Dataset, Split } from './dataset.js';

/** Houses of `scenes_val.txt` and `scenes_test.txt` of the benchmark in the data set's own repository; all others train. */
const VALIDATION = new Set(
  `2azQ1b91cZZ 8194nk5LbLH EU6Fwq7SyZv oLBMNvg9in8 QUCTc6BB5sX TbHJrupSAjP X7HyMhZNoso pLe4wQe7qrG x8F5xyUWy9e
  Z6MFQCViBuw zsNo4HB9uLZ`.split(/\s+/),
);
const TEST = new Set(
  `2t7WUuJeko7 5ZKStnWn8Zo ARNzJeq3xxb fzynW3qQPVF jtcxE69GiFV pa4otMbVnkk q9vSo1VnCiC rqfALeAoiTq UwV83HsGsw3
  wc2JMjhGNzB WYY7iVyf5p8 YFuZgdQ5vWj yqstnuAEVhm YVUC4YcDtcY gxdoqLR6rwA gYvKGZ5eRqb RPmz2sHmrrY
  Vt2qJdWjCF2`.split(/\s+/),
);

/** Matterport3D, by the official split of its 90 houses. */
export const matterport3d: Dataset = {
  name: 'matterport3d',
  title: 'Matterport3D',
  format: 'matterport3d',
  /** Its download script puts a folder a house into `v1/scans/`. */
  async recordings(download) {
    for (const parents of [['v1', 'scans'], ['scans']]) {
      const folder = join(download, ...parents);
      if (existsSync(folder)) return [folder];
    }
    return [download];
  },
  splitOf(scene): Split {
    const house = /^[A-Za-z0-9]+/.exec(scene)?.[0] ?? scene;
    if (TEST.has(house)) return 'test';
    return VALIDATION.has(house) ? 'validation' : 'training';
  },
  every: { training: 5, validation: 5, test: 5 },
  facts: {
    paper: [
      '25,761 images for training out of some 200,000 views of 90 houses, 320×240, 40 classes, official scene split, 1.5 % of them as seed set.',
      'Its published lists: 25,761 images for training, 13,702 for validation, 22,588 for test and 386 seed images; which views they are cannot be told from their names.',
    ],
    prepared: [
      'Every fifth view of each house in the order of their names: about as many for training as the paper has, and all directions and cameras in turn.',
      'Training, validation and test: the 61, 11 and 18 houses of the official split.',
    ],
    obtain: [
      'Sign the terms of use (link on https://niessner.github.io/Matterport/) and send them to matterport3d@googlegroups.com; download_mp.py comes by mail.',
      'download_mp.py -o matterport3d --type undistorted_camera_parameters undistorted_color_images undistorted_depth_images, then unpack the archives where they lie.',
      'Labels come on meshes, not as images: those of views must be rendered from house_segmentations first, into label/ beside the images of a house.',
    ],
    disk: [
      'Download: 1.3 TB whole; the three parts needed are a fraction of it.',
      'Prepared: about 70 kB an image, 3 GB.',
    ],
  },
};
