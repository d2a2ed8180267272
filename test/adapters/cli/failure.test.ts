import { CommanderError } from 'commander';
import { describe, expect, test } from 'vitest';
import { failureOf } from '../../../adapters/cli/failure.ts';
import { InputError } from '../../../adapters/import/input-error.ts';

describe('how the program ends after a throw', () => {
  test('bad input: its place, what was found, what was expected, and 2', () => {
    const error = new InputError('trace.csv', 7, 'found the rate "x", expected a number');
    expect(failureOf(error)).toEqual({
      text: 'node-fleet: trace.csv:7: found the rate "x", expected a number\n',
      exitCode: 2,
    });
  });

  test('several problems are a line each', () => {
    const error = new InputError('s.yaml', 1, 'found this\ns.yaml:9: found that');
    expect(failureOf(error).text).toBe(
      'node-fleet: s.yaml:1: found this\nnode-fleet: s.yaml:9: found that\n',
    );
  });

  test('a bug says that it is one, where it is, and 70', () => {
    const { text, exitCode } = failureOf(new TypeError('no such thing'));
    expect(exitCode).toBe(70);
    expect(text).toMatch(/^node-fleet: this is a bug in node-fleet/);
    expect(text).toContain('TypeError: no such thing');
    expect(text).toMatch(/\n {4}at /);
    expect(failureOf('text')).toMatchObject({ exitCode: 70 });
  });

  test('what commander has said is not said twice', () => {
    expect(failureOf(new CommanderError(1, 'commander.unknownOption', 'unknown'))).toEqual({
      text: '',
      exitCode: 2,
    });
    expect(failureOf(new CommanderError(0, 'commander.helpDisplayed', ''))).toEqual({
      text: '',
      exitCode: 0,
    });
  });
});
