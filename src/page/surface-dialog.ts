import { counted } from '../report/numbers.js';
import type { View } from '../server/desk/messages.js';
import { element, fill } from './element.js';
import { paths, type Server } from './server.js';

/** Views shown at most: a surface may be seen by hundreds of frames. */
const MOST = 60;

/** A superpixel from close by, and the other views of its surface. */
export class SurfaceDialog {
  readonly element: HTMLDialogElement;
  readonly #content = element('div');
  #asked = 0;

  constructor(private readonly server: Server) {
    this.element = element(
      'dialog',
      {
        'aria-label': 'Views of a surface',
        // A click beside it: what is in it covers it whole.
        onclick: ({ target }: Event) => {
          if (target === this.element) this.element.close();
        },
      },
      element(
        'div.inside',
        {},
        this.#content,
        element('button.quiet', { onclick: () => this.element.close() }, 'Close'),
      ),
    );
  }

  /** @param views where they are known */
  async show(scene: string, superpixel: View, views?: readonly View[]): Promise<void> {
    const asked = ++this.#asked;
    const others = element('div', {}, element('p.note', {}, 'Looking for other views …'));
    fill(
      this.#content,
      element('h2', {}, `${superpixel.frame} · ${superpixel.superpixel}`),
      element('p.note', {}, scene),
      cropOf(this.server, scene, superpixel),
      others,
    );
    if (!this.element.open) this.element.showModal();
    try {
      const found = views ?? (await this.server.get<View[]>(`${paths.superpixel(scene, superpixel)}/views`));
      if (asked !== this.#asked) return;
      const shown = found.slice(0, MOST);
      fill(
        others,
        element(
          'p.note',
          {},
          found.length === 0
            ? 'No other frame shows this surface.'
            : `${counted(found.length, 'other view')} of the same surface${shown.length < found.length ? `, the first ${MOST} of them` : ''}:`,
        ),
        element(
          'div.views',
          {},
          shown.map((view) => cropOf(this.server, scene, view)),
        ),
      );
    } catch (error) {
      if (asked === this.#asked) fill(others, element('p.wrong', {}, (error as Error).message));
    }
  }
}

export function cropOf(server: Server, scene: string, view: View): HTMLImageElement {
  return element('img.crop', {
    src: server.address(`${paths.superpixel(scene, view)}/crop.jpg`).href,
    alt: `Superpixel ${view.superpixel} of frame ${view.frame}`,
    title: `${view.frame} · ${view.superpixel}`,
    loading: 'lazy',
    decoding: 'async',
  });
}
