import * as tf from '@tensorflow/tfjs-core';
import { replaceKernel } from './replace-kernel.js';

/** Attributes of convolutions and their gradients; `inputShape` where the input's gradient is asked for. */
interface ConvolutionAttrs extends tf.NamedAttrMap {
  readonly pad: 'valid' | 'same' | number;
  readonly inputShape: [number, number, number, number];
}

/**
 * Lets the convolutions of tfjs-node 4.22 and their gradients take padding as a number of pixels on every side, which
 * they refuse. Asked to pad by so many zeros, TensorFlow's convolutions do; their gradients are those of the padded image.
 */
export function registerTensorflowKernels(): void {
  for (const name of [tf.Conv2D, tf.FusedConv2D, tf.DepthwiseConv2dNative, tf.FusedDepthwiseConv2D]) {
    withNumericPad(name, (inputs, attrs, pad) =>
      run(name, inputs, {
        ...attrs,
        pad: [
          [0, 0],
          [pad, pad],
          [pad, pad],
          [0, 0],
        ],
      }),
    );
  }
  for (const name of [tf.Conv2DBackpropFilter, tf.DepthwiseConv2dNativeBackpropFilter]) {
    withNumericPad(name, ({ x, dy }, attrs, pad) =>
      run(name, { x: padded(x as tf.Tensor4D, pad), dy }, { ...attrs, pad: 'valid' }),
    );
  }
  for (const name of [tf.Conv2DBackpropInput, tf.DepthwiseConv2dNativeBackpropInput]) {
    withNumericPad(name, (inputs, attrs, pad) => {
      const [batch, height, width, channels] = attrs.inputShape;
      const inputShape = [batch, height + 2 * pad, width + 2 * pad, channels];
      const gradient = run(name, inputs, { ...attrs, pad: 'valid', inputShape });
      return tf.slice(gradient, [0, pad, pad, 0], attrs.inputShape);
    });
  }
}

function withNumericPad(
  name: string,
  compute: (inputs: tf.NamedTensorMap, attrs: ConvolutionAttrs, pad: number) => tf.Tensor,
): void {
  replaceKernel(
    name,
    (args) => {
      const { pad, ...attrs } = args.attrs as unknown as ConvolutionAttrs;
      if (typeof pad !== 'number') return undefined;
      return tf.tidy(() => compute(args.inputs as tf.NamedTensorMap, { pad, ...attrs }, pad));
    },
    'tensorflow',
  );
}

function run(name: string, inputs: tf.NamedTensorMap, attrs: tf.NamedAttrMap): tf.Tensor {
  return tf.engine().runKernel(name, inputs, attrs) as tf.Tensor;
}

function padded(x: tf.Tensor4D, pad: number): tf.Tensor4D {
  return tf.pad(x, [
    [0, 0],
    [pad, pad],
    [pad, pad],
    [0, 0],
  ]);
}
