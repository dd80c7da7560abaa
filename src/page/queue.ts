import { css, HEAT } from '../report/colour-map.js';
import { count, nats } from '../report/numbers.js';
import type { Candidate, SceneState } from '../server/desk/messages.js';
import { element, fill } from './element.js';
import { Refresher } from './refresher.js';
import { paths, type Server } from './server.js';
import { cropOf, type SurfaceDialog } from './surface-dialog.js';

/** Candidates shown at first, and so many more when the reader wants more. */
const ROWS = 12;
const MORE = 24;

/** What would be picked next of a scene, best first. */
export class Queue {
  readonly element: HTMLElement;
  readonly #list = element('ol.queue');
  readonly #note = element('p.note');
  readonly #more = element(
    'button.quiet',
    {
      hidden: true,
      onclick: () => {
        this.#rows += MORE;
        this.#refresher.wantNow();
      },
    },
    'More',
  );
  readonly #refresher: Refresher;
  readonly #cards = new Map<string, { readonly element: HTMLElement; show(row: Candidate): void }>();
  #rows = ROWS;
  #scene: SceneState | undefined;
  #most = Number.NaN;
  #model = '';

  constructor(
    private readonly server: Server,
    private readonly surface: SurfaceDialog,
  ) {
    this.element = element(
      'section',
      { id: 'queue' },
      element('h2', {}, 'Queue'),
      this.#note,
      this.#list,
      this.#more,
    );
    this.#refresher = new Refresher(this.element, 2000, () => this.#refresh());
  }

  /**
   * @param model key of the network that scores now
   * @param most nats, the end of the colours
   */
  show(scene: SceneState, model: string, most: number): void {
    const isOther = scene.scene !== this.#scene?.scene;
    this.#scene = scene;
    this.#model = model;
    this.#most = most;
    if (isOther) {
      this.#rows = ROWS;
      this.#clear('');
      this.#refresher.wantNow();
    } else this.#refresher.want();
  }

  async #refresh(): Promise<void> {
    const { scene, candidates } = this.#scene!;
    try {
      const rows = await this.server.get<Candidate[]>(`${paths.scene(scene)}/queue?limit=${this.#rows}`);
      if (scene === this.#scene!.scene) this.#render(scene, rows.slice(0, this.#rows), candidates);
    } catch (error) {
      if (scene === this.#scene!.scene) this.#note.textContent = (error as Error).message;
    }
  }

  #render(scene: string, rows: readonly Candidate[], candidates: number): void {
    if (rows.length === 0) {
      this.#clear('Nothing waits to be picked.');
      return;
    }
    this.#note.textContent = `What windows to come would pick of ${scene}: the first ${count(rows.length)} of ${count(Math.max(candidates, rows.length))} candidates.`;
    this.#more.hidden = candidates <= rows.length || rows.length < this.#rows;
    const keep = new Set(rows.map(keyOf));
    for (const key of this.#cards.keys()) if (!keep.has(key)) this.#cards.delete(key);
    const elements = rows.map((row) => {
      const card = this.#cards.get(keyOf(row)) ?? this.#card(scene, row);
      this.#cards.set(keyOf(row), card);
      card.show(row);
      return card.element;
    });
    // Moving what is in the document would take the focus from it.
    if (
      elements.some((each, i) => this.#list.children[i] !== each) ||
      elements.length !== this.#list.childElementCount
    )
      fill(this.#list, elements);
  }

  #card(scene: string, { frame, superpixel }: Candidate) {
    const score = element('b');
    const bar = element('i');
    const about = element('small');
    const show = ({ view_entropy, pixels, model }: Candidate) => {
      const share = Math.min(Math.max(view_entropy / this.#most, 0), 1) || 0;
      score.textContent = nats(view_entropy);
      bar.style.width = `${100 * share}%`;
      bar.style.background = css(HEAT, Math.round(255 * share));
      about.textContent = `${count(pixels)} pixels${model === this.#model ? '' : ', scored by an earlier network'}`;
    };
    const button = element(
      'button.candidate',
      {
        title: 'All views of this surface',
        onclick: () => void this.surface.show(scene, { frame, superpixel }),
      },
      cropOf(this.server, scene, { frame, superpixel }),
      element('span.score', {}, score, element('span.track', {}, bar)),
      element('span.name', {}, `${frame} · ${superpixel}`),
      about,
    );
    return { element: element('li', {}, button), show };
  }

  #clear(note: string): void {
    this.#cards.clear();
    this.#more.hidden = true;
    fill(this.#list);
    this.#note.textContent = note;
  }
}

function keyOf({ frame, superpixel }: Candidate): string {
  return `${superpixel} ${frame}`;
}
