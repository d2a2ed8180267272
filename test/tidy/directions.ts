// Which folder may import which. The first row whose folder holds the file decides.
import { importsIn } from './tree.ts';

interface Direction {
  readonly from: string;
  /** Folders (with a final slash) or single files. */
  readonly to: readonly string[];
  /** `declared`: any of package.json's `dependencies`. */
  readonly packages: readonly string[] | 'declared';
  readonly node: boolean;
}

const pulumi = ['@pulumi/aws', '@pulumi/pulumi'];
const shell = ['engine/', 'simulator/', 'reports/', 'adapters/import/', 'scenarios/'];

export const directions: readonly Direction[] = [
  { from: 'engine/', to: ['engine/'], packages: ['zod', '@noble/hashes'], node: false },
  { from: 'simulator/', to: ['engine/', 'simulator/'], packages: ['zod'], node: false },
  {
    from: 'reports/',
    to: ['engine/', 'simulator/', 'reports/'],
    packages: 'declared',
    node: true,
  },
  {
    from: 'scenarios/',
    to: ['scenarios/', 'simulator/random.ts'],
    packages: 'declared',
    node: true,
  },
  {
    from: 'adapters/import/',
    to: ['engine/', 'simulator/', 'adapters/import/'],
    packages: 'declared',
    node: true,
  },
  {
    from: 'adapters/cli/',
    to: ['adapters/cli/', 'adapters/tui/', 'test/bench/', ...shell],
    packages: 'declared',
    node: true,
  },
  // What an operator runs beside the functions: a bundle of its own.
  {
    from: 'adapters/operate/',
    to: [
      ...['adapters/operate/', 'adapters/aws/', 'adapters/kubernetes/', 'adapters/prometheus/'],
      ...['adapters/answer.ts', 'adapters/failure.ts', 'adapters/http.ts'],
      ...['adapters/cli/command.ts', 'adapters/cli/failure.ts', 'adapters/cli/program.ts'],
      'adapters/cli/journal-file.ts',
      ...shell,
    ],
    packages: 'declared',
    node: true,
  },
  { from: 'adapters/tui/', to: ['adapters/tui/', ...shell], packages: 'declared', node: true },
  // A package of its own, with the engine's checks of what it is configured with. Its tests are the root's.
  {
    from: 'infra/test/',
    to: ['infra/', 'engine/'],
    packages: [...pulumi, '@grpc/grpc-js', 'google-protobuf', 'vitest', 'yaml'],
    node: true,
  },
  { from: 'infra/', to: ['infra/', 'engine/'], packages: pulumi, node: true },
  // aws, and every adapter still to come: what runs in production does not carry the simulator.
  {
    from: 'adapters/',
    to: ['engine/', 'adapters/'],
    packages: 'declared',
    node: true,
  },
];

/** What `adapters/` rows must not reach, although `to` names the whole folder. */
const shells = ['adapters/cli/', 'adapters/tui/', 'adapters/operate/'];

/** One sentence for each import in `text` that its folder may not have. */
export function forbiddenImports(
  path: string,
  text: string,
  declared: readonly string[],
): string[] {
  const direction = directions.find(({ from }) => path.startsWith(from));
  if (direction === undefined) {
    return [];
  }
  const inShell = shells.some((folder) => path.startsWith(folder));
  const packages = direction.packages === 'declared' ? declared : direction.packages;
  return importsIn(path, text).flatMap((found) => {
    const complain = (why: string) => [`${path} imports ${found.specifier}: ${why}`];
    switch (found.kind) {
      case 'node':
        return direction.node ? [] : complain(`no Node modules under ${direction.from}`);
      case 'package':
        return packages.includes(found.name)
          ? []
          : complain(`packages allowed under ${direction.from}: ${packages.join(', ')}`);
      case 'file': {
        const reaches = (folder: string) => found.path.startsWith(folder);
        const allowed = direction.to.some(reaches) && (inShell || !shells.some(reaches));
        return allowed
          ? []
          : complain(`${direction.from} may import only ${direction.to.join(', ')}`);
      }
    }
  });
}
