import { createRequire } from 'node:module';

/** This package's version. The package resolves itself by name, from sources and from the build alike. */
export const VERSION: string = createRequire(import.meta.url)('viewal/package.json').version;
