import * as tf from '@tensorflow/tfjs-core';

const CONVOLUTION = {
  forward: tf.Conv2D,
  input: tf.Conv2DBackpropInput,
  filter: tf.Conv2DBackpropFilter,
};
const DEPTHWISE = {
  forward: tf.DepthwiseConv2dNative,
  input: tf.DepthwiseConv2dNativeBackpropInput,
  filter: tf.DepthwiseConv2dNativeBackpropFilter,
};

/** tf.conv2d as `Layers.conv` pads it. @param isImage whether x is the image, whose gradient nobody asks for: it is 0 */
export function conv2d(x: tf.Tensor4D, filter: tf.Tensor4D, stride: 1 | 2, isImage = false): tf.Tensor4D {
  return convolve(CONVOLUTION, x, filter, stride, 1, isImage);
}

/** tf.depthwiseConv2d as `Layers.depthwise` pads it, one filter a channel. */
export function depthwiseConv2d(
  x: tf.Tensor4D,
  filter: tf.Tensor4D,
  stride: 1 | 2,
  dilation: number,
): tf.Tensor4D {
  return convolve(DEPTHWISE, x, filter, stride, dilation, false);
}

/**
 * A convolution whose gradient lets go of dy as soon as it has been used. The tape of tfjs keeps the gradient of every
 * intermediate until the last one is computed, though one operation alone uses it: that would be twice the memory.
 */
function convolve(
  kernels: typeof CONVOLUTION | typeof DEPTHWISE,
  x: tf.Tensor4D,
  filter: tf.Tensor4D,
  stride: 1 | 2,
  dilation: number,
  isImage: boolean,
): tf.Tensor4D {
  // (k − 1) / 2 on every side, so that stride 2 samples even pixels; `same` would pad only right and below there.
  const attrs = { strides: stride, pad: stride === 1 ? 'same' : 1, dataFormat: 'NHWC', dilations: dilation };
  const run = (kernel: string, inputs: tf.NamedTensorMap, shapes: tf.NamedAttrMap = {}) =>
    tf.engine().runKernel(kernel, inputs, { ...attrs, ...shapes }) as tf.Tensor4D;
  const op = tf.customGrad<tf.Tensor4D>((...args) => {
    const [input, weights, save] = args as [tf.Tensor4D, tf.Tensor4D, tf.GradSaveFunc];
    save([input, weights]);
    return {
      value: run(kernels.forward, { x: input, filter: weights }),
      gradFunc: (dy: tf.Tensor, saved) => {
        const [of, by] = saved;
        const gradient = [
          isImage ? tf.zerosLike(of) : run(kernels.input, { dy, filter: by }, { inputShape: of.shape }),
          run(kernels.filter, { dy, x: of }, { filterShape: by.shape }),
        ];
        dy.dispose();
        return gradient;
      },
    };
  });
  return op(x, filter);
}
