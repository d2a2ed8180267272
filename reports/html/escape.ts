/** Markup that may stand in a page as it is. Only `html` and the functions beside it make any. */
export class Html {
  readonly markup: string;

  constructor(markup: string) {
    this.markup = markup;
  }
}

export type Content = string | number | Html | readonly Content[] | null;

/**
 * A page’s markup with values in it: everything that is not `Html` already is text, and escaped. Values may stand in elements
 * and in quoted attributes, nowhere else.
 */
export function html(strings: TemplateStringsArray, ...values: readonly Content[]): Html {
  return new Html(strings.reduce((all, string, n) => all + rendered(values[n - 1]) + string));
}

function rendered(content: Content): string {
  if (content instanceof Html) {
    return content.markup;
  }
  if (content === null) {
    return '';
  }
  return Array.isArray(content)
    ? (content as readonly Content[]).map(rendered).join('')
    : escaped(String(content as string | number));
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/**
 * Text as a page shows it. Control characters and those that turn the direction of writing around are left out: a name made
 * of them would read as another.
 */
export function escaped(text: string): string {
  return visible(text).replace(/[&<>"']/g, (character) => ENTITIES[character]);
}

/** Text without control, format and half characters; a line break within is a space. */
export function visible(text: string): string {
  return text.replace(/[\r\n]+/g, ' ').replace(/\p{C}/gu, '');
}

/** Text of several lines, for a `pre`. */
export function preformatted(text: string): Html {
  return new Html(
    text
      .split('\n')
      .map((line) => escaped(line))
      .join('\n'),
  );
}

/** An element whose content is another language, as it is: what a hash in the page’s policy speaks of. */
export function raw(tag: string, content: string, attributes = ''): Html {
  return new Html(`<${tag}${attributes}>${content}</${tag}>`);
}

/** Data as JSON that may stand between script tags: nothing in it begins a tag or a comment. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value)
    .replace(/</g, '\\u003c')
    .replace(/>/g, '\\u003e')
    .replace(/\u2028/g, '\\u2028')
    .replace(/\u2029/g, '\\u2029');
}

/** A program’s text that may stand between script tags. Within strings and patterns, the only places, it means the same. */
export function scriptText(code: string): string {
  return code
    .replace(/<\/(script)/gi, '<\\/$1')
    .replace(/<(script)/gi, '\\x3c$1')
    .replace(/<!--/g, '\\x3c!--');
}
