import { counted } from '../report/numbers.js';
import type { SceneState } from '../server/desk/messages.js';
import type { Vector } from './camera.js';
import { element, fill } from './element.js';
import { EntropyLegend } from './entropy-legend.js';
import type { PointCloud } from './point-cloud.js';
import { Refresher } from './refresher.js';
import { paths, Refusal, type Server } from './server.js';

/** Points fetched at most: 3.2 MB. */
const MOST = 200_000;

/** Milliseconds between fetches. */
const INTERVAL = 5000;

const UPS: readonly { readonly name: string; readonly up: Vector | undefined }[] = [
  { name: 'guessed', up: undefined },
  { name: 'z', up: [0, 0, 1] },
  { name: 'y', up: [0, 1, 0] },
  { name: '−y', up: [0, -1, 0] },
];

/** The points of a scene, coloured by view entropy. */
export class PointsView {
  readonly element: HTMLElement;
  readonly #stage = element('div.stage.points');
  readonly #caption = element('span');
  readonly #up: HTMLSelectElement;
  readonly #legend = new EntropyLegend();
  readonly #refresher: Refresher;
  /** Null where there is no WebGL. */
  #cloud: PointCloud | null | undefined;
  #scene: SceneState | undefined;
  #shown: { readonly scene: string; readonly version: string } | undefined;
  #version = '';

  constructor(private readonly server: Server) {
    this.#up = element(
      'select',
      { 'aria-label': 'Which way is up', onchange: () => this.#look() },
      UPS.map(({ name }, i) => element('option', { value: i }, name)),
    );
    this.element = element(
      'figure.panel',
      {},
      this.#stage,
      element(
        'figcaption',
        {},
        this.#caption,
        element(
          'span.controls',
          {},
          element('label', {}, 'up ', this.#up),
          element('button.quiet', { onclick: () => this.#look() }, 'whole scene'),
        ),
      ),
      this.#legend.element,
    );
    this.#refresher = new Refresher(this.element, INTERVAL, () => this.#refresh());
  }

  /** @param version another where points may have changed */
  show(scene: SceneState, version: string, most: number): void {
    const isOther = scene.scene !== this.#scene?.scene;
    this.#scene = scene;
    this.#version = version;
    this.#legend.show(most);
    if (isOther) this.#refresher.wantNow();
    else if (version !== this.#shown?.version) this.#refresher.want();
  }

  async #refresh(): Promise<void> {
    if (this.#cloud === undefined) await this.#begin();
    const [{ scene }, version] = [this.#scene!, this.#version];
    if (this.#cloud == null || (scene === this.#shown?.scene && version === this.#shown.version)) return;
    try {
      const response = await this.server.fetch(`${paths.scene(scene)}/points?limit=${MOST}`);
      const most = Number(response.headers.get('x-most-entropy'));
      const points = new Float32Array(await response.arrayBuffer());
      if (scene !== this.#scene!.scene) return;
      this.#cloud.show(points, most);
      this.#legend.show(most);
      this.#caption.textContent =
        points.length === 0 ? 'No points yet.' : counted(points.length / 4, 'point');
      const isFirst = scene !== this.#shown?.scene;
      this.#shown = { scene, version };
      if (isFirst) this.#look();
    } catch (error) {
      const message = error instanceof Refusal ? error.message : 'The points cannot be read now.';
      if (scene === this.#scene!.scene) this.#caption.textContent = message;
    }
  }

  async #begin(): Promise<void> {
    this.#cloud = null;
    try {
      const { PointCloud } = await import('./point-cloud.js');
      this.#cloud = new PointCloud();
      fill(this.#stage, this.#cloud.canvas);
    } catch {
      fill(
        this.#stage,
        element('p.empty', {}, 'This browser has no WebGL, which the 3-D view of the points needs.'),
      );
    }
  }

  #look(): void {
    this.#cloud?.lookAtAll(UPS[Number(this.#up.value)]!.up);
  }
}
