import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { randomValues } from './support.js';

/** Gives every weight of a layer or model numbers of its own; variances positive. */
export function fillWeights<L extends tfl.layers.Layer>(layer: L, seed: number): L {
  const values = layer.weights.map(({ originalName, shape }, i) => {
    const numbers = randomValues(tf.util.sizeFromShape(shape as number[]), seed + i);
    const isVariance = originalName.endsWith('variance');
    return tf.tensor(isVariance ? numbers.map((x) => x + 2) : numbers, shape as number[]);
  });
  layer.setWeights(values);
  tf.dispose(values);
  return layer;
}

/** Saves a LayersModel as `tf.io` does in a browser: model.json and shards. @returns its folder */
export async function saveLayersModel(
  model: tfl.LayersModel,
  { metadata, shardBytes = 4 << 20 }: { metadata?: object; shardBytes?: number } = {},
): Promise<string> {
  let artifacts: tf.io.ModelArtifacts | undefined;
  await model.save(
    tf.io.withSaveHandler(async (given) => {
      artifacts = given;
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
    }),
  );
  const { modelTopology, weightSpecs, weightData } = artifacts!;
  return writeModel(
    { format: 'layers-model', modelTopology, ...(metadata ? { userDefinedMetadata: metadata } : {}) },
    weightSpecs!,
    new Uint8Array(weightData as ArrayBuffer),
    shardBytes,
  );
}

/** A GraphDef's node; attributes by their JSON in the file. */
export interface TestNode {
  readonly name: string;
  readonly op: string;
  readonly input?: readonly string[];
  readonly attr?: object;
}

const FLOAT = { T: { type: 'DT_FLOAT' } };
const text = (value: string) => ({ s: Buffer.from(value).toString('base64') });

export const CONVOLUTION = {
  ...FLOAT,
  strides: { list: { i: ['1', '1', '1', '1'] } },
  dilations: { list: { i: ['1', '1', '1', '1'] } },
  padding: text('SAME'),
  data_format: text('NHWC'),
};

/** The image that a graph takes; −1 for an open side. */
export function placeholder(shape: readonly number[] = [1, -1, -1, 3], name = 'image'): TestNode {
  const dim = shape.map((size) => ({ size: `${size}` }));
  return { name, op: 'Placeholder', attr: { dtype: { type: 'DT_FLOAT' }, shape: { shape: { dim } } } };
}

export function node(op: string, name: string, input: readonly string[], attr: object = FLOAT): TestNode {
  return { name, op, input, attr };
}

/** Saves a graph whose Const nodes are those of `weights`. @returns its folder */
export function saveGraphModel(
  nodes: readonly TestNode[],
  weights: Readonly<Record<string, tf.Tensor>>,
  more: { userDefinedMetadata?: object; signature?: object } = {},
): Promise<string> {
  const constants = Object.entries(weights).map(([name, { dtype }]) => ({
    name,
    op: 'Const',
    attr: { dtype: { type: dtype === 'int32' ? 'DT_INT32' : 'DT_FLOAT' } },
  }));
  const specs = Object.entries(weights).map(([name, { shape, dtype }]) => ({ name, shape, dtype }));
  const bytes = Buffer.concat(
    Object.values(weights).map((tensor) => Buffer.from((tensor.dataSync() as Float32Array).buffer)),
  );
  return writeModel(
    {
      format: 'graph-model',
      modelTopology: { node: [...constants, ...nodes], versions: { producer: 1, minConsumer: 0 } },
      ...more,
    },
    specs as tf.io.WeightsManifestEntry[],
    bytes,
    4 << 20,
  );
}

async function writeModel(
  content: object,
  weights: tf.io.WeightsManifestEntry[],
  bytes: Uint8Array,
  shardBytes: number,
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'viewal-model-'));
  const paths: string[] = [];
  for (let at = 0; at < bytes.length; at += shardBytes) {
    paths.push(`group1-shard${paths.length + 1}.bin`);
    await writeFile(join(folder, paths.at(-1)!), bytes.subarray(at, at + shardBytes));
  }
  await mkdir(folder, { recursive: true });
  await writeFile(
    join(folder, 'model.json'),
    JSON.stringify({ ...content, weightsManifest: [{ paths, weights }] }),
  );
  return folder;
}
