type Content = Node | string | number | undefined | readonly Content[];

/** Attributes by name; properties that start with `on` listen. */
interface Attributes {
  readonly [name: string]: string | number | boolean | undefined | ((event: never) => void);
}

/**
 * Makes an element. Strings become text, never markup: names come from the network.
 *
 * @param name tag, and after dots classes: `div.card.done`
 */
export function element<K extends keyof HTMLElementTagNameMap>(
  name: K | `${K}.${string}`,
  attributes: Attributes = {},
  ...content: readonly Content[]
): HTMLElementTagNameMap[K] {
  const [tag, ...classes] = name.split('.') as [K, ...string[]];
  const made = document.createElement(tag);
  made.classList.add(...classes);
  set(made, attributes);
  fill(made, ...content);
  return made;
}

/** As `element`, for SVG. */
export function svg<K extends keyof SVGElementTagNameMap>(
  name: K,
  attributes: Attributes = {},
  ...content: readonly SVGElement[]
): SVGElementTagNameMap[K] {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  set(made, attributes);
  made.append(...content);
  return made;
}

/** Replaces what is in an element. */
export function fill(parent: Element, ...content: readonly Content[]): void {
  parent.replaceChildren(...nodes(content));
}

function nodes(content: readonly Content[]): (Node | string)[] {
  return content.flatMap((each) => {
    if (each === undefined) return [];
    if (each instanceof Node || typeof each === 'string') return [each];
    return typeof each === 'number' ? [`${each}`] : nodes(each);
  });
}

function set(made: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') made.addEventListener(name.slice(2), value as EventListener);
    else if (value === true) made.setAttribute(name, '');
    else if (value !== undefined && value !== false) made.setAttribute(name, `${value}`);
  }
}
