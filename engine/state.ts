import * as z from 'zod';
import type { Market } from './observation.ts';

/**
 * What the table remembers between cycles: small, versioned, and reconstructible from tags. Whatever can be observed is
 * not stored; stored are intents (written before we act), and instants that no observation gives back.
 */
export const STATE_SCHEMA = 1;

/** Why capacity is bought. `repair` restores desired capacity; the others are what a policy asked for. */
export type LaunchReason = 'repair' | 'scale-up';

/**
 * One frozen RunInstances request. Everything that is sent is a pure function of the committed attempt, so a successor
 * repeats it byte for byte (S5). `unknown` from the moment it is committed until an answer is recorded (S4).
 */
export interface LaunchAttempt {
  readonly number: number;
  readonly zone: string;
  readonly market: Market;
  readonly count: number;
  readonly clientToken: string;
  /**
   * `unsent`: EC2 has certainly done nothing about it yet; `refused`: the pool has none; `rejected`: the request itself was;
   * `spent`: what it launched is gone again.
   */
  readonly outcome: 'unknown' | 'unsent' | 'launched' | 'refused' | 'rejected' | 'spent';
  readonly launched: number;
}

export interface LaunchIntent {
  readonly id: string;
  readonly birthEpoch: number;
  readonly createdAtMs: number;
  readonly reason: LaunchReason;
  /** The policy that began it: a change of policy does not change what is in flight (S25). */
  readonly policy: string;
  readonly templateVersion: string;
  readonly count: number;
  /** How many of `count` restore desired capacity; the others are what the policy asked for. */
  readonly repair: number;
  readonly attempts: readonly LaunchAttempt[];
}

/** `scale-down` is voluntary; the others repair. */
export type DrainReason = 'scale-down' | 'reclaim' | 'rebalance' | 'unhealthy' | 'never-joined';

/**
 * A node on its way out. `terminating` is committed before TerminateInstances is sent and is a point of no return (S8);
 * up to there a voluntary drain may be undone.
 */
export interface DrainIntent {
  readonly id: string;
  readonly instanceId: string;
  readonly nodeName: string | null;
  readonly reason: DrainReason;
  readonly birthEpoch: number;
  readonly policy: string;
  readonly startedAtMs: number;
  readonly progressedAtMs: number;
  readonly podsLeft: number;
  readonly stage: 'tainting' | 'evicting' | 'terminating';
}

export interface PoolBackoff {
  readonly zone: string;
  readonly market: Market;
  readonly failures: number;
  readonly untilMs: number;
}

export interface VictimBackoff {
  readonly instanceId: string;
  readonly failures: number;
  readonly untilMs: number;
}

/** `seen`: it was listed before. A launch not listed yet is only Describe’s lag. */
export interface Absence {
  readonly instanceId: string;
  readonly sinceMs: number;
  readonly seen: boolean;
  /** Where it was launched; '' when that is not known. */
  readonly zone: string;
  readonly market: Market;
}

/** An instance whose node was seen Ready and is in the list no more, and since when. */
export interface LostNode {
  readonly instanceId: string;
  readonly sinceMs: number;
}

export interface FleetState {
  readonly schema: typeof STATE_SCHEMA;
  /** Workers we mean to have; null until first observed. Repairs restore it. */
  readonly desired: number | null;
  readonly lastScaleUpAtMs: number | null;
  readonly lastScaleDownAtMs: number | null;
  /** No voluntary removal before this: memory was lost (S6). */
  readonly recoveryUntilMs: number;
  /** Instances seen and not yet known gone, sorted. */
  readonly known: readonly string[];
  /** Known instances whose node was seen Ready, sorted: whatever happens to their node, they are not "never joined" (S15). */
  readonly joined: readonly string[];
  readonly lostNodes: readonly LostNode[];
  /** Known instances that a complete describe does not show (S16). */
  readonly absent: readonly Absence[];
  readonly launches: readonly LaunchIntent[];
  readonly drains: readonly DrainIntent[];
  readonly poolBackoffs: readonly PoolBackoff[];
  readonly victimBackoffs: readonly VictimBackoff[];
  /** Join breaker (S14): launches in a row that never joined, and when the last one was given up. */
  readonly joinFailures: number;
  readonly joinFailedAtMs: number;
  /** The policy whose memory this is, and that memory: whole numbers, with a meaning only to the policy. */
  readonly policy: string;
  readonly memory: readonly number[];
}

export const NO_MEMORY: readonly number[] = [];

/** State before anything was observed. `recoveryUntilMs` is set when tagged instances exist all the same (S6). */
export function emptyState(policy: string): FleetState {
  return {
    schema: STATE_SCHEMA,
    desired: null,
    lastScaleUpAtMs: null,
    lastScaleDownAtMs: null,
    recoveryUntilMs: 0,
    known: [],
    joined: [],
    lostNodes: [],
    absent: [],
    launches: [],
    drains: [],
    poolBackoffs: [],
    victimBackoffs: [],
    joinFailures: 0,
    joinFailedAtMs: 0,
    policy,
    memory: NO_MEMORY,
  };
}

/**
 * The state with these changes. Written out field by field, so that every state has the same ones in the same order: a copy
 * by `...` is laid out anew at each place in the code that makes one, and whoever reads the state then has to find its way.
 */
