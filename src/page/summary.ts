import { count } from '../report/numbers.js';
import type { LiveState } from '../server/desk/messages.js';
import { element, fill } from './element.js';
import { duration } from './units.js';

/** Figures of the run as a whole. */
export class Summary {
  readonly element = element('dl.tiles');

  show({ frames, rate, latency }: LiveState): void {
    const skipped = Object.entries(frames.skipped);
    const left = [
      ...(frames.repeated > 0 ? [`${count(frames.repeated)} repeated`] : []),
      ...(frames.refused > 0 ? [`${count(frames.refused)} refused`] : []),
    ];
    fill(
      this.element,
      tile('frames in', count(frames.received), perSecond(rate.received)),
      tile('kept', count(frames.kept), left.join(', ') || 'none refused'),
      tile(
        'skipped',
        count(skipped.reduce((sum, [, n]) => sum + n, 0)),
        skipped.map(([reason, n]) => `${count(n)} ${reason}`).join(', '),
      ),
      tile('waiting', count(frames.waiting ?? undefined), 'to be scored'),
      tile('scored', count(frames.scored), perSecond(rate.scored)),
      latency === null
        ? tile('latency', '–', 'no frame scored yet')
        : tile('latency', duration(latency.p50), `median; 95\u202f% in ${duration(latency.p95)}`),
    );
  }
}

function tile(term: string, value: string, more: string): HTMLElement {
  return element('div', {}, element('dt', {}, term), element('dd', {}, value, element('small', {}, more)));
}

function perSecond(rate: number): string {
  return `${rate.toFixed(1)} a second`;
}
