import { describe, expect, it } from 'vitest';
import { adviceOn, nearestName, quoted, shown } from '../../simulator/complaint.ts';

const EFFECTS = ['launchInstances', 'listInstances', 'listNodes', 'pause'];

describe('the name that was probably meant', () => {
  it.each([
    ['lauchInstances', 'launchInstances'],
    ['listnodes', 'listNodes'],
    // Two letters may be wrong in a short name, a third of a long one.
    ['puse', 'pause'],
    ['paused', 'pause'],
    ['launchInst', 'launchInstances'],
  ])('%s: %s', (name, meant) => {
    expect(nearestName(name, EFFECTS)).toBe(meant);
  });

  it('one that holds it comes before one that is nearer', () => {
    expect(nearestName('nodes', ['notes', 'listNodes'])).toBe('listNodes');
    // Two letters are in too many names to mean one.
    expect(nearestName('no', ['listNodes', 'on'])).toBe('on');
  });

  it.each(['x', 'terminate', '', 'pxxxx'])('%s: none', (name) => {
    expect(nearestName(name, EFFECTS)).toBe(null);
  });

  it('is the advice; without one all are named, or what else was expected', () => {
    expect(adviceOn('pausee', EFFECTS)).toBe('did you mean "pause"?');
    expect(adviceOn('x', ['a-name', 'b-name'])).toBe('expected one of a-name, b-name');
    expect(adviceOn('x', EFFECTS, 'expected an effect')).toBe('expected an effect');
  });
});

describe('a value in an error message', () => {
  it.each([
    [null, 'nothing'],
    [undefined, 'nothing'],
    [[1], 'a list'],
    [{ a: 1 }, 'a mapping'],
    [-0.5, '-0.5'],
    [false, 'false'],
    ['two\nlines', '"two\\nlines"'],
  ])('%j: %s', (value, text) => {
    expect(shown(value)).toBe(text);
  });

  it('is cut to 60 characters', () => {
    expect(quoted('x'.repeat(60))).toBe(`"${'x'.repeat(60)}"`);
    expect(quoted('x'.repeat(61))).toBe(`"${'x'.repeat(60)}…"`);
  });
});
