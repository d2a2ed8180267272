import { Table } from '@pulumi/aws/dynamodb/table.js';
import type { Config } from './config.ts';
import { CLUSTER_KEY, JOURNAL_RANGE_KEY, JOURNAL_TTL } from './names.ts';
import { tagsOf } from './tags.ts';

/** What is remembered between cycles, and what was decided in them. */
export interface State {
  readonly stateTable: Table;
  readonly journalTable: Table;
}

export function state(config: Config): State {
  const common = {
    billingMode: 'PAY_PER_REQUEST',
    hashKey: CLUSTER_KEY,
    serverSideEncryption: { enabled: true },
    deletionProtectionEnabled: config.protect,
  };
  const stateTable = new Table(
    'state',
    {
      ...common,
      name: `${config.namePrefix}-cluster-state`,
      attributes: [{ name: CLUSTER_KEY, type: 'S' }],
      pointInTimeRecovery: { enabled: true },
      tags: tagsOf(config, 'cluster-state'),
    },
    { protect: config.protect },
  );
  const journalTable = new Table(
    'journal',
    {
      ...common,
      name: `${config.namePrefix}-journal`,
      rangeKey: JOURNAL_RANGE_KEY,
      attributes: [
        { name: CLUSTER_KEY, type: 'S' },
        { name: JOURNAL_RANGE_KEY, type: 'N' },
      ],
      ttl: { attributeName: JOURNAL_TTL, enabled: true },
      tags: tagsOf(config, 'journal'),
    },
    { protect: config.protect },
  );
  return { stateTable, journalTable };
}
