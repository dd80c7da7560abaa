import type { Status } from './connection.js';
import { element, fill } from './element.js';

/** Whether the page keeps up; where a token is needed, asks for it. */
export class StatusLine {
  readonly element = element('div.status', { role: 'status' });

  /**
   * @param retry to try at once
   * @param use to try with a token
   */
  constructor(
    private readonly retry: () => void,
    private readonly use: (token: string) => void,
  ) {}

  show(status: Status): void {
    this.element.dataset.kind = status.kind;
    fill(this.element, ...this.#content(status));
  }

  #content(status: Status): readonly (HTMLElement | string)[] {
    switch (status.kind) {
      case 'connecting':
        return ['connecting …'];
      case 'connected':
        return ['live'];
      case 'lost':
        return [
          `no connection; tries again in ${status.seconds} s`,
          element('button.quiet', { onclick: this.retry }, 'now'),
        ];
      case 'refused': {
        const input = element('input', {
          type: 'password',
          placeholder: 'token',
          'aria-label': 'Token',
          autocomplete: 'off',
          required: true,
        });
        return [
          status.reason,
          element(
            'form',
            {
              onsubmit: (event: Event) => {
                event.preventDefault();
                this.use(input.value);
              },
            },
            input,
            element('button.quiet', {}, 'use it'),
          ),
        ];
      }
    }
  }
}
