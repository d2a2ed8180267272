import { Command } from 'commander';

/** A command whose failures are thrown, so that `main.ts` alone decides how the program ends. */
export function newCommand(name: string): Command {
  return new Command(name).exitOverride();
}

/** For an option that may be given several times. */
export function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}
