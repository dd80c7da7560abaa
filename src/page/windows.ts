import { counted } from '../report/numbers.js';
import type { EndedWindow, GivenLabel, PickedWindow, ShownPick } from '../server/desk/messages.js';
import { element, fill } from './element.js';
import { PickCard } from './pick-card.js';
import type { Server } from './server.js';
import type { SurfaceDialog } from './surface-dialog.js';

/** Windows that stay as others come; those that the reader asked for stay longer. */
const MOST = 3;
/** Cards that a window begins with: a budget may be of thousands. */
const CARDS = 24;

/** What was picked at the ends of the last windows, to be labelled. */
export class Windows {
  readonly element: HTMLElement;
  readonly #list = element('div');
  readonly #empty = element('p.empty', {}, 'No window has ended yet.');
  readonly #hint = element(
    'p.note.keys',
    {},
    element('kbd', {}, 'L'),
    ' goes to the next pick without a label; type some letters of its class, ',
    element('kbd', {}, 'Enter'),
    ' labels it.',
  );
  readonly #earlier = element(
    'button.quiet',
    { hidden: true, onclick: () => void this.#showEarlier() },
    'Earlier window',
  );
  readonly #wrong = element('p.wrong', { hidden: true });
  readonly #now = element('button.quiet', { onclick: () => void this.#endNow() }, 'Pick now');
  readonly #said = element('span.note', { role: 'status' });
  /** By number, the newest first. */
  #windows: Section[] = [];

  constructor(
    private readonly server: Server,
    private readonly classes: () => readonly string[],
    private readonly surface: SurfaceDialog,
  ) {
    this.element = element(
      'section',
      { id: 'picks' },
      element('h2', {}, 'What to label next'),
      element('p', {}, this.#now, ' ', this.#said),
      this.#hint,
      this.#empty,
      this.#list,
      this.#wrong,
      this.#earlier,
    );
    document.addEventListener('keydown', (event) => {
      const isTyping = event.target instanceof HTMLInputElement && event.target.type === 'text';
      if (event.key.toLowerCase() !== 'l' || event.ctrlKey || event.altKey || event.metaKey || isTyping)
        return;
      event.preventDefault();
      this.#nextOf(undefined)?.focus();
    });
  }

  /** A window that has just ended. */
  add(picked: PickedWindow): void {
    const section = this.#section(picked, false);
    this.#windows.unshift(section);
    this.#list.prepend(section.element);
    const passing = this.#windows.filter(({ isAskedFor }) => !isAskedFor);
    for (const old of passing.slice(MOST)) {
      // Never what someone is at.
      if (old.element.contains(document.activeElement)) continue;
      old.element.remove();
      this.#windows = this.#windows.filter((each) => each !== old);
    }
    this.#update();
  }

  /** What people labelled, here or on another page. */
  label(labels: readonly GivenLabel[]): void {
    for (const section of this.#windows) section.label(labels);
  }

  /** Asks again what is labelled: nobody told of labels that were given while there was no connection. */
  async refresh(): Promise<void> {
    for (const section of this.#windows) {
      const { picks } = await this.server.get<PickedWindow>(`windows/${section.number}`);
      section.label(picks.flatMap((pick) => (pick.class === null ? [] : { ...pick, class: pick.class })));
    }
  }

  clear(): void {
    this.#windows = [];
    fill(this.#list);
    this.#update();
  }

  /** Has a window end before its time; it comes as all others do. */
  async #endNow(): Promise<void> {
    this.#now.disabled = true;
    this.#said.textContent = '';
    try {
      const { picks } = await this.server.post<EndedWindow>('windows', {});
      if (picks === 0) this.#said.textContent = 'Nothing is left to ask for.';
    } catch (error) {
      this.#said.textContent = `Nothing was picked. ${(error as Error).message}`;
    }
    this.#now.disabled = false;
  }

  async #showEarlier(): Promise<void> {
    const first = this.#windows.at(-1);
    if (first === undefined) return;
    this.#wrong.hidden = true;
    try {
      const picked = await this.server.get<PickedWindow>(`windows/${first.number - 1}`);
      if (this.#windows.at(-1) !== first) return;
      const section = this.#section(picked, true);
      this.#windows.push(section);
      this.#list.append(section.element);
      this.#update();
    } catch (error) {
      this.#wrong.hidden = false;
      this.#wrong.textContent = (error as Error).message;
    }
  }

  #section(picked: PickedWindow, isAskedFor: boolean): Section {
    const section = new Section(
      picked,
      isAskedFor,
      (pick) =>
        new PickCard(this.server, pick, this.classes, this.surface, (card) => {
          section.count();
          if (card.isLabelled) this.#nextOf(card)?.focus();
        }),
    );
    return section;
  }

  /** The first card without a label after one; from the top where there is none below. */
  #nextOf(card: PickCard | undefined): PickCard | undefined {
    const cards = this.#windows.flatMap((section) => section.cards);
    const start = card === undefined ? 0 : cards.indexOf(card);
    return [...cards.slice(start), ...cards.slice(0, start)].find(({ isLabelled }) => !isLabelled);
  }

  #update(): void {
    this.#empty.hidden = this.#windows.length > 0;
    this.#hint.hidden = this.#windows.length === 0;
    this.#earlier.hidden = (this.#windows.at(-1)?.number ?? 1) <= 1;
  }
}

class Section {
  readonly element: HTMLElement;
  readonly number: number;
  readonly cards: PickCard[] = [];
  /** The first of them have cards. */
  readonly #picks: ShownPick[];
  readonly #count = element('small.tally');
  readonly #list = element('div.cards');
  readonly #more: HTMLButtonElement;

  constructor(
    { window, picks }: PickedWindow,
    /** Rather than shown as it came. */
    readonly isAskedFor: boolean,
    private readonly card: (pick: ShownPick) => PickCard,
  ) {
    this.number = window;
    this.#picks = [...picks];
    this.#more = element('button.quiet', { onclick: () => this.#show(picks.length) });
    this.element = element(
      'section.window',
      { id: `window-${window}` },
      element('h3', {}, `Window ${window} `, this.#count),
      this.#list,
      this.#more,
    );
    this.#show(CARDS);
  }

  label(labels: readonly GivenLabel[]): void {
    for (const [i, pick] of this.#picks.entries()) {
      const given = labels.findLast(
        (one) => one.superpixel === pick.superpixel && one.frame === pick.frame && one.scene === pick.scene,
      );
      if (given === undefined) continue;
      this.#picks[i] = { ...pick, class: given.class };
      this.cards[i]?.show(given.class);
    }
    this.count();
  }

  count(): void {
    const labelled = this.cards.filter(({ isLabelled }) => isLabelled).length;
    this.#count.textContent = `${counted(this.#picks.length, 'pick')}${labelled > 0 ? `, ${labelled} labelled` : ''}`;
  }

  #show(cards: number): void {
    const added = this.#picks.slice(this.cards.length, cards).map((pick) => this.card(pick));
    this.cards.push(...added);
    this.#list.append(...added.map((card) => card.element));
    this.#more.hidden = this.cards.length === this.#picks.length;
    this.#more.textContent = `All ${counted(this.#picks.length, 'pick')}`;
    this.count();
  }
}
