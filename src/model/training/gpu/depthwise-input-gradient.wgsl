// The gradient of a depthwise convolution's input: every tap brings it the slope of the output pixel that it was seen from. After
// convolution.wgsl.

const GROUP = 256u;

struct Spread {
  conv: Convolution,
  /// Of the input, of all images and channels.
  length: u32,
}

@group(0) @binding(0) var<uniform> spread: Spread;
/// [size, size, channels]
@group(0) @binding(1) var<storage, read> filters: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(GROUP)
fn gradient(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
            @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * GROUP + lane;
  if i >= spread.length { return; }
  let conv = spread.conv;
  let channel = i % conv.channels;
  let pixel = i / conv.channels;
  let x = pixel % conv.width;
  let y = pixel / conv.width % conv.height;
  let image = pixel / (conv.width * conv.height);
  var sum = 0.0;
  for (var row = 0u; row < conv.size; row++) {
    let down = y + conv.top - row * conv.dilation;
    if y + conv.top < row * conv.dilation || down % conv.stride != 0u || down / conv.stride >= conv.out_height {
      continue;
    }
    for (var column = 0u; column < conv.size; column++) {
      let across = x + conv.left - column * conv.dilation;
      if x + conv.left < column * conv.dilation || across % conv.stride != 0u || across / conv.stride >= conv.out_width {
        continue;
      }
      let seen = (image * conv.out_height + down / conv.stride) * conv.out_width + across / conv.stride;
      sum += dy[seen * conv.channels + channel] * filters[(row * conv.size + column) * conv.channels + channel];
    }
  }
  dx[i] = sum;
}
