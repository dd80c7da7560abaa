// SIMD kernels on the heap of tfjs-backend-wasm, whose memory they import. Arguments are byte addresses of row-major
// float32 arrays unless said otherwise; images are NHWC. Nothing here allocates or keeps state, and the module has no
// data segment, which would land inside the heap of tfjs: `Mathf.log` and the like would bring one.

export { affineClamp, batchNormGradient, batchNormGradientSums, batchNormSums } from './batch-norm';
export { columnSums } from './column-sums';
export { crossEntropy } from './cross-entropy';
export { depthwiseFilterGradient, depthwiseInputGradient } from './depthwise';
export { add } from './elementwise';
export { packBy8, packTransposedBy8 } from './panels';
export { patches } from './patches';
export { pointwise } from './pointwise';
export { addProduct, productScratch } from './product';
export { momentumStep } from './sgd';
export { addSoftmax, meanHalves } from './softmax';
export { upsample, upsampleGradient } from './upsample';
