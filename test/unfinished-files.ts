import type { Reporter, TestModule } from 'vitest/node';

/**
 * Names the test files whose process ended before they did: Vitest says only that one did, and the end of a log may be all
 * that there is to look at.
 */
export class UnfinishedFiles implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    for (const module of modules) {
      const open = [...module.children.allTests()].filter((test) => test.result().state === 'pending');
      if (open.length > 0 || module.state() === 'pending' || module.state() === 'queued')
        console.error(
          `Not finished: ${module.relativeModuleId}, ${open.length} tests open, the first: ${open[0]?.fullName}`,
        );
    }
  }
}
