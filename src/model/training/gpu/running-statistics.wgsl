// Running statistics move towards those of a batch; a thread a channel.

const GROUP = 256u;

struct Step {
  channels: u32,
  /// Of the batch's statistics in the new ones.
  share: f32,
}

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<storage, read> mean: array<f32>;
@group(0) @binding(2) var<storage, read> variance: array<f32>;
@group(0) @binding(3) var<storage, read> batch_mean: array<f32>;
@group(0) @binding(4) var<storage, read> batch_variance: array<f32>;
@group(0) @binding(5) var<storage, read_write> new_mean: array<f32>;
@group(0) @binding(6) var<storage, read_write> new_variance: array<f32>;

@compute @workgroup_size(GROUP)
fn follow(@builtin(global_invocation_id) id: vec3u) {
  let c = id.x;
  if c >= step.channels { return; }
  new_mean[c] = mean[c] * (1.0 - step.share) + batch_mean[c] * step.share;
  new_variance[c] = variance[c] * (1.0 - step.share) + batch_variance[c] * step.share;
}
