// What a convolution of [images, height, width, channels] to [images, out_height, out_width, outputs] is.

struct Convolution {
  height: u32,
  width: u32,
  channels: u32,
  out_height: u32,
  out_width: u32,
  /// 1 a channel where it is depthwise.
  outputs: u32,
  /// Of the filter, square.
  size: u32,
  stride: u32,
  dilation: u32,
  /// Padding.
  top: u32,
  left: u32,
  /// Of the output, of all images.
  pixels: u32,
}

/// Of the first channel of the pixel under a tap, or NONE where that is padding.
fn index_under(conv: Convolution, out_pixel: u32, tap: u32) -> u32 {
  let row = out_pixel / conv.out_width;
  let y = row % conv.out_height * conv.stride + tap / conv.size * conv.dilation - conv.top;
  let x = out_pixel % conv.out_width * conv.stride + tap % conv.size * conv.dilation - conv.left;
  // What is left of 0 has wrapped to far right.
  if y >= conv.height || x >= conv.width { return NONE; }
  return ((row / conv.out_height * conv.height + y) * conv.width + x) * conv.channels;
}

const NONE = 0xffffffffu;
