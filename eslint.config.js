import { builtinModules } from 'node:module';
import prettier from 'eslint-config-prettier';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

// engine/ and simulator/ must give the same bytes for the same input, on every machine and
// JavaScript engine. These lists hold what would break that; test/tidy.test.ts proves each bites.

const clock = 'The clock is an input: take `nowMs` as an argument.';
const random = 'Unseeded randomness cannot be replayed: draw from simulator/random.ts.';
const ambient = 'The environment is not an input here: pass the value in from an adapter.';
const timer = 'Nothing waits in here: return an effect, or schedule a simulator event.';
const rounding =
  'Its last bits differ between JavaScript engines: use integers, a table or a rational approximation.';
const locale = 'Order and text depend on the locale: compare with < and >, format in reports/.';
const gc = 'When it clears is up to the garbage collector: keep plain references.';
const sync =
  'The engine is synchronous: yield an effect; only engine/drivers.ts awaits its result.';
const pure = 'No Node modules here, the page runs this code too: do I/O in adapters/.';
const fromText = 'Code from text escapes every rule here: write a function.';

const bannedGlobals = [
  ...['Date', 'performance', 'Temporal'].map((name) => ({ name, message: clock })),
  ...['process', 'globalThis', 'global', 'window', 'self', 'navigator', 'require', 'Buffer'].map(
    (name) => ({ name, message: ambient }),
  ),
  ...['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'].map((name) => ({
    name,
    message: timer,
  })),
  ...['fetch', 'XMLHttpRequest', 'WebSocket'].map((name) => ({
    name,
    message: 'No network here: return an effect and let an adapter perform it.',
  })),
  { name: 'crypto', message: `${random} Hash with @noble/hashes.` },
  { name: 'Intl', message: locale },
  {
    name: 'structuredClone',
    message: 'Slow, and it hides what is copied: build the new value field by field.',
  },
  ...['WeakRef', 'FinalizationRegistry'].map((name) => ({ name, message: gc })),
  ...['eval', 'Function'].map((name) => ({ name, message: fromText })),
];

const inexactMath = [
  ...['sin', 'cos', 'tan', 'asin', 'acos', 'atan', 'atan2'],
  ...['sinh', 'cosh', 'tanh', 'asinh', 'acosh', 'atanh'],
  ...['exp', 'expm1', 'log', 'log1p', 'log2', 'log10', 'pow', 'cbrt', 'hypot'],
];

const bannedProperties = [
  { object: 'Math', property: 'random', message: random },
  ...inexactMath.map((property) => ({ object: 'Math', property, message: rounding })),
  ...[
    'localeCompare',
    'toLocaleString',
    'toLocaleDateString',
    'toLocaleTimeString',
    'toLocaleLowerCase',
    'toLocaleUpperCase',
  ].map((property) => ({ property, message: locale })),
];

const builtins = builtinModules.filter((name) => !name.startsWith('_'));

const bannedImports = {
  paths: builtins.map((name) => ({ name, message: pure })),
  patterns: [
    {
      regex: `^(node:|(${builtins.filter((name) => !name.includes('/')).join('|')})/)`,
      message: pure,
    },
  ],
};

const bannedSyntax = [
  { selector: 'BinaryExpression[operator="**"]', message: rounding },
  { selector: 'AssignmentExpression[operator="**="]', message: rounding },
  // Or a ban on one of its functions could be walked around.
  {
    selector: 'Identifier[name="Math"]:not(MemberExpression[computed=false] > .object)',
    message: 'Lint must see which function is meant: write it where it is used, as in Math.floor.',
  },
  {
    selector: 'ImportExpression',
    message: 'A late import hides an edge and makes its caller async: import at the top.',
  },
  { selector: 'TSTypeReference[typeName.name="Date"]', message: clock },
];

const bannedInEngine = [
  { selector: ':function[async=true]', message: sync },
  { selector: 'AwaitExpression', message: sync },
  { selector: 'ForOfStatement[await=true]', message: sync },
  { selector: 'Identifier[name=/^(Promise|PromiseLike)$/]', message: sync },
];

export default defineConfig(
  { ignores: ['node_modules/', 'dist/', 'coverage/', '.stryker-tmp/', 'test/mutants/.out/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  tseslint.configs.recommended,
  {
    rules: {
      eqeqeq: 'error',
    },
  },
  {
    files: ['**/*.ts', '**/*.tsx'],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
    },
  },
  {
    files: ['engine/**/*.ts', 'simulator/**/*.ts'],
    rules: {
      'no-console': 'error',
      'no-restricted-globals': ['error', ...bannedGlobals],
      'no-restricted-properties': ['error', ...bannedProperties],
      'no-restricted-imports': ['error', bannedImports],
      'no-restricted-syntax': ['error', ...bannedSyntax],
    },
  },
  {
    files: ['engine/**/*.ts'],
    ignores: ['engine/drivers.ts'],
    rules: { 'no-restricted-syntax': ['error', ...bannedSyntax, ...bannedInEngine] },
  },
  prettier,
  // After eslint-config-prettier, which switches it off for a style this project does not use.
  { rules: { curly: ['error', 'all'] } },
);
