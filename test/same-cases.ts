import fc from 'fast-check';

// CI checks properties on the same random cases every time, so that a change fails it or does not; by hand they are new ones,
// which find more. A failure prints its seed.
if (process.env.CI) fc.configureGlobal({ seed: 2611 });
