/** The page’s looks: light and dark, wide and narrow, on a screen and on paper. No fonts or pictures from elsewhere. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #fff; --raised: #f6f7f8; --ink: #1b2328; --soft: #5a666e; --rule: #e2e6e9;
  --accent: #0b6e69; --alarm: #c2410c; --today: #8a959c; --need: #d5e4e6; --sale: #fbf3df;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14191c; --raised: #1d2428; --ink: #e7ebed; --soft: #a1adb4; --rule: #313b41;
    --accent: #4fbdb4; --alarm: #f5854a; --today: #8995a0; --need: #2b4347; --sale: #2d2818;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans Bengali", sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere;
}
header, main, footer { max-width: 66rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2.25rem; }
footer { padding-bottom: 3rem; color: var(--soft); }
h1 { margin: 0; font-size: 1rem; font-weight: 600; }
h2 { margin: 3rem 0 .4rem; font-size: 1.3rem; line-height: 1.3; letter-spacing: -.01em; }
h3 { margin: 1.75rem 0 .3rem; font-size: 1rem; }
p { margin: .5rem 0; max-width: 46rem; }
.facts, .note, figcaption, dt { color: var(--soft); font-size: .875rem; }
.facts { margin: 0; }
.lead { margin: 1.1rem 0 1.4rem; max-width: 50rem; font-size: clamp(1.3rem, 2.6vw, 1.8rem); line-height: 1.3; font-weight: 600; letter-spacing: -.015em; text-wrap: balance; }
.warnings { margin: 1rem 0 0; padding: .6rem .9rem; border-left: 3px solid var(--alarm); background: var(--raised); list-style: none; }
.cards { display: grid; grid-template-columns: repeat(3, 1fr); gap: 1px; border: 1px solid var(--rule); border-radius: .6rem; background: var(--rule); overflow: hidden; }
.card { padding: 1.1rem 1.25rem 1.2rem; background: var(--paper); }
.card h2 { margin: 0 0 .7rem; font-size: .875rem; font-weight: 600; color: var(--soft); letter-spacing: 0; }
.change { display: flex; align-items: flex-end; gap: 1.5rem; margin: 0; }
.change div { min-width: 0; }
.change dt { line-height: 1.3; }
.change dd { margin: 0; font-size: 1.55rem; line-height: 1.25; font-weight: 600; letter-spacing: -.02em; color: var(--soft); white-space: nowrap; }
.change .then dd { color: var(--accent); }
.card p { margin: .6rem 0 0; font-size: .9rem; }
ul.reasons { margin: .8rem 0 0; padding-left: 1.15rem; max-width: 48rem; }
ul.reasons li { margin: .3rem 0; }
.scroll { overflow-x: auto; margin: .8rem 0; }
.scroll:focus-visible { outline: 2px solid var(--accent); }
table { border-collapse: collapse; font-size: .875rem; line-height: 1.4; }
.wide { width: 100%; }
th, td { padding: .38rem .6rem; text-align: right; vertical-align: baseline; border-bottom: 1px solid var(--rule); white-space: nowrap; }
th:first-child, td:first-child { padding-left: 0; }
thead th { vertical-align: bottom; font-weight: 500; color: var(--soft); white-space: normal; overflow-wrap: normal; border-bottom-color: var(--today); }
th.text, td.text { text-align: left; }
tbody th { font-weight: 500; text-align: left; }
tr.chosen th, tr.chosen td { font-weight: 650; }
tr.chosen th { color: var(--accent); }
tr.bound th, tr.bound td { color: var(--soft); font-style: italic; }
figure { margin: 1.4rem 0 0; }
figcaption { color: var(--ink); font-size: .95rem; font-weight: 600; }
figcaption span { display: block; font-weight: 400; font-size: .875rem; color: var(--soft); }
figure > div { width: 100%; min-height: 3rem; }
figure > div > svg { display: block; max-width: 100%; }
.key { display: inline-block; width: .8rem; height: .65rem; margin: 0 .3rem 0 0; border-radius: 2px; }
.key.accent { background: var(--accent); } .key.alarm { background: var(--alarm); } .key.today { background: var(--today); }
.key.need { background: var(--need); } .key.sale { background: var(--sale); border: 1px solid var(--rule); }
.legend { display: flex; flex-wrap: wrap; gap: .1rem 1.1rem; }
#windows { display: flex; flex-wrap: wrap; gap: .4rem; margin: .7rem 0 0; }
#windows[hidden] { display: none; }
button { padding: .25rem .75rem; border: 1px solid var(--today); border-radius: 1rem; background: none; color: inherit; font: inherit; font-size: .85rem; cursor: pointer; }
button:hover, button:focus-visible { border-color: var(--accent); color: var(--accent); }
details { border-bottom: 1px solid var(--rule); }
summary { padding: .55rem 0; cursor: pointer; }
summary strong { font-weight: 600; }
ol.rows { margin: 0 0 1rem; padding: 0; list-style: none; }
ol.rows li { display: grid; grid-template-columns: 6.5rem 7.5rem 1fr; gap: 0 1rem; padding: .35rem 0; font-size: .9rem; }
ol.rows time { color: var(--soft); }
ol.rows .what { font-weight: 600; }
ol.rows .act .what { color: var(--accent); }
ol.rows .held .what, ol.rows .undecided .what { color: var(--alarm); }
ol.rows .quiet, ol.rows .quiet .what { color: var(--soft); font-weight: 400; }
ol.rows p { margin: 0; max-width: none; }
ol.rows .also { color: var(--soft); font-size: .85rem; }
dl.facts-list { display: grid; grid-template-columns: 11rem 1fr; gap: .45rem 1.25rem; margin: .8rem 0; }
dl.facts-list dd { margin: 0; max-width: 46rem; font-size: .925rem; }
pre { margin: .6rem 0; padding: .8rem 1rem; border-radius: .4rem; background: var(--raised); white-space: pre-wrap; font: .85rem/1.5 ui-monospace, "SF Mono", "DejaVu Sans Mono", monospace; }
code { font: .9em ui-monospace, "SF Mono", "DejaVu Sans Mono", monospace; }
td code { font-size: .8rem; }
footer pre { font-size: .7rem; max-height: 24rem; overflow-y: auto; }
@media (max-width: 52rem) {
  .cards { grid-template-columns: 1fr; }
  header { padding-top: 1.4rem; }
  ol.rows li { grid-template-columns: 5.6rem 1fr; }
  ol.rows li > div { grid-column: 1 / -1; }
  dl.facts-list { grid-template-columns: 1fr; gap: 0; }
  dl.facts-list dd { margin-bottom: .7rem; }
  .scroll { margin-right: -1.25rem; padding-right: 1.25rem; }
}
@media print {
  body { font-size: 10pt; }
  #windows, noscript { display: none; }
  figure, tr, li, .card { break-inside: avoid; }
  footer details { display: none; }
}
`;
