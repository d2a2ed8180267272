import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Clients } from '../../simulator/clients.ts';
import { runs } from '../properties/arbitraries.ts';

/** Two of five retry, twice at most, over the next two steps of 15 s; nobody stays away. */
const SETTINGS = { retryPercent: 40, retriesMax: 2, retryWithinSeconds: 30, awayMinutes: 0 };

/** One step in which nothing waits in the queue: so many requests are offered, and this share of what comes times out. */
function step(clients: Clients, offered: number, timedOutShare: number): number {
  const arrived = clients.arrive(offered);
  clients.settle(0, arrived * timedOutShare);
  return arrived;
}

describe('requests that time out', () => {
  it('are lost, but for those tried again over the next steps', () => {
    const clients = new Clients(SETTINGS, 15);
    step(clients, 100, 1);
    expect([clients.lost, clients.retrying]).toEqual([60, 40]);
    expect([step(clients, 100, 0), clients.retried, clients.retrying]).toEqual([120, 20, 20]);
    expect([step(clients, 100, 0), clients.retried, clients.retrying]).toEqual([120, 20, 0]);
    expect([step(clients, 100, 0), clients.retried, clients.lost]).toEqual([100, 0, 0]);
  });

  it('are lost for good once they have been tried as often as anyone does', () => {
    const clients = new Clients(SETTINGS, 15);
    // Of 100: 60 leave. 40 try again, 20 a step: 24 leave. 16 try once more, 4, then 8, then 4 a step, and leave.
    const lost = [100, 0, 0, 0, 0, 0].map((offered) => {
      step(clients, offered, 1);
      return Math.round(clients.lost * 1e9) / 1e9;
    });
    expect(lost).toEqual([60, 12, 12 + 4, 4 + 4, 4, 0]);
    expect(clients.retrying).toBe(0);
  });

  it('come back all together after an outage: more arrives than is offered', () => {
    const clients = new Clients({ ...SETTINGS, retryPercent: 100, retriesMax: 10 }, 15);
    const arrived = [1, 1, 1, 1, 1, 1, 0, 0, 0].map((share) => step(clients, 100, share));
    expect(arrived[6]).toBeGreaterThan(250);
    expect(arrived[8]).toBe(100);
  });

  it('are lost at once where nobody retries', () => {
    for (const nobody of [{ retryPercent: 0 }, { retriesMax: 0 }]) {
      const clients = new Clients({ ...SETTINGS, ...nobody }, 15);
      step(clients, 100, 0.25);
      expect([clients.lost, clients.retrying]).toEqual([25, 0]);
      expect(step(clients, 100, 0)).toBe(100);
    }
  });

  it('are as often retries as what was waiting', () => {
    const clients = new Clients({ ...SETTINGS, retriesMax: 1, retryWithinSeconds: 15 }, 15);
    step(clients, 100, 1);
    // 60 new ones and 40 retries, none of which is served; half wait on, half time out: of those only new ones retry.
    expect(clients.arrive(60)).toBe(100);
    clients.settle(50, 50);
    expect(clients.lost).toBeCloseTo(30 * 0.6 + 20, 9);
    expect(clients.retrying).toBeCloseTo(30 * 0.4, 9);
    // 50 in the queue are still 30 and 20.
    expect(clients.arrive(0)).toBeCloseTo(12, 9);
    clients.settle(0, 62);
    expect(clients.lost).toBeCloseTo(30 * 0.6 + 20 + 12, 9);
  });
});

describe('customers who were turned away', () => {
  const forgetful = { ...SETTINGS, retryPercent: 0, awayMinutes: 1 };

  it('stay away: of the traffic, as much as was lost of late', () => {
    const clients = new Clients(forgetful, 15);
    // A minute is four steps: each moves the share a quarter of the way to what was lost in it.
    const away = [1, 1, 0.5, 0, 0].map((share) => {
      step(clients, 100, share);
      return clients.stayedAway;
    });
    expect(away[0]).toBe(0);
    expect(away[1]).toBeCloseTo(25, 9);
    expect(away[2]).toBeCloseTo(43.75, 9);
    expect(away[3]).toBeCloseTo(43.75 + (50 - 43.75) / 4, 9);
    expect(away[4]).toBeCloseTo(away[3] * 0.75, 9);
  });

  it('come back in the end, all of them', () => {
    const clients = new Clients(forgetful, 15);
    step(clients, 100, 1);
    let steps = 0;
    while (step(clients, 100, 0) < 100) {
      steps++;
    }
    expect(steps).toBeGreaterThan(10);
    expect(steps).toBeLessThan(40);
    expect(clients.stayedAway).toBe(0);
  });

  it('never stay away where nobody does', () => {
    const clients = new Clients({ ...SETTINGS, retryPercent: 0 }, 15);
    expect([1, 1, 1].map((share) => step(clients, 100, share))).toEqual([100, 100, 100]);
  });

  it('all come at once with the next step where a memory is shorter than a step', () => {
    const clients = new Clients({ ...forgetful, awayMinutes: 0.1 }, 15);
    expect([1, 0, 0].map((share) => step(clients, 100, share))).toEqual([100, 0, 100]);
  });
});

it('while nothing times out, exactly what is offered arrives', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1e6, noNaN: true })), (offered) => {
      const clients = new Clients({ ...SETTINGS, awayMinutes: 30 }, 15);
      for (const each of offered) {
        expect(clients.arrive(each)).toBe(each);
        clients.settle(each / 3, 0);
        expect([clients.lost, clients.retried, clients.retrying, clients.stayedAway]).toEqual([
          0, 0, 0, 0,
        ]);
      }
    }),
  );
});

it('conserves requests: offered = served + lost + stayed away + queued + waiting to retry', () => {
  const unit = fc.double({ min: 0, max: 1, noNaN: true });
  const settings = fc.record({
    retryPercent: fc.constantFrom(0, 40, 100),
    retriesMax: fc.integer({ min: 0, max: 4 }),
    retryWithinSeconds: fc.constantFrom(1, 30, 200),
    awayMinutes: fc.constantFrom(0, 0.2, 5),
  });
  const step = fc.record({
    offered: fc.integer({ min: 0, max: 10_000 }),
    served: unit,
    kept: unit,
  });
  fc.assert(
    fc.property(settings, fc.array(step, { minLength: 5, maxLength: 80 }), (how, steps) => {
      const clients = new Clients(how, 15);
      let offered = 0;
      let ended = 0;
      let queued = 0;
      for (const each of steps) {
        const total = queued + clients.arrive(each.offered);
        const served = total * each.served;
        queued = (total - served) * each.kept;
        clients.settle(queued, total - served - queued);
        offered += each.offered;
        ended += served + clients.lost + clients.stayedAway;
        expect(Math.abs(offered - ended - queued - clients.retrying)).toBeLessThan(1e-4);
        expect(clients.retrying).toBeGreaterThanOrEqual(0);
        expect(clients.lost).toBeGreaterThanOrEqual(0);
        expect(clients.stayedAway).toBeLessThanOrEqual(each.offered);
      }
    }),
    runs(100),
  );
});
