// One step of gradient descent with momentum, as sgd.ts has it; a thread a weight.

const GROUP = 256u;

struct Step {
  length: u32,
  learning_rate: f32,
  momentum: f32,
  weight_decay: f32,
}

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<storage, read> weights: array<f32>;
@group(0) @binding(2) var<storage, read> gradient: array<f32>;
@group(0) @binding(3) var<storage, read> velocity: array<f32>;
@group(0) @binding(4) var<storage, read_write> new_weights: array<f32>;
@group(0) @binding(5) var<storage, read_write> new_velocity: array<f32>;

@compute @workgroup_size(GROUP)
fn descend(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
           @builtin(local_invocation_index) lane: u32) {
  let i = (group.x + group.y * groups.x) * GROUP + lane;
  if i >= step.length { return; }
  let faster = step.momentum * velocity[i] + gradient[i] + step.weight_decay * weights[i];
  new_velocity[i] = faster;
  new_weights[i] = weights[i] - step.learning_rate * faster;
}
