import * as tf from '@tensorflow/tfjs-core';
import { BATCH_NORM_EPSILON, features } from '../../../src/model/deeplab.js';
import { FoldedLayers } from '../../../src/model/inference/folded-layers.js';
import type { HostTensor } from '../../../src/model/network.js';
import type { Imported } from '../../../src/model/weights/import.js';

/** Strides of MobileNetV2's blocks (table 2), at output stride 32. */
const STRIDES = [1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1] as const;

/**
 * Class probabilities of a picture by MobileNetV2 as it was trained, written out here from the paper and the
 * TensorFlow implementation: output stride 32, no dilation, TensorFlow's `same` padding, at stride 2 on even sizes
 * one pixel to the right and below.
 */
export function classifyAsTrained({ backbone, classifier }: Imported, x: tf.Tensor4D): Float32Array {
  return probabilities(() => {
    const { tensors } = backbone;
    let y = layer(tensors, 'backbone/stem', x, 2, true);
    STRIDES.forEach((stride, i) => {
      const name = `backbone/b${i}`;
      let z = i === 0 ? y : layer(tensors, `${name}/expand`, y, 1, true);
      z = layer(tensors, `${name}/depthwise`, z, stride, true);
      z = layer(tensors, `${name}/project`, z, 1, false);
      y = stride === 1 && z.shape[3] === y.shape[3] ? tf.add(y, z) : z;
    });
    return classify(classifier!, y);
  });
}

/** The same by the network of this project: output stride 16, dilation, symmetric padding. */
export function classifyAsUsed({ backbone, classifier }: Imported, x: tf.Tensor4D): Float32Array {
  const layers = new FoldedLayers(backbone.tensors);
  // The ASPP's filters are no part of a backbone; what they make of it is not looked at.
  layers.filter = () => [];
  const result = probabilities(() =>
    classify(classifier!, features(layers, { width: backbone.width, head: 'slim', classes: 2 }, x).high[0]!),
  );
  layers.dispose();
  return result;
}

type Tensors = ReadonlyMap<string, HostTensor>;

function classify(classifier: Tensors, backboneOutput: tf.Tensor4D): tf.Tensor {
  const y = tf.mean<tf.Tensor4D>(layer(classifier, 'top', backboneOutput, 1, true), [1, 2], true);
  const logits = tf.add(
    tf.conv2d(y, tensor(classifier, 'classifier/weights') as tf.Tensor4D, 1, 'same'),
    tensor(classifier, 'classifier/bias'),
  );
  return tf.softmax(tf.reshape(logits, [-1]));
}

function layer(
  tensors: Tensors,
  name: string,
  x: tf.Tensor4D,
  stride: 1 | 2,
  isClipped: boolean,
): tf.Tensor4D {
  const weights = tensor(tensors, `${name}/weights`) as tf.Tensor4D;
  const y = name.endsWith('/depthwise')
    ? tf.depthwiseConv2d(x, weights, stride, 'same')
    : tf.conv2d(x, weights, stride, 'same');
  const [mean, variance, offset, scale] = ['mean', 'variance', 'offset', 'scale'].map(
    (role) => tensor(tensors, `${name}/${role}`) as tf.Tensor1D,
  );
  const normalised = tf.batchNorm4d(y, mean!, variance!, offset, scale, BATCH_NORM_EPSILON);
  return isClipped ? tf.relu6(normalised) : normalised;
}

function tensor(tensors: Tensors, name: string): tf.Tensor {
  const { data, shape } = tensors.get(name)!;
  return tf.tensor(data, [...shape]);
}

function probabilities(compute: () => tf.Tensor): Float32Array {
  const result = tf.tidy(compute);
  const values = result.dataSync<'float32'>();
  result.dispose();
  return values;
}
