import type { SceneState } from '../server/desk/messages.js';
import { element } from './element.js';
import { EntropyLegend } from './entropy-legend.js';
import { FramePicture } from './frame-picture.js';
import { Refresher } from './refresher.js';
import type { Server } from './server.js';

/** The newest frame of a scene. */
export class FrameView {
  readonly element: HTMLElement;
  readonly #picture: FramePicture;
  readonly #caption = element('span');
  readonly #refresher: Refresher;
  readonly #legend = new EntropyLegend();
  #scene: SceneState | undefined;
  #version = '';

  /** @param opacity called with a share when the reader changes it */
  constructor(server: Server, opacity: (share: number) => void) {
    this.#picture = new FramePicture(server);
    const slider = element('input', {
      type: 'range',
      min: 0,
      max: 100,
      value: 55,
      'aria-label': 'Opacity of the heat map',
      oninput: () => opacity(Number(slider.value) / 100),
    });
    opacity(Number(slider.value) / 100);
    this.element = element(
      'figure.panel',
      {},
      element('div.stage', {}, this.#picture.element),
      element(
        'figcaption',
        {},
        this.#caption,
        element('label.slider', {}, element('span', {}, 'heat map'), slider),
      ),
      this.#legend.element,
    );
    this.#refresher = new Refresher(this.element, 500, () => this.#refresh());
  }

  /**
   * @param version another where heat maps may have changed
   * @param most nats, the end of the colours
   */
  show(scene: SceneState, version: string, most: number): void {
    this.#legend.show(most);
    const isOther = scene.scene !== this.#scene?.scene;
    this.#scene = scene;
    this.#version = version;
    if (isOther) this.#picture.clear();
    if (isOther) this.#refresher.wantNow();
    else this.#refresher.want();
  }

  async #refresh(): Promise<void> {
    const { scene, newest } = this.#scene!;
    if (newest === null) {
      this.#caption.textContent = 'No frame is scored yet.';
      return;
    }
    const isThere = await this.#picture.show(scene, newest, this.#version);
    if (scene !== this.#scene!.scene) this.#picture.clear();
    else this.#caption.textContent = isThere ? `Newest frame, ${newest}` : `Frame ${newest} cannot be shown.`;
  }
}
