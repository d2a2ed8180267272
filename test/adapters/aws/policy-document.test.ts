import { expect, test } from 'vitest';
import {
  documentInForce,
  parseDocument,
  type DocumentMemory,
  type DocumentSource,
  type PolicyDocument,
} from '../../../adapters/aws/policy-document.ts';
import { CallFailed } from '../../../adapters/failure.ts';
import { configurePolicy, type Mode } from '../../../engine/index.ts';

const silent = (): void => undefined;

function written(changes: object = {}): string {
  return JSON.stringify({ mode: 'act', policy: 'node-fleet', ...changes });
}

function problems(text: string): readonly string[] {
  const parsed = parseDocument(text);
  return parsed.ok ? [] : parsed.problems;
}

test('a document says mode, policy, settings, calendar and freezes', () => {
  const parsed = parseDocument(
    written({
      mode: 'observe',
      policy: 'sustained',
      settings: { nodeCountMax: 7 },
      freezes: [{ name: 'audit', start: '2026-12-01T00:00Z', end: '2026-12-02T00:00Z' }],
      calendar: [
        { name: 'sale', start: '2026-12-16T20:00:00+06:00', end: '2026-12-16T23:00:00+06:00' },
      ],
    }),
  );
  const { document } = parsed as Extract<typeof parsed, { ok: true }>;
  expect(document.mode).toBe('observe');
  expect(document.configured.policy.name).toBe('sustained');
  expect(document.configured.settings.nodeCountMax).toBe(7);
  expect(document.calendar).toEqual([
    {
      name: 'sale',
      startAtMs: Date.UTC(2026, 11, 16, 14),
      endAtMs: Date.UTC(2026, 11, 16, 17),
    },
  ]);
  expect(document.freezes).toEqual([
    { name: 'audit', startAtMs: Date.UTC(2026, 11, 1), endAtMs: Date.UTC(2026, 11, 2) },
  ]);
  const plain = parseDocument(written());
  expect((plain as Extract<typeof plain, { ok: true }>).document).toMatchObject({
    calendar: null,
    freezes: [],
    shadow: null,
  });
});

test('a shadow policy is checked like the live one', () => {
  const parsed = parseDocument(
    written({ shadow: { policy: 'sustained', settings: { nodeCountMax: 6 } } }),
  );
  const { shadow } = (parsed as Extract<typeof parsed, { ok: true }>).document;
  expect(shadow?.policy.name).toBe('sustained');
  expect(shadow?.settings.nodeCountMax).toBe(6);
  expect(problems(written({ shadow: { policy: 'clever' } }))[0]).toContain(
    'shadow.policy: unknown policy "clever"',
  );
  expect(
    problems(written({ shadow: { policy: 'static', settings: { nodeCountMax: 0 } } }))[0],
  ).toContain('shadow.settings: nodeCountMax is 0');
});

test('what is wrong with a document is told by key and value', () => {
  expect(problems('{')[0]).toMatch(/^expected a JSON object: .*position 1/);
  expect(problems('{"mode": "act",}')[0]).toMatch(/^expected a JSON object: .*position 15/);
  expect(problems('[]')).toHaveLength(1);
  expect(problems(written({ mode: 'fast' }))).toEqual([
    'mode: expected one of act, observe, paused',
  ]);
  expect(problems(written({ policy: 'clever' }))[0]).toContain('policy: unknown policy "clever"');
  expect(problems(written({ settings: { nodeCountMax: 0 } }))[0]).toContain('nodeCountMax is 0');
  expect(problems(written({ settings: { nodeCountMin: 9, nodeCountMax: 3 } }))[0]).toContain(
    'nodeCountMin is 9',
  );
  expect(problems(written({ setings: {} }))[0]).toContain('setings');
  const times = { start: '2026-12-16T20:00:00', end: '2026-12-16T23:00:00+06:00' };
  expect(problems(written({ calendar: [{ name: 'sale', ...times }] }))[0]).toContain(
    'calendar.0.start: expected a time such as',
  );
  const never = { start: '2026-11-31T20:00:00+06:00', end: '2026-12-16T23:00:00+06:00' };
  expect(problems(written({ freezes: [{ name: 'audit', ...never }] }))[0]).toContain(
    'freezes.0.start: expected a time such as',
  );
  const backwards = { start: '2026-12-16T23:00Z', end: '2026-12-16T20:00Z' };
  expect(problems(written({ calendar: [{ name: 'sale', ...backwards }] }))[0]).toContain(
    'expected an end after its start',
  );
});

/** A parameter and a table, in memory. */
class Parameter implements DocumentSource {
  /** Null: it cannot be read. */
  text: string | null = null;
  kept: string | null = null;
  tableDown = false;
  writes = 0;

