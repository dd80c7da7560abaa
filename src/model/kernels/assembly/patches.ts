/**
 * The patches that rows [from, to) of a convolution's output meet, one a line: [(to − from)·outWidth, size, size,
 * channels], 0 outside the image x [height, width, channels]. Their product with dy is the filter's gradient.
 */
export function patches(
  x: usize,
  lines: usize,
  from: i32,
  to: i32,
  height: i32,
  width: i32,
  channels: i32,
  outWidth: i32,
  size: i32,
  stride: i32,
  dilation: i32,
  top: i32,
  left: i32,
): void {
  const pixel = (<usize>channels) << 2;
  for (let i = from; i < to; i++) {
    for (let j = 0; j < outWidth; j++) {
      for (let k = 0; k < size; k++) {
        const row = i * stride + k * dilation - top;
        const isInside = row >= 0 && row < height;
        for (let l = 0; l < size; l++) {
          const column = j * stride + l * dilation - left;
          const isMet = isInside && column >= 0 && column < width;
          const source = x + <usize>(row * width + column) * pixel;
          for (let c: usize = 0; c < pixel; c += 4) store<f32>(lines + c, isMet ? load<f32>(source + c) : 0);
          lines += pixel;
        }
      }
    }
  }
}
