import { open, readFile } from 'node:fs/promises';
import {
  type Data,
  type DataType,
  Field,
  FixedSizeList,
  Float16,
  Int32,
  List,
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
import type { ArrowColumn, ArrowSchema, ArrowTypes, Columns } from './schemas.js';

/** Name under which a file's metadata carries the digest of what it was computed from. */
const KEY = 'viewal.key';

const VALUES: Record<ArrowColumn['type'], DataType> = {
  uint8: new Uint8(),
  uint16: new Uint16(),
  uint32: new Uint32(),
  int32: new Int32(),
  'uint32[]': new Uint32(),
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
    const data = dataOf(columns[name as keyof Columns<S>], column.type, classes);
    rows = data.length;
    fields.push(new Field(name, data.type, false));
    children.push(data);
  }
  const metadata = new Map([[KEY, key], ['classes', `${classes}`], ...Object.entries(entries)]);
  const arrowSchema = new Schema(fields, metadata);
  const batch = new RecordBatch(
    arrowSchema,
    makeData({ type: new Struct(fields), length: rows, nullCount: 0, children }),
  );
  await writeFileAtomically(path, tableToIPC(new Table(arrowSchema, batch), 'file'));
}

/** A column as Arrow has it; its values are not copied. */
function dataOf(column: ArrowTypes[ArrowColumn['type']], type: ArrowColumn['type'], classes: number): Data {
  const item = new Field('item', VALUES[type], false);
  if ('offsets' in column) {
    const child = makeData({ type: VALUES[type] as Uint32, data: column.values });
    const { offsets } = column;
    return makeData({ type: new List(item), length: offsets.length - 1, valueOffsets: offsets, child });
  }
  const data = makeData({ type: VALUES[type] as Int32, data: column as Int32Array });
  if (!type.endsWith('[C]')) return data;
  return makeData({
    type: new FixedSizeList(classes, item),
    length: column.length / classes,
    child: data,
  });
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
    const columns: Record<string, ArrowTypes[ArrowColumn['type']]> = {};
    for (const [name, column] of Object.entries(schema.columns)) {
      const data = batch?.getChild(name)?.data[0];
      if (data === undefined) throw new Error(`expected a column ${name}`);
      const values = column.type.includes('[') ? data.children[0] : data;
      if (column.type.endsWith('[C]')) classes = (data.type as FixedSizeList).listSize;
      if (values?.type.toString() !== VALUES[column.type].toString())
        throw new Error(`expected ${name} to be ${column.type}, found ${data.type}`);
      // Offsets count values; buffers are padded to 8 bytes.
      if (column.type === 'uint32[]') {
        const offsets: Int32Array = data.valueOffsets.subarray(0, batch.numRows + 1);
        columns[name] = { offsets, values: values.values.subarray(0, offsets[batch.numRows] ?? 0) };
      } else {
        const length = column.type.endsWith('[C]') ? batch.numRows * classes : batch.numRows;
        columns[name] = values.values.subarray(0, length);
      }
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
