import { count, nats } from '../report/numbers.js';
import type { ShownPick } from '../server/desk/messages.js';
import { ClassBox } from './class-box.js';
import { element, fill, svg } from './element.js';
import { paths, type Server } from './server.js';
import { cropOf, type SurfaceDialog } from './surface-dialog.js';

/** Other views shown on a card; all of them are in the dialog. */
const VIEWS = 4;

/** A superpixel that was picked: where it is, why, how else it is seen, and what it is. */
export class PickCard {
  readonly element: HTMLElement;
  readonly #label = element('div.label');
  readonly #box: ClassBox;
  #isLabelled = false;

  /** @param labelled called when its label is on its way, and when it has none after all */
  constructor(
    private readonly server: Server,
    private readonly pick: ShownPick,
    classes: () => readonly string[],
    surface: SurfaceDialog,
    private readonly labelled: (card: PickCard) => void,
  ) {
    const { scene, frame, superpixel, rank, views } = pick;
    this.#box = new ClassBox(classes, (name) => void this.#send(name));
    fill(this.#label, this.#box.element);
    const showAll = () => void surface.show(scene, pick, views);
    this.element = element(
      'article.card.pick',
      {},
      element(
        'header',
        {},
        element('span.rank', {}, rank),
        element(
          'span.where',
          {},
          element('b', {}, scene),
          ` / ${frame}`,
          element('br'),
          `superpixel ${superpixel}, ${count(pick.pixels)} pixels`,
        ),
      ),
      element('div.pair', {}, outlined(server, pick), cropOf(server, scene, pick)),
      element(
        'dl',
        {},
        fact('view entropy', nats(pick.view_entropy)),
        fact('view divergence', nats(pick.view_divergence)),
        fact('other views', count(views.length)),
      ),
      views.length > 0
        ? element(
            'div.views',
            {},
            views.slice(0, VIEWS).map((view) => cropOf(server, scene, view)),
            element('button.quiet', { onclick: showAll }, 'all'),
          )
        : undefined,
      this.#label,
    );
    if (pick.class !== null) this.show(pick.class);
  }

  get isLabelled(): boolean {
    return this.#isLabelled;
  }

  focus(): void {
    this.#box.focus();
    this.element.scrollIntoView({ block: 'nearest' });
  }

  async #send(name: string): Promise<void> {
    const { scene, frame, superpixel } = this.pick;
    this.#isLabelled = true;
    this.element.classList.add('done');
    fill(this.#label, element('p', { role: 'status' }, `${name} …`));
    this.labelled(this);
    try {
      await this.server.post('labels', { labels: [{ scene, frame, superpixel, class: name }] });
      this.show(name);
    } catch (error) {
      this.#ask();
      const why = error instanceof TypeError ? 'The server cannot be reached.' : (error as Error).message;
      this.#label.append(element('p.wrong', { role: 'alert' }, `Not labelled as ${name}. ${why}`));
      this.labelled(this);
    }
  }

  /** Shows what people labelled it as. */
  show(name: string): void {
    this.#isLabelled = true;
    this.element.classList.add('done');
    this.#box.clear();
    const change = element('button.quiet', { onclick: () => this.#change() }, 'change');
    fill(this.#label, element('p', { role: 'status' }, element('b', {}, `✓ ${name}`)), change);
  }

  #change(): void {
    this.#ask();
    this.labelled(this);
    this.focus();
  }

  #ask(): void {
    this.#isLabelled = false;
    this.element.classList.remove('done');
    fill(this.#label, this.#box.element);
  }
}

/** The frame, with the superpixel's outline. */
function outlined(server: Server, { scene, frame, outline }: ShownPick): HTMLElement {
  const stage = element('div.stage');
  const photo = element('img', {
    src: server.address(`${paths.frame(scene, frame)}/colour.jpg`).href,
    alt: `Frame ${frame}`,
    loading: 'lazy',
    onload: () => {
      if (outline === null) return;
      const viewBox = `0 0 ${photo.naturalWidth} ${photo.naturalHeight}`;
      stage.append(
        svg(
          'svg',
          { viewBox, 'aria-hidden': 'true' },
          svg('path', { class: 'casing', d: outline }),
          svg('path', { class: 'outline', d: outline }),
        ),
      );
    },
  });
  stage.append(photo);
  return stage;
}

function fact(term: string, value: string): HTMLElement {
  return element('div', {}, element('dt', {}, term), element('dd', {}, value));
}
