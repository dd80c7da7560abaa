import { join } from 'node:path';
import { UserError } from '../../errors.js';
import type { Backbone, BackboneWidth } from './backbone.js';
import { saveBackbone, weightsFolder } from './cache.js';
import { download, isDownloaded, type PublishedFile } from './download.js';
import { importBackbone } from './import.js';

/** A file of MobileNetV2 trained on ImageNet, in a public place. */
interface PublishedBackbone extends PublishedFile {
  readonly width: BackboneWidth;
  readonly publisher: string;
  readonly licence: string;
}

/**
 * Files whose SHA-256 is known, from the files themselves. The first of a width is the one that is fetched: int8 with
 * a scale for each channel, where the other has one for each tensor.
 */
const PUBLISHED: readonly PublishedBackbone[] = [
  {
    width: 1,
    url: 'https://raw.githubusercontent.com/google-coral/test_data/master/tf2_mobilenet_v2_1.0_224_ptq.tflite',
    bytes: 4_070_174,
    sha256: '5d3137241276e79c86d14a74fe43581398ae0e815191d3dba45495b810840e8c',
    publisher: 'Google Coral, test_data',
    licence: 'Apache-2.0',
  },
  {
    width: 1,
    url: 'https://raw.githubusercontent.com/google-coral/test_data/master/mobilenet_v2_1.0_224_quant.tflite',
    bytes: 3_610_798,
    sha256: '7aad0c74c5e3c06e5eb3c827e13304fdd68a83da6087d92ee169c24ff9fd4776',
    publisher: 'Google Coral, test_data',
    licence: 'Apache-2.0',
  },
];

/** torchvision's mobilenet_v2-b0353104.pth, which says in its name how its SHA-256 begins. */
const TORCHVISION = { prefix: 'b0353104', origin: 'torchvision, BSD-3-Clause' } as const;

/** Where to get a width by hand that has no file of known checksum. */
const BY_HAND: Readonly<Partial<Record<BackboneWidth, string>>> = {
  0.35: 'https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_224_no_top.h5',
};

/** Publisher and licence of the file that a backbone came from, where its checksum is that of a known file. */
export function originOf({ sha256 }: Backbone): string {
  if (sha256.startsWith(TORCHVISION.prefix)) return TORCHVISION.origin;
  const known = PUBLISHED.find((file) => file.sha256 === sha256);
  return known === undefined ? "licence: see the file's publisher" : `${known.publisher}, ${known.licence}`;
}

/** The file to give `fetchBackbone` for a width. @throws UserError if there is none, saying what to do */
export function publishedFile(width: BackboneWidth): PublishedFile {
  const known = PUBLISHED.find((file) => file.width === width);
  if (known !== undefined) return known;
  throw new UserError(
    `No file of width ${width} has a checksum known here to verify it by: download ${BY_HAND[width]} and run viewal weights import on it.`,
  );
}

/**
 * Downloads a file of MobileNetV2, verifies it and keeps it in the cache, where `findBackbone` finds what it holds. A
 * file that lies there already is not downloaded again.
 *
 * @param onBytes called with the number of bytes of each piece that has come, or of a file that was there
 * @returns the backbone and its file in the cache
 * @throws UserError if the file cannot be had or is not the one expected; the cache is then as it was
 */
export async function fetchBackbone(
  published: PublishedFile,
  onBytes: (count: number) => void = () => {},
  folder: string = weightsFolder(),
): Promise<{ readonly file: string; readonly backbone: Backbone }> {
  const original = join(folder, published.url.slice(published.url.lastIndexOf('/') + 1));
  if (await isDownloaded(published, original)) onBytes(published.bytes);
  else await download(published, original, onBytes);
  const { backbone } = await importBackbone(original);
  return { file: await saveBackbone(backbone, folder), backbone };
}
