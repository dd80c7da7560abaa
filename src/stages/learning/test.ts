import { concatMap, lastValueFrom, map, of, tap } from 'rxjs';
import { frameName } from '../../frame.js';
import { digest } from '../../hash.js';
import { Calibration } from '../../model/evaluation/calibration.js';
import { ConfusionMatrix } from '../../model/evaluation/confusion-matrix.js';
import { evaluate } from '../../model/evaluation/evaluate.js';
import { pull } from '../../operators/pull.js';
import { readFrames } from '../../operators/read-frames.js';
import { skipBadFrames } from '../../operators/skip-bad-frames.js';
import { readParquet, writeParquet } from '../../tables/parquet.js';
import { CALIBRATION, CONFUSION, METRICS, type MetricRow } from '../../tables/schemas.js';
import { calibrationRows, confusionRows, distinctNames, metricRows } from '../measure.js';
import { stageNetwork } from '../network.js';
import { inFlight } from '../observe.js';
import type { Learning } from './learning.js';
import type { Round } from './round.js';

/**
 * Measures a round's network on the test frames, dropout off, and writes the metrics, confusion and calibration tables
 * of the round. Reads the tables where they are current.
 */
export async function testStage(
  { test, size, options, monitor }: Learning,
  { run }: Round,
  modelFolder: string,
): Promise<readonly MetricRow[]> {
  const { folder } = run;
  const network = await stageNetwork(run, modelFolder, 0);
  const key = digest(
    'test',
    network.key,
    options.size,
    test.frames.map((entry) => [frameName(entry), entry.fingerprint, entry.labelFingerprint]),
  );
  const known = await readParquet(folder.runFile(METRICS.name), METRICS, key);
  if (known !== undefined) return known;

  const classes = distinctNames(test.classes);
  const confusion = new ConfusionMatrix(classes.length);
  const calibration = new Calibration();
  let measured = 0;
  const progress = monitor.begin('test', test.frames.length, 'frames');
  try {
    const segmenter = await network.segmenter();
    await lastValueFrom(
      pull(test.frames, inFlight(run), (entry) =>
        of(entry).pipe(
          readFrames(test, size),
          concatMap(async (frame) => ({ frame, probabilities: await segmenter.predict(frame) })),
          map(({ frame: { labels }, probabilities }) => {
            if (labels === undefined) return;
            evaluate(labels, probabilities, confusion, calibration);
            measured++;
          }),
          skipBadFrames((error) => monitor.warn(`not tested on ${frameName(entry)}: ${error.message}`)),
          tap({ complete: () => progress.advance() }),
        ),
      ),
      { defaultValue: undefined },
    );
  } finally {
    progress.end();
    await network.close();
  }
  const rows = metricRows('test', measured, confusion, calibration, classes);
  await writeParquet(
    folder.runFile(CONFUSION.name),
    CONFUSION,
    key,
    confusionRows('test', confusion, classes),
  );
  await writeParquet(
    folder.runFile(CALIBRATION.name),
    CALIBRATION,
    key,
    calibrationRows('test', calibration),
  );
  return writeParquet(folder.runFile(METRICS.name), METRICS, key, rows);
}
