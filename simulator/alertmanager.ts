import type { World } from './world.ts';

/** Alertmanager’s repeat_interval for this alert, as infra/ deploys it: while pods wait, it knocks again. */
const REPEAT_MS = 120_000;

/**
 * Alertmanager behind one rule: pods without room for so long. It sees what Prometheus last scraped, fires once the rule has
 * held for its time at every scrape, and knocks again while it holds (`sum(kube_pod_status_unschedulable) > 0` in
 * infra/manifests/monitoring.yaml). Where nothing could be scraped the rule holds no longer, as an empty vector ends it.
 */
export class Alertmanager {
  readonly #forMs: number;
  #sinceMs = Infinity;
  #knockedAtMs = -Infinity;

  /** @param forSeconds the rule’s `for` */
  constructor(forSeconds: number) {
    this.#forMs = forSeconds * 1000;
  }

  /** Whether it knocks now, after a step of the world. */
  knocks(world: World): boolean {
    const { nowMs, prometheus } = world;
    const pods = prometheus.query(nowMs).unschedulablePods;
    if (prometheus.isDown(nowMs) || pods.missing !== null || pods.value === 0) {
      this.#sinceMs = Infinity;
      this.#knockedAtMs = -Infinity;
      return false;
    }
    this.#sinceMs = Math.min(this.#sinceMs, nowMs);
    if (nowMs - this.#sinceMs < this.#forMs || nowMs - this.#knockedAtMs < REPEAT_MS) {
      return false;
    }
    this.#knockedAtMs = nowMs;
    return true;
  }
}
