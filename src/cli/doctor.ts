import { totalmem } from 'node:os';
import type { Command } from 'commander';
import type { BackendChoice, BackendsReport } from '../model/backend.js';
import { parseOptions } from '../stages/options.js';
import { VERSION } from '../version.js';
import { addRunOptions, givenRunOptions } from './options.js';

/** `viewal doctor`: what this machine offers, what was chosen, and why. */
export function doctor(command: Command): void {
  addRunOptions(command.description('what this machine offers, what is chosen and why'), ['backend'])
    .addHelpText('after', '\nExample:\n  $ viewal doctor\n')
    .action(async (values: Record<string, unknown>) => {
      console.log(await describeMachine(parseOptions(givenRunOptions(values)).backend));
    });
}

/** Of the column of names. */
const NAME_WIDTH = 14;
const INDENT = ' '.repeat(NAME_WIDTH + 3);

async function describeMachine(choice: BackendChoice): Promise<string> {
  const { describeBackends } = await import('../model/backend.js');
  const found = await describeBackends(choice);
  return [
    `viewal ${VERSION} on Node ${found.node}`,
    `${found.cores} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GiB of memory`,
    ...found.backends.map(
      ({ name, available, detail }) => `${available ? '✓' : '✗'} ${name.padEnd(NAME_WIDTH)} ${detail}`,
    ),
    ...(await describeGpu(choice)),
    `chosen: ${describeChoice(found)}`,
  ].join('\n');
}

function describeChoice({ chosen, training }: BackendsReport): string {
  return chosen.name === training.name
    ? `${chosen.name} for inference and training, ${chosen.reason}`
    : `${chosen.name} for inference, ${chosen.reason}; ${training.name} for training, ${training.reason}`;
}

/** Limits that bound what fits, of some forty. */
const TELLING_LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupsPerDimension',
] as const;

/**
 * The GPU's adapter, driver, limits and features, and whether its point store and network agree with the CPU's. A software
 * GPU, which takes seconds to compile the network's kernels, has the network tried only if asked for.
 */
async function describeGpu(choice: BackendChoice): Promise<string[]> {
  const { closeGpu, openGpu } = await import('../gpu/device.js');
  try {
    const gpu = await openGpu();
    const { name, driver, vendor, architecture, software, features, limits } = gpu.report;
    const about = [
      `${name}${software ? ', a software GPU: for tests only' : ''}`,
      `${INDENT}driver    ${driver || 'unnamed'} (${[vendor, architecture].filter(Boolean).join(', ')})`,
      `${INDENT}features  ${features.join(' ') || 'none'}`,
      ...TELLING_LIMITS.map(
        (limit, i) => `${INDENT}${i === 0 ? 'limits  ' : '        '}  ${limit} ${limits[limit]}`,
      ),
    ];
    const { selfTest } = await import('../store/gpu/self-test.js');
    let start = performance.now();
    const seconds = () => `${((performance.now() - start) / 1000).toFixed(1)} s`;
    try {
      const { voxels, scoreDifference } = await selfTest(gpu);
      about.push(
        `${INDENT}self-test ${voxels} voxels as on the CPU, scores within ${scoreDifference.toPrecision(1)}, ${seconds()}`,
      );
      if (!software || choice === 'webgpu') {
        start = performance.now();
        const { selfTest: networkTest } = await import('../model/inference/gpu/self-test.js');
        const difference = await networkTest(gpu);
        about.push(
          `${INDENT}          MC dropout as on the CPU, probabilities within ${difference.toPrecision(1)}, ${seconds()}`,
        );
      }
      return [`✓ ${'GPU'.padEnd(NAME_WIDTH)} ${about[0]}`, ...about.slice(1)];
    } catch (error) {
      about.push(`${INDENT}self-test failed: ${(error as Error).message}`);
      return [`✗ ${'GPU'.padEnd(NAME_WIDTH)} ${about[0]}`, ...about.slice(1)];
    }
  } catch (error) {
    return [`✗ ${'GPU'.padEnd(NAME_WIDTH)} ${(error as Error).message}`];
  } finally {
    await closeGpu();
  }
}
