import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import {
  configurePolicy,
  emptyState,
  fleetSettings,
  POLICIES,
} from '../../engine/index.ts';
import { architectureOf, clusterOf, type Config, FIELDS, parseConfig, settingsOf } from '../config.ts';

const REGION = { 'aws:region': 'ap-southeast-1' };

/** Parses overrides of our own keys; structured ones as the JSON that Pulumi hands over. */
function problemsOf(overrides: Record<string, string>): readonly string[] {
  const ours = Object.fromEntries(
    Object.entries(overrides).map(([key, value]) => [
      key.includes(':') ? key : `node-fleet:${key}`,
      value,
    ]),
  );
  const parsed = parseConfig('node-fleet', { ...REGION, ...ours });
  return parsed.ok ? [] : parsed.problems;
}

function configOf(overrides: Record<string, string> = {}): Config {
  const parsed = parseConfig('node-fleet', { ...REGION, ...overrides });
  if (!parsed.ok) {
    throw new Error(parsed.problems.join('\n'));
  }
  return parsed.config;
}

describe('the configuration', () => {
  it('needs nothing but a region', () => {
    expect(problemsOf({})).toEqual([]);
  });
});