export function stateWith(state: FleetState, changes: Partial<FleetState>): FleetState {
  const after = { ...state, ...changes };
  return {
    schema: after.schema,
    desired: after.desired,
    lastScaleUpAtMs: after.lastScaleUpAtMs,
    lastScaleDownAtMs: after.lastScaleDownAtMs,
    recoveryUntilMs: after.recoveryUntilMs,
    known: after.known,
    joined: after.joined,
    lostNodes: after.lostNodes,
    absent: after.absent,
    launches: after.launches,
    drains: after.drains,
    poolBackoffs: after.poolBackoffs,
    victimBackoffs: after.victimBackoffs,
    joinFailures: after.joinFailures,
    joinFailedAtMs: after.joinFailedAtMs,
    policy: after.policy,
    memory: after.memory,
  };
}

const instant = z.number().int();
const market = z.enum(['on-demand', 'spot']);

const launch = z.object({
  id: z.string(),
  birthEpoch: z.number().int(),
  createdAtMs: instant,
  reason: z.enum(['repair', 'scale-up']),
  policy: z.string(),
  templateVersion: z.string(),
  count: z.number().int(),
  repair: z.number().int(),
  attempts: z.array(
    z.object({
      number: z.number().int(),
      zone: z.string(),
      market,
      count: z.number().int(),
      clientToken: z.string(),
      outcome: z.enum(['unknown', 'unsent', 'launched', 'refused', 'rejected', 'spent']),
      launched: z.number().int(),
    }),
  ),
});

const drain = z.object({
  id: z.string(),
  instanceId: z.string(),
  nodeName: z.string().nullable(),
  reason: z.enum(['scale-down', 'reclaim', 'rebalance', 'unhealthy', 'never-joined']),
  birthEpoch: z.number().int(),
  policy: z.string(),
  startedAtMs: instant,
  progressedAtMs: instant,
  podsLeft: z.number().int(),
  stage: z.enum(['tainting', 'evicting', 'terminating']),
});

const stateSchema = z.object({
  schema: z.literal(STATE_SCHEMA),
  desired: z.number().int().nullable(),
  lastScaleUpAtMs: instant.nullable(),
  lastScaleDownAtMs: instant.nullable(),
  recoveryUntilMs: instant,
  known: z.array(z.string()),
  joined: z.array(z.string()),
  lostNodes: z.array(z.object({ instanceId: z.string(), sinceMs: instant })),
  absent: z.array(
    z.object({
      instanceId: z.string(),
      sinceMs: instant,
      seen: z.boolean(),
      zone: z.string(),
      market,
    }),
  ),
  launches: z.array(launch),
  drains: z.array(drain),
  poolBackoffs: z.array(
    z.object({ zone: z.string(), market, failures: z.number().int(), untilMs: instant }),
  ),
  victimBackoffs: z.array(
    z.object({ instanceId: z.string(), failures: z.number().int(), untilMs: instant }),
  ),
  joinFailures: z.number().int(),
  joinFailedAtMs: instant,
  policy: z.string(),
  memory: z.array(z.number()),
});

export type DecodedState =
  | { readonly kind: 'known'; readonly state: FleetState }
  /** Another version wrote it, or it is damaged: memory is lost, but intents that can be read are kept. */
  | {
      readonly kind: 'lost';
      readonly launches: readonly LaunchIntent[];
      readonly drains: readonly DrainIntent[];
    }
  | { readonly kind: 'absent' };

/**
 * Reads a stored state, whoever wrote it. Total: a newer schema or a damaged item is `lost` with whatever intents can
 * still be read, so that rolling the code back never forgets a launch in flight.
 */
export function decodeState(raw: unknown): DecodedState {
  if (raw === null || raw === undefined) {
    return { kind: 'absent' };
  }
  const parsed = stateSchema.safeParse(raw);
  if (parsed.success) {
    return { kind: 'known', state: parsed.data };
  }
  const fields = typeof raw === 'object' ? (raw as Record<string, unknown>) : {};
  return {
    kind: 'lost',
    launches: readable(launch, fields['launches']),
    drains: readable(drain, fields['drains']),
  };
}

/** The elements that can be read: one that cannot does not take the others with it. */
function readable<T>(schema: z.ZodType<T>, raw: unknown): T[] {
  return (Array.isArray(raw) ? raw : []).flatMap((each) => {
    const parsed = schema.safeParse(each);
    return parsed.success ? [parsed.data] : [];
  });
}

/** Whether an attempt is still to be answered. */
export function isOpen({ outcome }: LaunchAttempt): boolean {
  return outcome === 'unknown' || outcome === 'unsent';
}

/** Nodes that an intent has sent for and has had no answer about: they may exist, so they are in flight (S4). */
export function unansweredCount(intent: LaunchIntent): number {
  let count = 0;
  for (const attempt of intent.attempts) {
    if (isOpen(attempt)) {
      count += attempt.count;
    }
  }
  return count;
}

/** What an intent still lacks: neither launched nor possibly launched. Only this may be tried in another pool (S4). */
export function missingCount(intent: LaunchIntent): number {
  let missing = intent.count;
  for (const attempt of intent.attempts) {
    missing -= isOpen(attempt) ? attempt.count : attempt.launched;
  }
  return missing;
}
