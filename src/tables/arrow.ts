import { open, readFile } from 'node:fs/promises';
import {
  type Data,
  type DataType,
  Field,
  FixedSizeList,
  Float16,
  Int32,
  makeData,
  RecordBatch,
  RecordBatchReader,
  Schema,
  Struct,
  Table,
  tableFromIPC,
  tableToIPC,
  Uint8,
  Uint16,
  Uint32,
} from 'apache-arrow';
import { UserError } from '../errors.js';
import { isMissing, writeFileAtomically } from '../files.js';
import type { ArrowColumn, ArrowSchema, Columns } from './schemas.js';

/** Name under which a file's metadata carries the digest of what it was computed from. */
const KEY = 'viewal.key';

const VALUES: Record<ArrowColumn['type'], DataType> = {
  uint8: new Uint8(),
  uint16: new Uint16(),
  uint32: new Uint32(),
  int32: new Int32(),
  'uint32[C]': new Uint32(),
  'float16[C]': new Float16(),
};

/** What an Arrow file says of itself beside its columns. */
export interface ArrowMetadata {
  /** Digest of what it was computed from; undefined in a file that somebody else made. */
  readonly key: string | undefined;
  /** Our own entries, for instance width and height. */
  readonly entries: ReadonlyMap<string, string>;
}

/**
 * Writes an Arrow IPC file atomically, one record batch.
 * @param classes length of the `[C]` columns' lists
 * @param columns read, not kept
 */
export async function writeArrow<S extends ArrowSchema>(
  path: string,
  schema: S,
  key: string,
  classes: number,
  columns: Columns<S>,
  entries: Readonly<Record<string, string>> = {},
): Promise<void> {
  const fields: Field[] = [];
  const children: Data[] = [];
  let rows = 0;
  for (const [name, column] of Object.entries(schema.columns)) {
    const data = columns[name as keyof Columns<S>];
    const values = VALUES[column.type];
    if (column.type.endsWith('[C]')) {
      rows = data.length / classes;
      const list = new FixedSizeList(classes, new Field('item', values, false));
      fields.push(new Field(name, list, false));
      children.push(
        makeData({
          type: list,
          length: rows,
          child: makeData({ type: values as Int32, data: data as Int32Array }),
        }),
      );
    } else {
      rows = data.length;
      fields.push(new Field(name, values, false));
      children.push(makeData({ type: values as Int32, data: data as Int32Array }));
    }
  }
  const metadata = new Map([[KEY, key], ['classes', `${classes}`], ...Object.entries(entries)]);
  const arrowSchema = new Schema(fields, metadata);
  const batch = new RecordBatch(
    arrowSchema,
    makeData({ type: new Struct(fields), length: rows, nullCount: 0, children }),
  );
  await writeFileAtomically(path, tableToIPC(new Table(arrowSchema, batch), 'file'));
}

/**
 * Reads what a file says of itself, from its footer.
 * @returns undefined where there is no such file, or it is damaged or no Arrow file
 */
export async function readArrowMetadata(path: string): Promise<ArrowMetadata | undefined> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  try {
    const reader = await RecordBatchReader.from(file);
    await reader.open();
    return metadataOf(reader.schema);
  } catch {
    return undefined;
  } finally {
    await file.close();
  }
}

/**
 * Reads an Arrow IPC file whole; the columns are views on its bytes.
 * @returns undefined where there is no such file, or where it does not carry the key asked for whole
 * @throws UserError where, with no key asked for, the file is damaged or its columns are not those of the schema
 */
export async function readArrow<S extends ArrowSchema>(
  path: string,
  schema: S,
  key?: string,
): Promise<{ columns: Columns<S>; classes: number; entries: ReadonlyMap<string, string> } | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  try {
    const table = tableFromIPC(bytes);
    const metadata = metadataOf(table.schema);
    if (key !== undefined && metadata.key !== key) return undefined;
    const [batch, ...more] = table.batches;
    if (more.length > 0) throw new Error('expected one record batch');
    let classes = Number(metadata.entries.get('classes') ?? 0);
    const columns: Record<string, ArrayBufferView> = {};
    for (const [name, column] of Object.entries(schema.columns)) {
      const data = batch?.getChild(name)?.data[0];
      if (data === undefined) throw new Error(`expected a column ${name}`);
      const values = column.type.endsWith('[C]') ? data.children[0] : data;
      if (column.type.endsWith('[C]')) classes = (data.type as FixedSizeList).listSize;
      if (values.type.toString() !== VALUES[column.type].toString())
        throw new Error(`expected ${name} to be ${column.type}, found ${data.type}`);
      const length = column.type.endsWith('[C]') ? batch.numRows * classes : batch.numRows;
      // Offsets count values; buffers are padded to 8 bytes.
      columns[name] = values.values.subarray(0, length);
    }
    return { columns: columns as Columns<S>, classes, entries: metadata.entries };
  } catch (error) {
    // With a key asked for, a damaged file is one that is not current, and is made again.
    if (key !== undefined) return undefined;
    throw new UserError(
      `Could not read ${path} as a table of ${schema.name}: ${(error as Error).message}. Remove the file to have it made again.`,
    );
  }
}

function metadataOf(schema: Schema): ArrowMetadata {
  const entries = new Map(schema.metadata);
  const key = entries.get(KEY);
  entries.delete(KEY);
  return { key, entries };
}
