import { randomValues } from './support.js';

/** Gradients of Σ weights·depthwise(x, filter), by the definition; TensorFlow's padding. */
export function directDepthwiseGradients(
  [batch, height, width, depth]: readonly [number, number, number, number],
  size: number,
  {
    stride,
    dilation,
    pad,
    seed,
  }: { stride: number; dilation: number; pad: 'same' | 'valid' | 1; seed: number },
): [Float64Array, Float64Array] {
  const extent = (size - 1) * dilation + 1;
  const along = (length: number) => {
    if (pad === 1) return { out: Math.floor((length + 2 - extent) / stride) + 1, before: 1 };
    if (pad === 'valid') return { out: Math.ceil((length - extent + 1) / stride), before: 0 };
    const out = Math.ceil(length / stride);
    return { out, before: Math.floor(Math.max(0, (out - 1) * stride + extent - length) / 2) };
  };
  const rows = along(height);
  const columns = along(width);
  const x = randomValues(batch * height * width * depth, seed);
  const filter = randomValues(size * size * depth, seed + 1);
  const dy = randomValues(batch * rows.out * columns.out * depth, 77);
  const dx = new Float64Array(x.length);
  const dw = new Float64Array(filter.length);
  for (let n = 0; n < batch; n++)
    for (let i = 0; i < rows.out; i++)
      for (let j = 0; j < columns.out; j++)
        for (let k = 0; k < size; k++)
          for (let l = 0; l < size; l++)
            for (let c = 0; c < depth; c++) {
              const y = i * stride + k * dilation - rows.before;
              const z = j * stride + l * dilation - columns.before;
              if (y < 0 || y >= height || z < 0 || z >= width) continue;
              const at = ((n * height + y) * width + z) * depth + c;
              const slope = dy[((n * rows.out + i) * columns.out + j) * depth + c]!;
              dx[at]! += slope * filter[(k * size + l) * depth + c]!;
              dw[(k * size + l) * depth + c]! += slope * x[at]!;
            }
  return [dx, dw];
}
