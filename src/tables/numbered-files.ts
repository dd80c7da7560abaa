import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isMissing, syncFile, syncFolder } from '../files.js';
import { keepParquet, readParquet } from './parquet.js';
import type { ParquetSchema, Row } from './schemas.js';

/** A table that grows by files, `<name>-000001.parquet` and so on, so that others can take each as it appears. */
export class NumberedFiles<S extends ParquetSchema> {
  readonly #file: RegExp;

  /** @param folder that holds these files; it need not exist */
  constructor(
    private readonly folder: string,
    private readonly name: string,
    private readonly schema: S,
  ) {
    this.#file = new RegExp(`^${name}-(\\d+)\\.parquet$`);
  }

  /** All rows, file by file, and the number of the last file, 0 where there is none. */
  async readAll(): Promise<{ readonly last: number; readonly rows: readonly Row<S>[] }> {
    const numbers = await this.#numbers();
    const rows: Row<S>[] = [];
    for (const number of numbers) rows.push(...((await this.read(number)) ?? []));
    return { last: numbers.at(-1) ?? 0, rows };
  }

  /** Number of the last file, 0 where there is none. */
  async last(): Promise<number> {
    return (await this.#numbers()).at(-1) ?? 0;
  }

  /** Undefined where there is no such file. */
  read(number: number): Promise<readonly Row<S>[] | undefined> {
    return readParquet(this.#pathOf(number), this.schema);
  }

  /** The file outlasts a power failure when this resolves. */
  async write(number: number, rows: readonly Row<S>[]): Promise<void> {
    await keepParquet(this.#pathOf(number), this.schema, rows);
    await syncFile(this.#pathOf(number));
    await syncFolder(this.folder);
  }

  async #numbers(): Promise<number[]> {
    const names = await readdir(this.folder).catch((error: unknown) => {
      if (isMissing(error)) return [];
      throw error;
    });
    const numbers = names.map((name) => Number(this.#file.exec(name)?.[1] ?? 0));
    return numbers.filter((number) => number > 0).sort((a, b) => a - b);
  }

  #pathOf(number: number): string {
    return join(this.folder, `${this.name}-${`${number}`.padStart(6, '0')}.parquet`);
  }
}
