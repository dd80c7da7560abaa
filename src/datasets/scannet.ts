import { join } from 'node:path';
import { listFolder } from '../sources/input-files.js';
import { NYU40_CLASSES } from '../sources/viewal-layout.js';
import { type Dataset, type Split, trailingNumber } from './dataset.js';

/** Rooms, the first number of a scene's name, in `scannetv1_val.txt` of the data set's own repository. */
const VALIDATION = rooms(`
  3 33 34 54 56 57 59 68 73 74 91 102 112 133 145 148 160 170 180 198 204 225 237 240 248 264 273 298 319 331 340
  350 365 379 391 409 416 433 450 471 473 478 483 495 505 506 508 513 514 516 520 524 529 534 537 539 540 548 556
  561 566 567 605 617 630 635 639 642 675 692 706`);

/** Likewise in `scannetv2_val.txt`. */
const TEST = rooms(`
  11 15 19 25 30 46 50 63 64 77 81 84 86 88 95 100 131 139 144 146 149 153 164 169 187 193 196 203 207 208 217 221
  222 231 246 249 251 256 257 277 278 300 304 307 314 316 328 329 334 338 342 343 351 353 354 355 356 357 377 378
  382 389 406 412 414 423 426 427 430 432 435 441 458 461 462 474 488 490 494 496 500 518 527 535 549 550 552 553
  558 559 565 568 574 575 578 580 583 591 593 595 598 599 606 607 608 609 616 618 621 629 633 643 644 645 647 648
  651 652 653 655 658 660 663 664 665 670 671 678 684 685 686 689 690 693 695 696 697 699 700 701 702 704`);

/** The first room of the benchmark's hidden test set: their labels are not given out. */
const HIDDEN = 707;

function rooms(text: string): ReadonlySet<number> {
  return new Set(text.trim().split(/\s+/).map(Number));
}

const SCAN = /^scene(\d{4})_\d{2}$/;

/** ScanNet, by its official split. Whole rooms: rescans of one room are in one split. */
export const scannet: Dataset = {
  name: 'scannet',
  title: 'ScanNet v2',
  format: 'auto',
  classes: NYU40_CLASSES,
  /** Its download script makes a folder a scan in `scans/`; the hidden test set, in `scans_test/`, is of no use. */
  async recordings(download) {
    const { folders } = await listFolder(download);
    const parent = folders.includes('scans') ? join(download, 'scans') : download;
    const scans = (await listFolder(parent)).folders.filter((folder) => SCAN.test(folder));
    return scans.length === 0 ? [download] : scans.map((scan) => join(parent, scan));
  },
  splitOf(scene): Split | undefined {
    const room = Number(SCAN.exec(scene)?.[1] ?? Number.NaN);
    if (!(room < HIDDEN)) return undefined;
    if (TEST.has(room)) return 'test';
    return VALIDATION.has(room) ? 'validation' : 'training';
  },
  every: { training: 35, validation: 140, test: 35 },
  numberOf: trailingNumber,
  publishedName: ({ scene, id }) => `${scene}_${`${trailingNumber(id)}`.padStart(6, '0')}`,
  facts: {
    paper: [
      '23,750 images for training out of some 2.5 million views of 1,513 scans, 320×240, 40 classes (NYU40), official scene split, 1.5 % of them as seed set.',
      'Its published lists: every 35th frame of the training scenes with about half of them left out, every 140th of the validation scenes (5,453), every 35th of the test scenes (5,320), 356 seed images.',
    ],
    prepared: [
      'Training: every 35th frame of the 1,045 training scans of split v1, or those that the published lists name (--selections).',
      'Validation: every 140th frame of the 156 validation scans of split v1. Test: every 35th of the 312 validation scans of split v2, since labels of the 100 test scans are not given out.',
    ],
    obtain: [
      'Fill in the terms of use (http://kaldir.vc.in.tum.de/scannet/ScanNet_TOS.pdf) and send them to scannet@googlegroups.com from an institutional address; download-scannet.py comes by mail.',
      'download-scannet.py -o scannet --type .sens, then again with --type _2d-label-filt.zip, and with --label_map.',
    ],
    disk: [
      'Download: 1.3 TB whole, most of it .sens files; scans may be fetched, prepared and deleted a few at a time.',
      'Prepared: about 70 kB an image: 2 GB with the published lists, 5 GB without.',
    ],
  },
};
