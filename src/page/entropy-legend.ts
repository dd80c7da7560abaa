import { HEAT_GRADIENT } from '../report/colour-map.js';
import { element } from './element.js';

/** What the colours stand for. */
export class EntropyLegend {
  readonly #most = element('span');
  readonly element: HTMLElement;

  constructor() {
    const bar = element('i');
    bar.style.background = HEAT_GRADIENT;
    this.element = element(
      'div.entropy-legend',
      {},
      element('span', {}, 'view entropy, nats'),
      element('span.bar', {}, '0', bar, this.#most),
    );
  }

  /** @param most nats: the entropy of all classes being equally likely */
  show(most: number): void {
    this.#most.textContent = Number.isFinite(most) ? most.toFixed(2) : 'ln classes';
  }
}
