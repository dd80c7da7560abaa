import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../sample.js';

/** Stand-ins of packages that users install: what their main module does. */
type Packages = Partial<Record<'tfjs-node' | 'tfjs-node-gpu', string>>;

/** What loads and computes. */
const working = (gpu: boolean) => `
  module.exports = {
    backend: () => ({ binding: { TF_Version: '2.9.1' }, isUsingGpuDevice: ${gpu} }),
    scalar: (value) => value,
    addN: (terms) => ({ dataSync: () => [terms.reduce((sum, term) => sum + term)] }),
  };`;

/** Of this version as users install it. */
let modules: string;

beforeAll(async () => {
  modules = join(await temporaryFolder(), 'node_modules');
  await mkdir(join(modules, '@tensorflow'), { recursive: true });
  await cp('dist', join(modules, 'viewal/dist'), { recursive: true });
  await cp('package.json', join(modules, 'viewal/package.json'));
  for (const folder of ['', '@tensorflow'])
    for (const name of await readdir(join('node_modules', folder)))
      if (!name.startsWith('tfjs-node') && !['.bin', '@tensorflow'].includes(name))
        await symlink(resolve('node_modules', folder, name), join(modules, folder, name));
});

/** Puts these TensorFlow packages beside it, and no other. @returns the folder of its compiled modules */
async function install(packages: Packages): Promise<string> {
  for (const name of ['tfjs-node', 'tfjs-node-gpu'] as const) {
    const folder = join(modules, '@tensorflow', name);
    await rm(folder, { recursive: true, force: true });
    const main = packages[name];
    if (main === undefined) continue;
    await mkdir(folder);
    await writeFile(join(folder, 'package.json'), `{ "version": "4.22.0", "main": "main.cjs" }`);
    await writeFile(join(folder, 'main.cjs'), main);
  }
  return join(modules, 'viewal/dist/src');
}

function node(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  // No Vulkan driver is where none of these point: auto has no GPU but TensorFlow's.
  const env = { ...process.env, VK_DRIVER_FILES: '/nowhere', VK_ICD_FILENAMES: '/nowhere' };
  return new Promise((done) => {
    execFile(process.execPath, args, { env }, (_, stdout, stderr) => done({ stdout, stderr }));
  });
}

interface Found {
  readonly auto: { readonly name: string; readonly reason: string };
  /** What is said to those who name it; what was chosen where nothing is wrong. */
  readonly tensorflow: string;
  readonly gpu: string;
}

async function found(packages: Packages): Promise<Found> {
  const module = join(await install(packages), 'model/backend.js');
  const script = `
    const { chooseBackend } = await import(${JSON.stringify(module)});
    const named = (name) => chooseBackend(name).then(
      ({ reason }) => reason,
      (error) => error.name + ': ' + error.message);
    const [auto, tensorflow, gpu] = [await chooseBackend(), await named('tensorflow'), await named('tensorflow-gpu')];
    console.log(JSON.stringify({ auto, tensorflow, gpu }));`;
  return JSON.parse((await node('--input-type=module', '-e', script)).stdout) as Found;
}

const NO_GPU = expect.stringMatching(/No GPU was found|does not load|is software/);

describe('native TensorFlow that is absent', () => {
  test('is said to be by name, and auto does as if nothing had been asked', async () => {
    const { auto, tensorflow, gpu } = await found({});
    expect(auto).toEqual({ name: 'wasm', reason: NO_GPU });
    expect(auto.reason).not.toMatch(/tensorflow/i);
    expect(tensorflow).toBe(
      'UserError: The package @tensorflow/tfjs-node is not installed: npm install @tensorflow/tfjs-node@4.22.0 brings it (docs/tensorflow.md).',
    );
    expect(gpu).toBe(tensorflow.replaceAll('tfjs-node', 'tfjs-node-gpu'));
  });

  test('has a line of doctor, and stops a run in one sentence before it begins', async () => {
    const main = join(await install({}), 'cli/main.js');
    const { stdout } = await node(main, 'doctor');
    expect(stdout).toMatch(
      /^✗ tensorflow-gpu The package @tensorflow\/tfjs-node-gpu is not installed: npm install/m,
    );
    expect(stdout).toMatch(
      /^✗ tensorflow {5}The package @tensorflow\/tfjs-node is not installed: npm install/m,
    );
    expect(stdout).toMatch(/^chosen: wasm for inference and training, .+$/m);
    const out = join(await temporaryFolder(), 'run');
    for (const command of ['replay', 'learn']) {
      const { stderr } = await node(
        main,
        command,
        resolve('data/sample'),
        '--out',
        out,
        '--backend',
        'tensorflow',
      );
      expect(stderr).toMatch(/^error: The package @tensorflow\/tfjs-node is not installed: [^\n]*\n$/);
    }
  });
});

