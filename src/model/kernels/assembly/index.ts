// SIMD kernels on the heap of tfjs-backend-wasm, whose memory they import. Arguments are byte addresses of row-major
// float32 arrays unless said otherwise; images are NHWC. Nothing here allocates or keeps state, and the module has no
// data segment, which would land inside the heap of tfjs: `Mathf.log` and the like would bring one.
export { add } from './elementwise';
