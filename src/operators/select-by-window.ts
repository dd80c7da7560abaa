import { buffer, map, type Observable, type OperatorFunction } from 'rxjs';
import { superpixelEffort } from '../labels/effort.js';
import type { BudgetMeter } from '../selection/budget.js';
import { mergePicks } from '../selection/merge.js';
import type { PickRow, SelectionRow } from '../tables/schemas.js';

/**
 * Collects the scenes' pick sequences and, at the end of each window, merges them by trigger entropy and emits what
 * the budget allows, best first.
 *
 * Holds the sequences of one window: at most a budget's worth a scene. A window ends whenever `closing` emits, and
 * when the source completes; what is not selected is dropped with the window.
 *
 * @param closing ends a window at each emission; NEVER makes the whole source one window, as for a recording
 * @param newMeter a fresh budget for a window
 */
export function selectByWindow(
  closing: Observable<unknown>,
  newMeter: () => BudgetMeter,
): OperatorFunction<readonly PickRow[], readonly SelectionRow[]> {
  return (sequences) =>
    sequences.pipe(
      buffer(closing),
      map((window) => {
        const meter = newMeter();
        const selected: SelectionRow[] = [];
        for (const pick of mergePicks(window, (row) => row.trigger_entropy)) {
          if (meter.spent) break;
          selected.push({ rank: selected.length + 1, ...pick });
          meter.add({ pixels: pick.pixels, ...superpixelEffort() });
        }
        return selected;
      }),
    );
}
