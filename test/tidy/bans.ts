// One snippet for each thing the lint rules keep out of engine/ and simulator/.
// test/tidy.test.ts lints every one of them, so that a rule that stops biting is noticed.

interface Ban {
  readonly name: string;
  readonly code: string;
  readonly rule: string;
}

const globals: readonly Ban[] = [
  ['Date', 'export const a = new Date();'],
  ['Date.now', 'export const a = Date.now();'],
  ['performance', 'export const a = performance.now();'],
  ['process', 'export const a = process.env;'],
  ['globalThis', 'export const a = globalThis;'],
  ['global', 'export const a = global;'],
  ['setTimeout', 'setTimeout(() => {}, 1);'],
  ['setInterval', 'setInterval(() => {}, 1);'],
  ['setImmediate', 'setImmediate(() => {});'],
  ['queueMicrotask', 'queueMicrotask(() => {});'],
  ['fetch', "export const a = fetch('x');"],
  ['crypto', 'export const a = crypto.randomUUID();'],
  ['Intl', 'export const a = new Intl.Collator();'],
  ['structuredClone', 'export const a = structuredClone({});'],
  ['Buffer', "export const a = Buffer.from('x');"],
  ['WeakRef', 'export const a = new WeakRef({});'],
  ['eval', "export const a = eval('1');"],
  ['Function', "export const a = Function('return 1');"],
].map(([name, code]) => ({ name: name!, code: code!, rule: 'no-restricted-globals' }));

const mathFunctions = [
  ...['random', 'sin', 'cos', 'tan', 'asin', 'acos', 'atan', 'atan2', 'sinh', 'cosh', 'tanh'],
  ...['asinh', 'acosh', 'atanh', 'exp', 'expm1', 'log', 'log1p', 'log2', 'log10', 'pow', 'cbrt'],
  'hypot',
];

const properties: readonly Ban[] = [
  ...mathFunctions.map((name) => ({
    name: `Math.${name}`,
    code: `export const a = Math.${name}(1, 2);`,
  })),
  { name: 'localeCompare', code: "export const a = 'a'.localeCompare('b');" },
  ...[
    'toLocaleString',
    'toLocaleDateString',
    'toLocaleTimeString',
    'toLocaleLowerCase',
    'toLocaleUpperCase',
  ].map((name) => ({ name, code: `export const a = (b) => b.${name}();` })),
].map((ban) => ({ ...ban, rule: 'no-restricted-properties' }));

const imports: readonly Ban[] = [
  ['node:fs', "import { readFileSync } from 'node:fs';\nexport const a = readFileSync;"],
  ['node:fs/promises', "import { readFile } from 'node:fs/promises';\nexport const a = readFile;"],
  ['fs', "import { readFileSync } from 'fs';\nexport const a = readFileSync;"],
  ['fs/promises', "import { readFile } from 'fs/promises';\nexport const a = readFile;"],
  ['node:fs as a type', "import type { Stats } from 'node:fs';\nexport type A = Stats;"],
  ['node:fs re-exported', "export { readFileSync } from 'node:fs';"],
].map(([name, code]) => ({ name: name!, code: code!, rule: 'no-restricted-imports' }));

const syntax: readonly Ban[] = [
  ['**', 'export const a = (b: number) => b ** 2;'],
  ['**=', 'export const a = (b: number) => { b **= 2; return b; };'],
  ['Math[name]', "export const a = (b: 'abs') => Math[b](1);"],
  ['Math by another name', 'const m = Math;\nexport const a = m;'],
  ['Math taken apart', 'const { floor } = Math;\nexport const a = floor;'],
  ['a late import', "export const a = import('./b.ts');"],
  ['Date as a type', 'export type A = Date;'],
].map(([name, code]) => ({ name: name!, code: code!, rule: 'no-restricted-syntax' }));

const statements: readonly Ban[] = [
  { name: 'console', code: "console.log('x');", rule: 'no-console' },
];

/** Banned in engine/ and in simulator/, allowed in adapters/. */
export const banned: readonly Ban[] = [
  ...globals,
  ...properties,
  ...imports,
  ...syntax,
  ...statements,
];

/** Banned in engine/ alone, save for engine/drivers.ts. */
export const bannedInEngine: readonly Ban[] = [
  ['an async function', 'export async function a() {}'],
  ['an async arrow', 'export const a = async () => {};'],
  ['await', 'await a();\ndeclare function a(): unknown;'],
  ['for await', 'declare const b: never;\nfor await (const a of b) { a(); }\nexport {};'],
  ['Promise', 'export const a = Promise.resolve(1);'],
  ['Promise as a type', 'export type A = Promise<number>;'],
].map(([name, code]) => ({ name: name!, code: code!, rule: 'no-restricted-syntax' }));

/** What the engine does all day, and must go on being allowed. */
export const allowed = [
  'export const a = Math.floor(1.5) + Math.max(1, 2) + Math.sqrt(4) + Math.imul(2, 3);',
  'export const a = [3, 1].sort((b, c) => b - c);',
  'export const a = JSON.stringify({ b: 1 });',
  'export interface A { readonly promisedAtMs: number; readonly updated: string }',
];
