/**
 * Where a worker's compiled module lies. Node 20 cannot run TypeScript in a worker, so when the caller itself
 * runs from `src/….ts` (under the test runner) its worker is taken from the build, `dist/src/….js`.
 *
 * @param moduleUrl the caller's `import.meta.url`
 * @param file the worker's compiled module relative to the caller, as in an import: `'./inference-worker.js'`
 */
export function workerUrl(moduleUrl: string, file: string): URL {
  const beside = new URL(file, moduleUrl);
  if (!moduleUrl.endsWith('.ts')) return beside;
  const sources = new URL('.', import.meta.url);
  return new URL(`../dist/src/${beside.href.slice(sources.href.length)}`, sources);
}
