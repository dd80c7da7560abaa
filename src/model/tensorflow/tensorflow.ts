import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import { UserError } from '../../errors.js';
import { workerUrl } from '../../worker-url.js';
import { registerTensorflowKernels } from '../kernels/tensorflow-kernels.js';
import type { Probe } from './probe.js';

/** Native TensorFlow, by the package that users may install beside this one (docs/tensorflow.md). */
export type TensorflowName = keyof typeof PACKAGES;

const PACKAGES = {
  'tensorflow-gpu': '@tensorflow/tfjs-node-gpu',
  tensorflow: '@tensorflow/tfjs-node',
} as const;

/** A package that computes here. */
export interface TensorflowReport extends Probe {
  /** The package with its version. */
  readonly package: string;
}

export function isTensorflow(name: string): name is TensorflowName {
  return name in PACKAGES;
}

/** Whether the package is there, be it to any use or not. */
export function isInstalled(name: TensorflowName): boolean {
  return versionOf(PACKAGES[name]) !== undefined;
}

/**
 * What a package is and computes on. It is loaded in a process of its own, the first time that it is asked for: a
 * TensorFlow built for another processor ends the process that loads it, and one with a GPU takes its memory.
 *
 * Sets two of TensorFlow's environment variables, for the threads to come and unless the user has.
 * @throws UserError where it is absent or of no use; so is the GPU package where TensorFlow sees no GPU
 */
export function findTensorflow(name: TensorflowName): Promise<TensorflowReport> {
  // A thread's own variables never reach TensorFlow: what runs it in threads comes here first on the main one.
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '3';
  // Else TensorFlow takes all of the GPU's memory, and WebGPU has none.
  process.env.TF_FORCE_GPU_ALLOW_GROWTH ??= 'true';
  found[name] ??= find(name);
  return found[name];
}

const found: { [Name in TensorflowName]?: Promise<TensorflowReport> } = {};

async function find(name: TensorflowName): Promise<TensorflowReport> {
  const module = PACKAGES[name];
  const version = versionOf(module);
  if (version === undefined) {
    throw new UserError(
      `The package ${module} is not installed: npm install ${module}@${tf.version_core} brings it (docs/tensorflow.md).`,
    );
  }
  const { probe, log } = await probed(module, version);
  if (name === 'tensorflow-gpu' && !probe.gpu) {
    throw new UserError(`TensorFlow ${probe.version} of ${module} sees no GPU${whyNoGpu(log)}.`);
  }
  return { package: `${module} ${version}`, ...probe };
}

/** Version of an installed package. */
function versionOf(module: string): string | undefined {
  try {
    return (createRequire(import.meta.url)(`${module}/package.json`) as { version: string }).version;
  } catch {
    return undefined;
  }
}

function probed(module: string, version: string): Promise<{ probe: Probe; log: string }> {
  const script = fileURLToPath(workerUrl(import.meta.url, './probe.js'));
  const env = { ...process.env, TF_CPP_MIN_LOG_LEVEL: '0' };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [script, module], { env }, (error, stdout, stderr) => {
      if (error === null) {
        resolve({ probe: JSON.parse(stdout.trim().split('\n').at(-1)!) as Probe, log: stderr });
        return;
      }
      const reason = errorIn(stderr) ?? `it ended with ${error.signal ?? `code ${error.code}`}`;
      reject(
        new UserError(`The package ${module} ${version} does not load here: ${reason} (docs/tensorflow.md).`),
      );
    });
  });
}

/** The message of the error that a process of Node ended with. */
function errorIn(stderr: string): string | undefined {
  const message = stderr.match(/^\w*Error(?: \[\w+\])?: (.*?)[.\s]*$/m)?.[1];
  // tfjs-node 4.22 asks util for isNullOrUndefined and isArray, of which Node 23 has none.
  return message && /util_1\.is\w+\) is not a function/.test(message)
    ? `it needs Node 22 or older, this is ${process.versions.node}`
    : message;
}

/** A library that is missing, or what the driver said, as TensorFlow logs it. */
function whyNoGpu(log: string): string {
  const reason = log.match(
    /Could not (?:load dynamic library '[^']+'|find cuda drivers)|failed call to cuInit: .*/,
  )?.[0];
  return reason === undefined ? '' : `: ${reason.charAt(0).toLowerCase()}${reason.slice(1).trimEnd()}`;
}

/** Makes TensorFlow the backend of this thread's tfjs. */
export async function startTensorflow(name: TensorflowName): Promise<void> {
  if (tf.findBackend('tensorflow') === null) {
    await import(PACKAGES[name]);
    registerTensorflowKernels();
  }
  await tf.setBackend('tensorflow');
}
