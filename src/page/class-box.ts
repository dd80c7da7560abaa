import { element, fill } from './element.js';

let made = 0;

/**
 * A field that takes one of the classes: type some of its name, Enter takes the one that is marked. By mouse or finger, one
 * of the list. (The pattern of an editable combobox with a list, WAI-ARIA 1.2.)
 */
export class ClassBox {
  readonly element: HTMLElement;
  readonly #input: HTMLInputElement;
  readonly #list: HTMLElement;
  readonly #id = `classes-${made++}`;
  #shown: readonly string[] = [];
  #marked = 0;

  constructor(
    private readonly classes: () => readonly string[],
    private readonly take: (name: string) => void,
  ) {
    this.#list = element('ul', { id: this.#id, role: 'listbox', 'aria-label': 'Classes', hidden: true });
    this.#input = element('input', {
      type: 'text',
      role: 'combobox',
      'aria-label': 'Class of this superpixel',
      'aria-controls': this.#id,
      'aria-expanded': 'false',
      'aria-autocomplete': 'list',
      placeholder: 'class …',
      autocomplete: 'off',
      autocapitalize: 'none',
      spellcheck: 'false',
      onfocus: () => this.#open(),
      oninput: () => this.#open(),
      onblur: () => this.#close(),
      onkeydown: (event: KeyboardEvent) => this.#key(event),
    });
    this.element = element('div.class-box', {}, this.#input, this.#list);
  }

  focus(): void {
    this.#input.focus();
  }

  clear(): void {
    this.#input.value = '';
  }

  #key(event: KeyboardEvent): void {
    if (event.isComposing) return;
    switch (event.key) {
      case 'ArrowDown':
      case 'ArrowUp': {
        const step = event.key === 'ArrowDown' ? 1 : -1;
        if (this.#list.hidden) this.#open();
        else this.#mark((this.#marked + step + this.#shown.length) % Math.max(this.#shown.length, 1));
        break;
      }
      case 'Enter': {
        const name = this.#list.hidden ? undefined : this.#shown[this.#marked];
        if (name === undefined) this.#open();
        else this.take(name);
        break;
      }
      case 'Escape':
        this.#input.value = '';
        this.#close();
        break;
      default:
        return;
    }
    event.preventDefault();
  }

  #open(): void {
    const typed = this.#input.value.trim();
    this.#shown = matching(this.classes(), typed);
    fill(
      this.#list,
      this.#shown.length === 0
        ? element('li.empty', {}, typed ? 'No such class' : 'No classes are known')
        : [],
      this.#shown.map((name, i) =>
        element(
          'li',
          {
            id: `${this.#id}-${i}`,
            role: 'option',
            // Before the field loses the focus, which closes the list.
            onpointerdown: (event: Event) => event.preventDefault(),
            onclick: () => this.take(name),
          },
          name,
        ),
      ),
    );
    this.#list.hidden = false;
    this.#input.setAttribute('aria-expanded', 'true');
    // What is typed marks its first match; without a word nothing is taken by mistake.
    this.#mark(typed === '' ? -1 : 0);
  }

  #close(): void {
    this.#list.hidden = true;
    this.#input.setAttribute('aria-expanded', 'false');
    this.#input.removeAttribute('aria-activedescendant');
  }

  #mark(index: number): void {
    this.#marked = index;
    for (const [i, option] of [...this.#list.querySelectorAll('[role=option]')].entries()) {
      option.setAttribute('aria-selected', `${i === index}`);
      if (i === index) option.scrollIntoView({ block: 'nearest' });
    }
    if (index < 0 || this.#shown.length === 0) this.#input.removeAttribute('aria-activedescendant');
    else this.#input.setAttribute('aria-activedescendant', `${this.#id}-${index}`);
  }
}

/** Classes with a word that begins as typed, then those that hold it elsewhere; each in the network's order. */
function matching(classes: readonly string[], typed: string): string[] {
  const wanted = typed.toLowerCase();
  const rank = (name: string) => {
    const found = name.toLowerCase();
    if (found === wanted) return 0;
    if (found.startsWith(wanted)) return 1;
    if (found.split(/[^\p{L}\p{N}]+/u).some((word) => word.startsWith(wanted))) return 2;
    return found.includes(wanted) ? 3 : undefined;
  };
  return classes
    .flatMap((name) => ({ name, rank: rank(name) ?? -1 }))
    .filter((each) => each.rank >= 0)
    .sort((a, b) => a.rank - b.rank)
    .map(({ name }) => name);
}
