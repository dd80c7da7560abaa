import { rmSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, rmdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { UserError } from '../errors.js';
import { isLeftover, isMissing, writeFileAtomically } from '../files.js';
import { encodeName } from './encode-name.js';

const MANIFEST = 'run.json';
const LOCK = 'lock.json';

/**
 * A folder that holds everything a run computed: `<table>/scene=<scene>/…` and `run.json`, which says of what.
 * Names of scenes and frames are percent-encoded, so none can leave the folder.
 */
export class RunFolder {
  private constructor(readonly path: string) {}

  /**
   * Opens a run folder, made where it is absent, for this process alone until it ends; leftovers of a killed run are
   * removed.
   * @throws UserError where the folder holds other things than a run, or another process works in it
   */
  static async open(path: string): Promise<RunFolder> {
    const folder = new RunFolder(resolve(path));
    let entries: string[] = [];
    try {
      entries = await readdir(folder.path, { recursive: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOTDIR')
        throw new UserError(`Expected ${path} to be a run folder, but it is a file.`);
      if (!isMissing(error)) throw error;
      await mkdir(folder.path, { recursive: true }).catch((cause: Error) => {
        throw new UserError(`Could not make the run folder ${path}: ${cause.message}.`);
      });
    }
    const leftovers = entries.filter(isLeftover);
    const others = entries.filter((entry) => !isLeftover(entry) && entry !== LOCK);
    if (others.length > 0 && !entries.includes(MANIFEST))
      throw new UserError(
        `Expected ${path} to be empty or a run folder (with a ${MANIFEST}); choose another folder.`,
      );
    await folder.lock();
    for (const entry of leftovers) await rm(join(folder.path, entry), { force: true });
    return folder;
  }

  private async lock(): Promise<void> {
    const file = join(this.path, LOCK);
    const holder = await readFile(file, 'utf8')
      .then((text) => JSON.parse(text) as { pid?: unknown; host?: unknown })
      .catch(() => undefined); // none, or cut short by a kill
    const isHere = holder?.host === hostname();
    if (isHere && holder?.pid === process.pid && locks.has(file)) return;
    if (isHere && holder?.pid !== process.pid && isRunning(Number(holder?.pid)))
      throw new UserError(
        `Another viewal (process ${holder?.pid}) is working in ${this.path}: wait for it to end, or use another folder.`,
      );
    await writeFileAtomically(file, JSON.stringify({ pid: process.pid, host: hostname() }));
    if (locks.size === 0) {
      process.once('exit', () => {
        for (const lock of locks) rmSync(lock, { force: true });
      });
    }
    locks.add(file);
  }

  /**
   * A folder that lies in one which this process has opened, in another thread for instance, and so under that one's
   * lock; made when something is written.
   */
  static inside(path: string): RunFolder {
    return new RunFolder(resolve(path));
  }

  /** A folder of its own within this one, under this one's lock; made when something is written. */
  within(name: string): RunFolder {
    return RunFolder.inside(join(this.path, name));
  }

  /** Path of a table's file of a whole scene. */
  sceneFile(table: string, scene: string, extension: 'parquet' | 'arrow'): string {
    return join(this.path, table, `scene=${encodeName(scene)}`, `${table}.${extension}`);
  }

  /** Path of a table's file of one frame. */
  frameFile(table: string, frame: { scene: string; id: string }, extension = 'arrow'): string {
    return join(this.path, table, `scene=${encodeName(frame.scene)}`, `${encodeName(frame.id)}.${extension}`);
  }

  /** Path of a table's file of the whole run. */
  runFile(table: string): string {
    return join(this.path, table, `${table}.parquet`);
  }

  get modelFolder(): string {
    return join(this.path, 'model');
  }

  get report(): string {
    return join(this.path, 'report.html');
  }

  /**
   * Removes what is stored of scenes that are not among those given: queries over all scenes would find it. Files that
   * are not ours, as `isOurs` tells, stay.
   */
  async keepScenes(
    tables: readonly string[],
    scenes: Iterable<string>,
    isOurs: (path: string) => Promise<boolean>,
  ): Promise<void> {
    const kept = new Set([...scenes].map((scene) => `scene=${encodeName(scene)}`));
    for (const table of tables) {
      const partitions = await readdir(join(this.path, table)).catch(() => []);
      for (const partition of partitions) {
        if (!partition.startsWith('scene=') || kept.has(partition)) continue;
        const folder = join(this.path, table, partition);
        for (const file of await readdir(folder))
          if (await isOurs(join(folder, file))) await rm(join(folder, file));
        await rmdir(folder).catch(() => {}); // others' files keep it
      }
    }
  }

  /** What `run.json` holds; undefined in a new folder. */
  async readManifest(): Promise<unknown> {
    try {
      return JSON.parse(await readFile(join(this.path, MANIFEST), 'utf8'));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw new UserError(`Could not read ${join(this.path, MANIFEST)}: ${(error as Error).message}.`);
    }
  }

  async writeManifest(manifest: object): Promise<void> {
    await writeFileAtomically(join(this.path, MANIFEST), `${JSON.stringify(manifest, undefined, 2)}\n`);
  }
}

/** Lock files of this process, removed when it ends. */
const locks = new Set<string>();

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0); // sends nothing
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
