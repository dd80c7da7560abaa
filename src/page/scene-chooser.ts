import { count, counted } from '../report/numbers.js';
import type { SceneState } from '../server/desk/messages.js';
import { element, fill } from './element.js';
import { FramePicture } from './frame-picture.js';
import { Refresher } from './refresher.js';
import type { Server } from './server.js';

/** Scenes shown unless the reader wants all: those that frames came to last. */
const MOST = 12;

/** Every scene as a picture of its newest frame; one of them is chosen. */
export class SceneChooser {
  readonly element: HTMLElement;
  readonly #list = element('div.scenes', { role: 'radiogroup', 'aria-label': 'Scenes' });
  readonly #all: HTMLButtonElement;
  readonly #cards = new Map<string, Card>();
  #scenes: readonly SceneState[] = [];
  #version = '';
  #showsAll = false;

  constructor(
    private readonly server: Server,
    private readonly choose: (scene: string) => void,
  ) {
    this.#all = element('button.quiet', {
      hidden: true,
      onclick: () => {
        this.#showsAll = true;
        this.#render();
      },
    });
    this.element = element('section', {}, element('h2', {}, 'Scenes'), this.#list, this.#all);
  }

  show(scenes: readonly SceneState[], chosen: string, version: string): void {
    this.#scenes = scenes;
    this.#version = version;
    this.#render();
    for (const [scene, { radio }] of this.#cards) radio.checked = scene === chosen;
  }

  #render(): void {
    const scenes = this.#showsAll ? this.#scenes : this.#scenes.slice(0, MOST);
    this.element.hidden = this.#scenes.length < 2;
    this.#all.hidden = scenes.length === this.#scenes.length;
    this.#all.textContent = `All ${count(this.#scenes.length)} scenes`;

    // By name, so that they stay where they are while frames come now to this one, now to that one.
    const shown = [...scenes].sort((a, b) => (a.scene < b.scene ? -1 : 1));
    const names = new Set(shown.map(({ scene }) => scene));
    let isSame = this.#cards.size === names.size;
    for (const scene of this.#cards.keys()) {
      if (names.has(scene)) continue;
      this.#cards.delete(scene);
      isSame = false;
    }
    for (const state of shown) {
      const card = this.#cards.get(state.scene) ?? new Card(this.server, state.scene, this.choose);
      if (!this.#cards.has(state.scene)) isSame = false;
      this.#cards.set(state.scene, card);
      card.show(state, this.#version);
    }
    // Moving what is in the document would take the focus from it.
    if (!isSame)
      fill(
        this.#list,
        shown.map(({ scene }) => this.#cards.get(scene)!.element),
      );
  }
}

class Card {
  readonly element: HTMLElement;
  readonly radio: HTMLInputElement;
  readonly #picture: FramePicture;
  readonly #about = element('small');
  readonly #refresher: Refresher;
  #state: SceneState | undefined;
  #version = '';

  constructor(server: Server, scene: string, choose: (scene: string) => void) {
    this.#picture = new FramePicture(server);
    this.radio = element('input', { type: 'radio', name: 'scene', onchange: () => choose(scene) });
    this.element = element(
      'label.scene',
      {},
      this.radio,
      element('div.stage', {}, this.#picture.element),
      element('span.about', {}, element('span.name', { title: scene }, scene), this.#about),
    );
    this.#refresher = new Refresher(this.element, 2000, async () => {
      const { newest } = this.#state!;
      if (newest !== null) await this.#picture.show(scene, newest, this.#version);
    });
  }

  show(state: SceneState, version: string): void {
    this.#state = state;
    this.#version = version;
    this.element.classList.toggle('resting', !state.is_awake);
    this.#about.textContent = `${counted(state.frames, 'frame')}${state.is_awake ? '' : ', resting'}`;
    this.#refresher.want();
  }
}
