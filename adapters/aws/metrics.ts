/** Metrics by their CloudWatch names; null: not known, so that nothing is published rather than zero. */
export type MetricValues = Readonly<Record<string, number | null>>;

/** A dimension that infra/names.ts and its alarms name too. */
const DIMENSION = 'ClusterId';

/** A line in CloudWatch’s embedded metric format, or null where nothing is known. */
export function embeddedMetrics(
  namespace: string,
  clusterId: string,
  atMs: number,
  values: MetricValues,
): object | null {
  const known = Object.entries(values).filter(([, value]) => value !== null);
  if (known.length === 0) {
    return null;
  }
  return {
    _aws: {
      Timestamp: atMs,
      CloudWatchMetrics: [
        {
          Namespace: namespace,
          Dimensions: [[DIMENSION]],
          Metrics: known.map(([Name]) => ({ Name, Unit: 'Count' })),
        },
      ],
    },
    [DIMENSION]: clusterId,
    ...Object.fromEntries(known),
  };
}
