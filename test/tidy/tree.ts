// The project's own files as the tidy test sees them: their paths, their text, what they import.
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { fileURLToPath } from 'node:url';
import { dirname, join, normalize } from 'node:path/posix';
import ts from 'typescript';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** What .gitignore keeps out, and git itself. */
const outside = new Set(['.git', 'node_modules', 'dist', 'coverage', '.stryker-tmp', '.out']);

/** Every file of the project, as a path from the root, sorted. */
export function projectFiles(folder = ''): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => !outside.has(entry.name))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        return path === '.ci/out' ? [] : projectFiles(path);
      }
      return entry.isFile() ? [path] : [];
    })
    .sort();
}

/** A file that went away since it was listed reads as empty. */
export function textOf(path: string): string {
  return existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : '';
}

export function isFile(path: string): boolean {
  return statSync(join(root, path), { throwIfNoEntry: false })?.isFile() === true;
}

export type Import =
  | { readonly kind: 'file'; readonly specifier: string; readonly path: string }
  | { readonly kind: 'package'; readonly specifier: string; readonly name: string }
  | { readonly kind: 'node'; readonly specifier: string };

/** `import`, `import type`, `export from`, `import()` and `import('…').Type` alike. */
export function importsIn(path: string, text: string): Import[] {
  return ts.preProcessFile(text, true, true).importedFiles.map(({ fileName: specifier }) => {
    if (specifier.startsWith('.')) {
      return { kind: 'file', specifier, path: normalize(join(dirname(path), specifier)) };
    }
    if (specifier.startsWith('node:') || builtinModules.includes(specifier)) {
      return { kind: 'node', specifier };
    }
    const parts = specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1);
    return { kind: 'package', specifier, name: parts.join('/') };
  });
}
