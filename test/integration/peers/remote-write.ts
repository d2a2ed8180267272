import { expect } from 'vitest';

/** A sample that says its series has ended, as a scrape writes it (Prometheus ≥ 2.0): a NaN of its own. */
const STALE = Symbol('stale');

interface Growing {
  readonly labels: Buffer;
  readonly samples: Buffer[];
}

/** So many samples go in one request. */
const SAMPLES_MAX = 20_000;
const STALE_BITS = 0x7ff0000000000002n;

/**
 * Samples for a Prometheus’ remote-write endpoint, as one that had scraped them would send them on: unlike a back-fill it knows
 * series that end. They are given in the order of time, kept, and then written.
 *
 * Protobuf by hand, as prometheus/prometheus prompb/types.proto lays it out, in Snappy’s block format without compression.
 */
export class Samples {
  readonly #batches: Buffer[] = [];
  #series = new Map<string, Growing>();
  #count = 0;
  readonly #labels = new Map<string, Buffer>();
  /** Series that have a sample and have not ended. */
  readonly #alive = new Set<string>();

  /** @param series such as `up{job="pods"}` */
  add(series: string, atMs: number, value: number): void {
    this.#alive.add(series);
    this.#append(series, atMs, value);
  }

  /** The series has ended by then; nothing, where it had already or never began. */
  end(series: string, atMs: number): void {
    if (this.#alive.delete(series)) {
      this.#append(series, atMs, STALE);
    }
  }

  /** No series is known any more, though none has ended: as a Prometheus begins. */
  forget(): void {
    this.#alive.clear();
  }

  /** Writes what was kept since the last time. */
  async writeTo(url: string): Promise<void> {
    this.#close();
    for (const body of this.#batches.splice(0)) {
      const answer = await fetch(`${url}/api/v1/write`, {
        method: 'POST',
        headers: { 'content-encoding': 'snappy', 'content-type': 'application/x-protobuf' },
        body: new Uint8Array(body),
      });
      expect(answer.status, await answer.text()).toBe(204);
    }
  }

  #append(series: string, atMs: number, value: number | typeof STALE): void {
    let growing = this.#series.get(series);
    if (growing === undefined) {
      const labels = this.#labels.get(series) ?? labelsOf(series);
      this.#labels.set(series, labels);
      growing = { labels, samples: [] };
      this.#series.set(series, growing);
    }
    growing.samples.push(sample(atMs, value));
    if (++this.#count >= SAMPLES_MAX) {
      this.#close();
    }
  }

  #close(): void {
    if (this.#count > 0) {
      const request = [...this.#series.values()].map(({ labels, samples }) =>
        field(1, Buffer.concat([labels, ...samples])),
      );
      this.#batches.push(snappy(Buffer.concat(request)));
      this.#series = new Map();
      this.#count = 0;
    }
  }
}

function sample(atMs: number, value: number | typeof STALE): Buffer {
  const at = varint(atMs);
  const bytes = Buffer.allocUnsafe(12 + at.length);
  bytes[0] = (2 << 3) | 2;
  bytes[1] = 10 + at.length;
  bytes[2] = (1 << 3) | 1;
  if (value === STALE) {
    bytes.writeBigUInt64LE(STALE_BITS, 3);
  } else {
    bytes.writeDoubleLE(value, 3);
  }
  bytes[11] = 2 << 3;
  at.copy(bytes, 12);
  return bytes;
}

/** Labels in the order of their names, the metric’s first. */
function labelsOf(series: string): Buffer {
  const [, name = series, inside = ''] = /^(\w+)(?:\{(.*)\})?$/.exec(series) ?? [];
  const pairs = [...inside.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, text]) => [key, text]);
  pairs.sort(([a], [b]) => (a < b ? -1 : 1));
  return Buffer.concat(
    [['__name__', name], ...pairs].map(([key, text]) =>
      field(1, Buffer.concat([field(1, Buffer.from(key)), field(2, Buffer.from(text))])),
    ),
  );
}

function field(number: number, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([(number << 3) | 2]), varint(bytes.length), bytes]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let left = value;
  while (left >= 128) {
    bytes.push((left % 128) | 128);
    left = Math.floor(left / 128);
  }
  return Buffer.from([...bytes, left]);
}

function snappy(bytes: Buffer): Buffer {
  const literal = Buffer.alloc(5);
  literal[0] = 63 << 2;
  literal.writeUInt32LE(bytes.length - 1, 1);
  return Buffer.concat([varint(bytes.length), literal, bytes]);
}
