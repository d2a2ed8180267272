import { numberSetting, type SettingDescriptions } from '../settings.ts';
import { hold, type Policy } from './policy.ts';

const settings = {
  nodeCount: numberSetting({
    default: 5,
    min: 1,
    max: 100_000,
    step: 1,
    unit: 'nodes',
    help: 'On-demand workers, always.',
  }),
} satisfies SettingDescriptions;

/** What the client runs today: N nodes on demand, whatever comes. It asks for nothing: min and max hold it at N. */
export const staticPolicy: Policy<typeof settings> = {
  name: 'static',
  summary: 'N on-demand nodes, always (what the client runs today: 5)',
  settings,
  scales: false,
  fleetDefaults: (own) => ({
    nodeCountMin: own.nodeCount,
    nodeCountMax: own.nodeCount,
    onDemandBase: own.nodeCount,
  }),
  propose: ({ memory }) => hold([], memory),
};
