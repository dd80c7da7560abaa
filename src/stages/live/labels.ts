import { type Observable, Subject } from 'rxjs';
import { UserError } from '../../errors.js';
import { frameName } from '../../frame.js';
import { OneAtATime } from '../../live/one-at-a-time.js';
import { incidenceTable } from '../../tables/frame-tables.js';
import type { LiveLabelRow } from '../../tables/schemas.js';
import type { Run } from '../run.js';
import { liveLabelTable } from './tables.js';

/** A superpixel that somebody says the class of. */
export interface GivenLabel {
  readonly scene: string;
  readonly frame: string;
  readonly superpixel: number;
  /** Name of its class. */
  readonly class: string;
}

/** Takes labels while frames come: stores them, then tells of them. Knows those that were taken before. */
export class LiveLabels {
  readonly #taken = new Subject<readonly LiveLabelRow[]>();
  readonly #calls = new OneAtATime();
  /** Classes by superpixel. */
  readonly #classes = new Map<string, string>();

  /** @param classes of the network, by label */
  private constructor(
    private readonly run: Run,
    readonly classes: readonly string[],
  ) {}

  static async open(run: Run, classes: readonly string[]): Promise<LiveLabels> {
    const labels = new LiveLabels(run, classes);
    const { rows } = await liveLabelTable(run).readAll();
    labels.#note(rows);
    return labels;
  }

  /** Labels as they are taken. */
  get taken(): Observable<readonly LiveLabelRow[]> {
    return this.#taken;
  }

  /** Superpixels that are labelled. */
  get count(): number {
    return this.#classes.size;
  }

  /** The class that was said last of a superpixel; undefined where nobody said any. */
  classOf(superpixel: Omit<GivenLabel, 'class'>): string | undefined {
    return this.#classes.get(keyOf(superpixel));
  }

  /**
   * Takes labels; they are on disk when this resolves.
   * @throws UserError, and takes none, where one names what there is not
   */
  add(labels: readonly GivenLabel[]): Promise<void> {
    return this.#calls.run(async () => {
      const rows: LiveLabelRow[] = [];
      for (const label of labels) rows.push(await this.#rowOf(label));
      if (rows.length === 0) return;
      const table = liveLabelTable(this.run);
      await table.write((await table.last()) + 1, rows);
      this.#note(rows);
      this.#taken.next(rows);
    });
  }

  #note(rows: readonly LiveLabelRow[]): void {
    for (const row of rows) this.#classes.set(keyOf(row), row.class);
  }

  async #rowOf({ scene, frame, superpixel, class: name }: GivenLabel): Promise<LiveLabelRow> {
    const label = this.classes.indexOf(name);
    if (label < 0)
      throw new UserError(`There is no class "${name}": expected one of ${this.classes.join(', ')}.`);
    const id = { scene, id: frame };
    const binned = await incidenceTable(this.run.folder).read(id);
    if (binned === undefined) throw new UserError(`There is no scored frame ${frameName(id)}.`);
    if (!(superpixel < binned.incidences.superpixels))
      throw new UserError(
        `There is no superpixel ${superpixel} in ${frameName(id)}: expected 0 to ${binned.incidences.superpixels - 1}.`,
      );
    return { scene, frame, superpixel, label, class: name };
  }
}

function keyOf({ scene, frame, superpixel }: Omit<GivenLabel, 'class'>): string {
  return `${superpixel} ${frameName({ scene, id: frame })}`;
}
