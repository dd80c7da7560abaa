import type { ReportContent } from './content.js';
import { type Html, html } from './html.js';

/** Ends a sentence on what is not there yet: the command that takes the run further, if any. */
export function nextStage({ missingStage }: Pick<ReportContent, 'missingStage'>): Html | undefined {
  return missingStage && html`; next, run <code>viewal ${missingStage}</code>`;
}
