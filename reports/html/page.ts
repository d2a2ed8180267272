import { createHash } from 'node:crypto';
import type { TopLevelSpec } from 'vega-lite';
import { chartSpecs } from './charts.ts';
import { html, jsonText, preformatted, raw, scriptText } from './escape.ts';
import { reportOf, type Report, type ReportInput } from './report.ts';
import { answer, assumptions, decisions, overTime, policies, reproduction } from './sections.ts';
import { STYLE } from './style.ts';

/** What a page carries to draw its charts. */
export interface PageRuntime {
  /** The program that runs in the browser. */
  readonly script: string;
  /** The licences of what is in it, as their authors want them kept. */
  readonly licences: string;
  /** Vega-Lite’s compiler, which stays here: pages carry what it makes. */
  readonly compile: (spec: TopLevelSpec) => { readonly spec: object };
}

/** How every page begins, so that one is known for what it is. */
export const PAGE_BEGINNING = '<!doctype html>\n<!-- node-fleet report@1 -->\n';

/** A report as one page that asks nobody for anything: the same input gives the same bytes. */
export function reportPage(
  input: ReportInput,
  runtime: PageRuntime,
): { report: Report; page: string } {
  const report = reportOf(input);
  const specs = Object.fromEntries(
    Object.entries(chartSpecs(report.charts)).map(([name, spec]) => [
      name,
      runtime.compile(spec).spec,
    ]),
  );
  const script = scriptText(runtime.script);
  const policy = [
    "default-src 'none'",
    `script-src '${hashOf(script)}'`,
    `style-src '${hashOf(STYLE)}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  const page = html`<html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta http-equiv="Content-Security-Policy" content="${policy}" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <title>${report.scenario.name}: node-fleet report</title>
      ${raw('style', STYLE)}
    </head>
    <body>
      ${answer(report)}
      <main>
        ${policies(report)}${overTime(report)}${decisions(report)}${assumptions(report)}${reproduction(report)}
      </main>
      <footer>
        <details>
          <summary>Licences of what this page carries</summary>
          <pre>${preformatted(runtime.licences)}</pre>
        </details>
      </footer>
      ${raw('script', jsonText({ data: report.charts, specs }), ' type="application/json" id="report-data"')}
      ${raw('script', script)}
    </body>
  </html> `;
  return { report, page: PAGE_BEGINNING + page.markup };
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
