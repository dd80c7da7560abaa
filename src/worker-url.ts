/**
 * Where a worker's compiled module lies. Node 20 cannot run TypeScript in a worker, so when the caller itself
 * runs from TypeScript (under the test runner) its worker is taken from the build: `dist/src/….js` for `src/….ts`.
 *
 * @param moduleUrl the caller's `import.meta.url`
 * @param file the worker's compiled module relative to the caller, as in an import: `'./inference-worker.js'`
 */
export function workerUrl(moduleUrl: string, file: string): URL {
  const beside = new URL(file, moduleUrl);
  if (!moduleUrl.endsWith('.ts')) return beside;
  const root = new URL('..', import.meta.url);
  return new URL(`dist/${beside.href.slice(root.href.length)}`, root);
}