  readonly read = (): Promise<string> =>
    this.text === null ? Promise.reject(new Error('hunter2')) : Promise.resolve(this.text);
  readonly recall = (): Promise<string | null> =>
    this.tableDown ? Promise.reject(new Error('no')) : Promise.resolve(this.kept);
  readonly keep = (text: string): Promise<void> => {
    if (this.tableDown) {
      return Promise.reject(new Error('no'));
    }
    this.kept = text;
    this.writes++;
    return Promise.resolve();
  };
}

function deployed(mode: Mode): PolicyDocument {
  const chosen = configurePolicy('node-fleet');
  const { configured } = chosen as Extract<typeof chosen, { ok: true }>;
  return { mode, configured, calendar: null, freezes: [], shadow: null };
}

async function inForce(
  parameter: Parameter,
  memory: DocumentMemory,
): Promise<{ mode: Mode; policy: string; alarms: string[] }> {
  const { document, alarms } = await documentInForce(
    parameter,
    memory,
    deployed('observe'),
    silent,
  );
  const { mode, configured } = document;
  return { mode, policy: configured.policy.name, alarms: alarms.map(({ code }) => code) };
}

test('a good document governs at once, and is kept once', async () => {
  const parameter = new Parameter();
  const memory: DocumentMemory = { lastGood: null };
  parameter.text = written({ policy: 'sustained' });
  for (let n = 0; n < 3; n++) {
    expect(await inForce(parameter, memory)).toEqual({
      mode: 'act',
      policy: 'sustained',
      alarms: [],
    });
  }
  expect(parameter.kept).toBe(parameter.text);
  expect(parameter.writes).toBe(1);
});

test('a bad document is refused with an alarm, and the last good one governs, in a new sandbox too', async () => {
  const parameter = new Parameter();
  const memory: DocumentMemory = { lastGood: null };
  parameter.text = written({ policy: 'sustained' });
  await inForce(parameter, memory);
  parameter.text = written({ policy: 'clever' });
  const refused = { mode: 'act', policy: 'sustained', alarms: ['policy-document-refused'] };
  expect(await inForce(parameter, memory)).toEqual(refused);
  expect(await inForce(parameter, { lastGood: null })).toEqual(refused);
  expect(parameter.kept).toBe(written({ policy: 'sustained' }));
});

test('an unreadable parameter leaves the last good document, with an alarm that quotes nothing', async () => {
  const parameter = new Parameter();
  parameter.kept = written({ mode: 'paused', policy: 'static' });
  expect(await inForce(parameter, { lastGood: null })).toEqual({
    mode: 'paused',
    policy: 'static',
    alarms: ['policy-document-unreadable'],
  });
  const { alarms } = await documentInForce(parameter, { lastGood: null }, deployed('act'), silent);
  expect(JSON.stringify(alarms)).not.toContain('hunter2');
});

test('where there never was a good document the deployment governs', async () => {
  const parameter = new Parameter();
  const memory: DocumentMemory = { lastGood: null };
  expect(await inForce(parameter, memory)).toMatchObject({
    mode: 'observe',
    policy: 'node-fleet',
  });
  parameter.text = '{';
  expect(await inForce(parameter, memory)).toMatchObject({
    mode: 'observe',
    alarms: ['policy-document-refused'],
  });
});

test('where neither the document nor the last good one can be read no cycle guesses', async () => {
  const parameter = new Parameter();
  parameter.tableDown = true;
  await expect(inForce(parameter, { lastGood: null })).rejects.toThrow(CallFailed);
});

test('the kill switch works in a document that is wrong otherwise', async () => {
  const parameter = new Parameter();
  const memory: DocumentMemory = { lastGood: null };
  parameter.text = written({ policy: 'sustained' });
  await inForce(parameter, memory);
  parameter.text = written({ mode: 'paused', policy: 'clever' });
  expect(await inForce(parameter, memory)).toEqual({
    mode: 'paused',
    policy: 'sustained',
    alarms: ['policy-document-refused'],
  });
  // Only for as long as it stands there.
  parameter.text = written({ policy: 'sustained' });
  expect(await inForce(parameter, memory)).toMatchObject({ mode: 'act', alarms: [] });
});

test('the kill switch works where a comma is missing, too', async () => {
  for (const slip of ['{"mode": "paused",}', '{ "mode":"paused" "policy": "node-fleet" }']) {
    const parameter = new Parameter();
    parameter.text = slip;
    expect(await inForce(parameter, { lastGood: null })).toMatchObject({ mode: 'paused' });
  }
});

test('a document that could not be kept is kept by a later cycle', async () => {
  const parameter = new Parameter();
  const memory: DocumentMemory = { lastGood: null };
  parameter.text = written();
  parameter.tableDown = true;
  expect(await inForce(parameter, memory)).toMatchObject({ mode: 'act', alarms: [] });
  parameter.tableDown = false;
  await inForce(parameter, memory);
  expect(parameter.kept).toBe(parameter.text);
});
