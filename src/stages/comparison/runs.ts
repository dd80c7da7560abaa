import { UserError } from '../../errors.js';
import { keepParquet, readParquet } from '../../tables/parquet.js';
import { ROUNDS, type RoundRow, RUNS, type RunRow } from '../../tables/schemas.js';
import { type Comparison, type ComparisonRun, FULL, learningOf, runFolder } from './comparison.js';

/**
 * Every run that the folder has or is asked for now, as the runs table has it: full training first, then strategy by
 * strategy, so that what several runs need is trained before the second of them comes to it.
 */
export async function readRuns(comparison: Comparison): Promise<RunRow[]> {
  const { folder, strategies, seeds } = comparison;
  const known = (await readParquet(folder.runFile(RUNS.name), RUNS)) ?? [];
  const runs: RunRow[] = [];
  for (const strategy of [FULL, ...strategies.map(({ name }) => name)])
    for (const seed of seeds) {
      const before = known.find((row) => row.strategy === strategy && row.seed === seed);
      const { rounds } = learningOf(comparison, strategy);
      const isEnough = before?.finished && before.rounds >= rounds;
      const isThere = isEnough && (await readRounds(comparison, before)).length > 0;
      runs.push(
        isThere ? before : { strategy, seed, rounds, finished: false, reason: before?.reason ?? null },
      );
    }
  const isNamed = ({ strategy, seed }: RunRow) =>
    runs.some((run) => run.strategy === strategy && run.seed === seed);
  return [...runs, ...known.filter((row) => !isNamed(row))];
}

/** Whether a run is of those asked for now. */
export function isAsked({ strategies, seeds }: Comparison, { strategy, seed }: ComparisonRun): boolean {
  return seeds.includes(seed) && (strategy === FULL || strategies.some(({ name }) => name === strategy));
}

/** Writes the table where it says something else. */
export async function writeRuns({ folder }: Comparison, runs: readonly RunRow[]): Promise<void> {
  await keepParquet(folder.runFile(RUNS.name), RUNS, runs);
}

/** The rounds that a run has measured; none where they cannot be read. */
export async function readRounds(
  comparison: Pick<Comparison, 'folder'>,
  run: ComparisonRun,
): Promise<RoundRow[]> {
  try {
    const rows = await readParquet(runFolder(comparison, run).runFile(ROUNDS.name), ROUNDS);
    return (rows ?? []).map((row) => ({ ...row, strategy: run.strategy }));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return [];
  }
}
