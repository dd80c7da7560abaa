import { type Observable, Subject } from 'rxjs';
import { UserError } from '../../errors.js';
import { OneAtATime } from '../../live/one-at-a-time.js';
import { readClassNames } from '../../model/inference/model-folder.js';
import type { Run } from '../run.js';
import { networkMaps, type ProbabilitySource } from '../segmentation.js';

/** The networks of a live run: the first one, and those that take its place while frames come. */
export class LiveNetworks {
  readonly #changes = new Subject<ProbabilitySource>();
  readonly #calls = new OneAtATime();
  readonly #opened: ProbabilitySource[];
  #folder: string;

  private constructor(
    private readonly run: Run,
    folder: string,
    readonly first: ProbabilitySource,
  ) {
    this.#folder = folder;
    this.#opened = [first];
  }

  /** @throws UserError where the run's model folder holds no network */
  static async open(run: Run): Promise<LiveNetworks> {
    const folder = run.options.model!;
    return new LiveNetworks(run, folder, await networkMaps(run, folder));
  }

  /** Networks that take the place of the one before. */
  get changes(): Observable<ProbabilitySource> {
    return this.#changes;
  }

  /** Model folder of the last one. */
  get folder(): string {
    return this.#folder;
  }

  /** What scores say of it. */
  get key(): string {
    return this.#opened.at(-1)!.key;
  }

  /**
   * Goes on with the network in another model folder.
   * @throws UserError, and goes on as before, where it holds none or one of other classes
   */
  use(folder: string): Promise<void> {
    return this.#calls.run(async () => {
      const [classes, expected] = [await readClassNames(folder), await readClassNames(this.#folder)];
      if (JSON.stringify(classes) !== JSON.stringify(expected))
        throw new UserError(
          `${folder} tells other classes apart (${classes?.join(', ') ?? 'it does not name them'}): expected ${expected?.join(', ') ?? 'classes without names'}.`,
        );
      const next = await networkMaps(this.run, folder);
      this.#opened.push(next);
      this.#folder = folder;
      this.#changes.next(next);
    });
  }

  async close(): Promise<void> {
    for (const network of this.#opened) await network.close();
  }
}
