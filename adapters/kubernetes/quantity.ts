/** Suffixes of Kubernetes’ quantities: decimal, binary, and milli and smaller. */
const FACTORS: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 1024,
  Mi: 1024 ** 2,
  Gi: 1024 ** 3,
  Ti: 1024 ** 4,
  Pi: 1024 ** 5,
  Ei: 1024 ** 6,
};

const QUANTITY = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)$/;

/** A quantity such as `250m`, `1.5`, `128Mi` or `1e3`, in its base unit. NaN for text that is none. */
export function quantity(text: string): number {
  const match = QUANTITY.exec(text);
  if (match === null) {
    return NaN;
  }
  const [, number, exponent = '', suffix = ''] = match;
  return Number(`${number}${exponent}`) * FACTORS[suffix];
}

/** Thousandths of a CPU. What is asked for is rounded up, what there is down: `round` says which. */
export function millicpu(text: string, round: (value: number) => number): number {
  return round(fixed(quantity(text) * 1000));
}

export function mib(text: string, round: (value: number) => number): number {
  return round(fixed(quantity(text) / FACTORS['Mi']));
}

/** 0.1 × 1000 must not be rounded up to 101. */
function fixed(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}
