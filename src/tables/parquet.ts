import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import parquetjs from 'parquetjs-lite';
import { UserError } from '../errors.js';
import { isMissing, writeAtomically } from '../files.js';
import { digest } from '../hash.js';
import { VERSION } from '../version.js';
import type { ParquetColumn, ParquetSchema, Row } from './schemas.js';

/** Name under which a file's metadata carries the digest of what it was computed from. */
const KEY = 'viewal.key';

const FIELDS: Record<ParquetColumn['type'], object> = {
  string: { type: 'UTF8' },
  'string?': { type: 'UTF8', optional: true },
  bool: { type: 'BOOLEAN' },
  int: { type: 'INT32' },
  'int?': { type: 'INT32', optional: true },
  float: { type: 'FLOAT' },
  'float?': { type: 'FLOAT', optional: true },
  double: { type: 'DOUBLE' },
  'double?': { type: 'DOUBLE', optional: true },
  'double[]': { type: 'DOUBLE', repeated: true },
};

/**
 * Writes a Parquet file atomically.
 * @param key digest of what the rows were computed from
 * @returns the rows as they are read back, some numbers in single precision: what goes on with these comes to the same as a later
 * process that reads them
 */
export async function writeParquet<S extends ParquetSchema>(
  path: string,
  schema: S,
  key: string,
  rows: readonly Row<S>[],
): Promise<Row<S>[]> {
  const fields = Object.fromEntries(
    Object.entries(schema.columns).map(([name, column]) => [
      name,
      { ...FIELDS[column.type], compression: 'SNAPPY' },
    ]),
  );
  await writeAtomically(path, async (temporary) => {
    const writer = await parquetjs.ParquetWriter.openFile(new parquetjs.ParquetSchema(fields), temporary);
    writer.setMetadata(KEY, key);
    for (const row of rows) await writer.appendRow(row);
    await writer.close();
  });
  return rows.map((row) => asStored(schema, row));
}

function asStored<S extends ParquetSchema>(schema: S, row: Row<S>): Row<S> {
  const stored: Record<string, unknown> = { ...row };
  for (const [name, { type }] of Object.entries(schema.columns))
    if (type === 'float' || type === 'float?')
      stored[name] = typeof stored[name] === 'number' ? Math.fround(stored[name]) : stored[name];
  return stored as Row<S>;
}

/** Writes a Parquet file that depends on its rows alone; one that holds the same rows already is left as it is. */
export async function keepParquet<S extends ParquetSchema>(
  path: string,
  schema: S,
  rows: readonly Row<S>[],
): Promise<void> {
  const key = digest(schema.name, VERSION, rows);
  if ((await readParquet(path, schema, key)) === undefined) await writeParquet(path, schema, key, rows);
}

/**
 * Reads a Parquet file whole.
 * @returns undefined where there is no such file, or where it does not carry the key asked for whole
 * @throws UserError where, with no key asked for, the file is damaged
 */
export async function readParquet<S extends ParquetSchema>(
  path: string,
  schema: S,
  key?: string,
): Promise<Row<S>[] | undefined> {
  try {
    const file = await asyncBufferFromFile(path);
    const metadata = await parquetMetadataAsync(file);
    if (key !== undefined && metadata.key_value_metadata?.find((entry) => entry.key === KEY)?.value !== key)
      return undefined;
    const columns = Object.keys(schema.columns);
    if (Number(metadata.num_rows) === 0) return [];
    const rows = await parquetReadObjects({ file, metadata, columns });
    return rows as Row<S>[];
  } catch (error) {
    // With a key asked for, a damaged file is one that is not current, and is made again.
    if (isMissing(error) || key !== undefined) return undefined;
    throw new UserError(
      `Could not read ${path} as a table of ${schema.name}: ${(error as Error).message}. Remove the file to have it made again.`,
    );
  }
}
