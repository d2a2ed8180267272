import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { html, jsonText, preformatted, scriptText, visible } from '../../../reports/html/escape.ts';

/** What markup is made of, and text beside it. */
const PIECE = fc.constantFrom(
  '<',
  '>',
  '"',
  "'",
  '&',
  '/',
  '!--',
  'script',
  ' ',
  'a',
  '\n',
  '\u202E',
);

describe('what stands in a page', () => {
  test('text is escaped, in elements and in attributes; markup is not', () => {
    const name = `</td><script>alert("1")</script> & 'x'`;
    expect(html`<td title="${name}">${html`<b>${name}</b>`}${['<', 1, null]}</td>`.markup).toBe(
      '<td title="&lt;/td&gt;&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#39;x&#39;">' +
        '<b>&lt;/td&gt;&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#39;x&#39;</b>&lt;1</td>',
    );
  });

  test('what cannot be seen, or turns writing around, is left out', () => {
    // A right-to-left override makes "gnp.exe" of "exe.png".
    expect(visible('a\u202Eb\u0000c\u200Bd\ne\uD800f')).toBe('abcd ef');
    expect(html`${'\u202Ex'}`.markup).toBe('x');
  });

  test('no text makes a tag, whatever it is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: PIECE })), (text) => {
        const { markup } = html`<p title="${text}">${text}</p>`;
        expect(markup.match(/[<>"]/g)?.join('')).toBe('<""><>');
        expect(preformatted(text).markup).not.toMatch(/[<>"]/);
      }),
    );
  });

  test('JSON between script tags cannot end them, and is the same JSON', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc.string({ unit: 'binary' }),
            fc.constantFrom('</script>', '<!--', '-->', '\u2028', ']]>', '<script'),
          ),
        ),
        (value) => {
          const text = jsonText(value);
          expect(text).not.toMatch(/[<>\u2028\u2029]/);
          expect(JSON.parse(text)).toEqual(value);
        },
      ),
    );
  });

  test('a program between script tags cannot end them, and means the same', () => {
    const code = String.raw`[ '</script>', "</SCRIPT x", '<!-- <script>', /<\/script>/.test('</script>') ]`;
    const kept = scriptText(code);
    expect(kept).not.toMatch(/<\/script|<script|<!--/i);
    const ran = (text: string): unknown => new Function(`return ${text}`)() as unknown;
    expect(ran(kept)).toEqual(ran(code));
  });
});
