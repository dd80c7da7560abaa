import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isMissing } from '../files.js';
import { type Folder, listFolder } from '../sources/input-files.js';
import type { Clock } from './clock.js';

/** How many files are looked up at once: enough to hide a network disk's delay. */
const LOOKUPS = 64;
/** Seconds for which a folder is listed although its modification time stays: some disks keep it in steps of two. */
const UNSURE = 3;

/** Growing: seen as it is `since` then. Refused: of no use as it is. Settled: has not changed for long enough. */
type State =
  | { readonly kind: 'growing' | 'refused'; readonly stamp: string; readonly since: number }
  | { readonly kind: 'settled' | 'taken' };

const NEW: State = { kind: 'growing', stamp: '', since: 0 };
const SETTLED: State = { kind: 'settled' };
const TAKEN: State = { kind: 'taken' };

interface Known {
  /** Modification time when it was last listed, and when that was first seen. */
  mtime: number;
  since: number;
  readonly files: Map<string, State>;
  folders: readonly string[];
}

/**
 * The files of a folder and of the folders in it, as others write them: which are there, and have stopped changing.
 *
 * It looks when asked to, since network disks tell nobody of changes. A look costs one `stat` a folder, a listing of those that
 * changed, and one `stat` a file that has not settled; files that have are not looked at again.
 *
 * Names are relative to the folder, with forward slashes.
 */
export class SettlingFiles {
  readonly #path: string;
  readonly #stable: number;
  readonly #clock: Clock;
  /** By name; '' is the folder itself. */
  #folders = new Map<string, Known>();

  /** @param stable seconds for which size and modification time must stay */
  constructor(path: string, stable: number, clock: Clock) {
    this.#path = path;
    this.#stable = stable;
    this.#clock = clock;
  }

  /**
   * Looks once.
   * @returns whether files have settled since the last look
   * @throws UserError where a folder cannot be listed; what is known stays known
   */
  async look(): Promise<boolean> {
    await this.#list('');
    const inside = this.#folders.get('')?.folders ?? [];
    for (const name of this.#folders.keys()) {
      if (name !== '' && !inside.includes(name)) this.#folders.delete(name);
    }
    for (const name of inside) await this.#list(name);

    const unsettled: [files: Map<string, State>, name: string, path: string][] = [];
    for (const [folder, { files }] of this.#folders) {
      for (const [name, { kind }] of files) {
        if (kind === 'growing' || kind === 'refused')
          unsettled.push([files, name, join(this.#path, folder, name)]);
      }
    }
    let settled = false;
    for (let start = 0; start < unsettled.length; start += LOOKUPS) {
      const looks = unsettled.slice(start, start + LOOKUPS).map(async ([files, name, path]) => {
        if (await this.#settles(files, name, path)) settled = true;
      });
      await Promise.all(looks);
    }
    return settled;
  }

  /** The files of a folder that have settled and are not taken, and its folders. @param path absolute */
  list(path: string): Folder {
    const known = this.#folders.get(path === this.#path ? '' : path.slice(this.#path.length + 1));
    if (known === undefined) return { files: [], folders: [] };
    const files = [...known.files].filter(([, { kind }]) => kind === 'settled').map(([name]) => name);
    return { files: files.sort(), folders: known.folders };
  }

  /** Whether a file is there that has not settled. */
  isGrowing(name: string): boolean {
    return this.#find(name)?.kind === 'growing';
  }

  /** Leaves files out of listings from now on. */
  take(names: readonly string[]): void {
    for (const name of names) if (this.#find(name) !== undefined) this.#set(name, TAKEN);
  }

  /** Leaves a file out of listings until it changes. */
  async refuse(name: string): Promise<void> {
    const stamp = await stampOf(join(this.#path, name));
    this.#set(name, { kind: 'refused', stamp: stamp ?? '', since: this.#clock.now() });
  }

  async #list(folder: string): Promise<void> {
    const path = join(this.#path, folder);
    const now = this.#clock.now();
    // Before listing: what changes in between is found the next time.
    const mtime = await stat(path).then(
      (status) => status.mtimeMs,
      () => Number.NaN,
    );
    const known = this.#folders.get(folder);
    if (known !== undefined && known.mtime === mtime && now - known.since > UNSURE) return;
    const { files, folders } = await listFolder(path);
    const states = files.map((name): [string, State] => [name, known?.files.get(name) ?? NEW]);
    const since = known?.mtime === mtime ? known.since : now;
    this.#folders.set(folder, { mtime, since, files: new Map(states), folders });
  }

  /** Looks at one file; says whether it has settled by that. */
  async #settles(files: Map<string, State>, name: string, path: string): Promise<boolean> {
    const stamp = await stampOf(path);
    const now = this.#clock.now();
    const state = files.get(name)!;
    if (stamp === undefined) files.delete(name);
    else if (!('stamp' in state)) return false;
    else if (state.stamp !== stamp) files.set(name, { kind: 'growing', stamp, since: now });
    else if (state.kind === 'growing' && now - state.since >= this.#stable) {
      files.set(name, SETTLED);
      return true;
    }
    return false;
  }

  #find(name: string): State | undefined {
    const [folder, file] = split(name);
    return this.#folders.get(folder)?.files.get(file);
  }

  #set(name: string, state: State): void {
    const [folder, file] = split(name);
    this.#folders.get(folder)?.files.set(file, state);
  }
}

function split(name: string): [folder: string, file: string] {
  const slash = name.lastIndexOf('/');
  return slash < 0 ? ['', name] : [name.slice(0, slash), name.slice(slash + 1)];
}

/** What changes when a file does; undefined where it is gone. */
async function stampOf(path: string): Promise<string | undefined> {
  try {
    const { size, mtimeMs, ino } = await stat(path);
    return `${size} ${mtimeMs} ${ino}`;
  } catch (error) {
    if (isMissing(error)) return undefined;
    return 'unreadable';
  }
}
