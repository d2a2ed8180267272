// Plants one bug into the source as it is built: the files themselves are never touched.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin } from 'esbuild';
import type { Planted } from './bugs.ts';

/**
 * A file's text with a bug in it.
 * @throws Error when the piece to be replaced is not there exactly once: the list has to follow the source
 */
export function withBug({ rule, file, find, instead }: Planted, source: string): string {
  const times = source.split(find).length - 1;
  if (times !== 1) {
    throw new Error(`${rule}: ${file} has "${find}" ${String(times)} times, once is expected`);
  }
  return source.replace(find, () => instead);
}

/** The same for esbuild. */
export function planting(root: string, bug: Planted): Plugin {
  const path = join(root, bug.file);
  return {
    name: 'planted-bug',
    setup: ({ onLoad }) => {
      onLoad({ filter: /\.ts$/ }, (loaded) =>
        loaded.path === path
          ? { contents: withBug(bug, readFileSync(path, 'utf8')), loader: 'ts' }
          : null,
      );
    },
  };
}
