import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { Command } from 'commander';
import { writeScenarios } from '../../scenarios/generate.ts';
import { newCommand } from './command.ts';
import { EXIT_CHECK_FAILED } from './failure.ts';
import { projectRoot } from './project.ts';

interface ScenariosOptions {
  readonly check?: true;
  readonly dir?: string;
}

export function scenariosCommand(): Command {
  return newCommand('scenarios')
    .summary('write the generated traces again')
    .description('Writes the generated traces again: the same bytes on every machine.')
    .option('--check', 'write nothing, and exit with 1 if a file differs')
    .option('--dir <folder>', "where they are (default: the project's scenarios)")
    .action(scenarios);
}

async function scenarios(options: ScenariosOptions): Promise<void> {
  const folder = options.dir ?? join(projectRoot(), 'scenarios');
  if (!options.check) {
    for (const path of await writeScenarios(folder)) {
      process.stdout.write(`wrote ${basename(path)}\n`);
    }
    return;
  }
  const fresh = mkdtempSync(join(tmpdir(), 'node-fleet-'));
  try {
    for (const path of await writeScenarios(fresh)) {
      const name = basename(path);
      if (isSameFile(path, join(folder, name))) {
        process.stdout.write(`${name} is as generated\n`);
      } else {
        process.stdout.write(`${name} differs from what npm run scenarios writes\n`);
        process.exitCode = EXIT_CHECK_FAILED;
      }
    }
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

function isSameFile(a: string, b: string): boolean {
  try {
    return readFileSync(a).equals(readFileSync(b));
  } catch {
    // Whichever is missing is not the same.
    return false;
  }
}