describe('native TensorFlow that does not load', () => {
  const sentence = (reason: string) =>
    `UserError: The package @tensorflow/tfjs-node 4.22.0 does not load here: ${reason} (docs/tensorflow.md).`;

  test.each([
    [
      'its addon was not built',
      `throw new Error('The Node.js native addon module (tfjs_binding.node) can not be found at path: /x.node. \\nPlease run command ...');`,
      'The Node.js native addon module (tfjs_binding.node) can not be found at path: /x.node',
    ],
    [
      'a library is missing',
      `const error = new Error('libtensorflow.so.2: cannot open shared object file: No such file or directory');
       error.code = 'ERR_DLOPEN_FAILED';
       throw error;`,
      'libtensorflow.so.2: cannot open shared object file: No such file or directory',
    ],
    [
      'it loads and cannot compute on this Node',
      `${working(false)}
       module.exports.addN = () => { throw new TypeError('(0, util_1.isNullOrUndefined) is not a function'); };`,
      `it needs Node 22 or older, this is ${process.versions.node}`,
    ],
    [
      'it ends the process',
      `process.kill(process.pid, 'SIGILL'); setInterval(() => {}, 1000);`,
      'it ended with SIGILL',
    ],
    ['it ends the process in order', 'process.exit(3);', 'it ended with code 3'],
  ])('says why in a sentence where %s, and auto goes on', async (_, main, reason) => {
    const { auto, tensorflow } = await found({ 'tfjs-node': main });
    expect(tensorflow).toBe(sentence(reason));
    expect(auto.name).toBe('wasm');
    expect(auto.reason).toMatch(
      new RegExp(`; ${escaped(sentence(reason).slice('UserError: '.length, -1))}$`),
    );
  });

  test('says so where its addon is no library', async () => {
    const built = await install({ 'tfjs-node': `require('./tfjs_binding.node');` });
    await writeFile(join(modules, '@tensorflow/tfjs-node/tfjs_binding.node'), 'no library');
    const { stdout } = await node(join(built, 'cli/main.js'), 'doctor');
    expect(stdout).toMatch(
      /^✗ tensorflow +The package @tensorflow\/tfjs-node 4\.22\.0 does not load here: .*tfjs_binding\.node.*\(docs\/tensorflow\.md\)\.$/m,
    );
  });
});

describe('native TensorFlow that loads', () => {
  test('is what auto takes where there is no GPU', async () => {
    const { auto, tensorflow } = await found({ 'tfjs-node': working(false) });
    expect(auto.name).toBe('tensorflow');
    expect(auto.reason).toMatch(/^TensorFlow 2\.9\.1 is installed; /);
    expect(tensorflow).toBe('asked for');
  });

  test('on a GPU comes before all', async () => {
    const { auto, gpu } = await found({ 'tfjs-node': working(false), 'tfjs-node-gpu': working(true) });
    expect(auto).toEqual({ name: 'tensorflow-gpu', reason: 'TensorFlow 2.9.1 sees a GPU' });
    expect(gpu).toBe('asked for');
  });

  test('for a GPU and sees none is passed over, with the reason that TensorFlow logs', async () => {
    const log = `2026-01-01 00:00:00.0: W tensorflow/dso_loader.cc:64] Could not load dynamic library 'libcudart.so.11.0'; dlerror: libcudart.so.11.0: cannot open shared object file\\n`;
    const { auto, gpu } = await found({ 'tfjs-node-gpu': `console.error("${log}"); ${working(false)}` });
    expect(gpu).toBe(
      `UserError: TensorFlow 2.9.1 of @tensorflow/tfjs-node-gpu sees no GPU: could not load dynamic library 'libcudart.so.11.0'.`,
    );
    expect(auto).toEqual({ name: 'wasm', reason: expect.stringMatching(/sees no GPU: could not load .*; /) });
  });
});

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
