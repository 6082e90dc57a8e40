/** What a policy does, as metrics of Prometheus. Needs `prom-client`. */
import { Counter, Gauge, Histogram, type Registry, register } from 'prom-client';
import { type Keyed, type Names, type Policy, known } from 'stanchion-wasm/host';

import { PHASES, TRANSITIONS, gateLabel, giveUpLabel, readGauges } from './gauges.js';

/** How policies are measured. */
export interface MeasureOptions {
  /** Where the metrics are kept; the global registry by default. */
  readonly registry?: Registry | undefined;
  /** Upper bounds of the durations in seconds; from 1 ms to 10 s by default. */
  readonly buckets?: readonly number[] | undefined;
}

const MEASURE: Names<MeasureOptions> = { registry: true, buckets: true };

const BUCKETS: readonly number[] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10];
const STORE_BUCKETS: readonly number[] = [0.000_01, 0.000_1, 0.001, 0.01, 0.1, 1];

/** All metrics of one registry, and the policies whose gauges are read when it is collected. */
interface Metrics {
  readonly calls: Counter<'policy' | 'result' | 'gate'>;
  readonly duration: Histogram<'policy' | 'outcome'>;
  readonly retries: Counter<'policy' | 'result'>;
  readonly runs: Counter<'policy' | 'intent' | 'outcome'>;
  readonly degraded: Counter<'policy'>;
  readonly stored: Histogram<'policy' | 'operation'>;
  readonly transitions: Counter<'policy' | 'phase'>;
  readonly measured: Set<Policy | Keyed<Policy>>;
}

const byRegistry = new WeakMap<Registry, Metrics>();

/**
 * Measures a policy, or all keys of one. What it returns ends that.
 *
 * | metric | labels beside `policy` |
 * |---|---|
 * | `stanchion_calls_total` | `result` (`admitted`, `rejected`), `gate` of a refusal, else empty |
 * | `stanchion_call_duration_seconds` | `outcome` |
 * | `stanchion_retries_total` | `result`: `retried`, or why a call that failed was not made again |
 * | `stanchion_runs_total` | `intent`, `outcome` |
 * | `stanchion_circuit_transitions_total` | `phase` |
 * | `stanchion_degraded_total` | |
 * | `stanchion_store_duration_seconds` | `operation` |
 * | `stanchion_circuit_state`: 1 for the phase it is in, else 0 | `phase` |
 * | `stanchion_limit_tokens` | `limit` |
 * | `stanchion_active_calls` | |
 *
 * The last three are of single policies only: a metric for each key has no bound.
 *
 * @example
 * ```ts
 * const stop = measure(billing);
 * ```
 */
export function measure(policies: Policy | Keyed<Policy>, options: MeasureOptions = {}): () => void {
  const { calls, duration, retries, runs, degraded, stored, transitions, measured } = metricsOf(known(options, MEASURE));
  const policy = policies.name;
  measured.add(policies);
  const stops = [
    policies.on('admitted', () => calls.inc({ policy, result: 'admitted', gate: '' })),
    policies.on('rejected', ({ rejection }) => calls.inc({ policy, result: 'rejected', gate: gateLabel(rejection.by) })),
    policies.on('settled', ({ outcome, durationMs }) => {
      if (durationMs !== undefined) duration.observe({ policy, outcome }, durationMs / 1000);
    }),
    policies.on('retry', () => retries.inc({ policy, result: 'retried' })),
    policies.on('giveUp', ({ why }) => retries.inc({ policy, result: giveUpLabel(why) })),
    policies.on('ran', ({ intent, outcome }) => runs.inc({ policy, intent, outcome })),
    policies.on('degraded', () => degraded.inc({ policy })),
    policies.on('stored', ({ operation, durationMs }) => stored.observe({ policy, operation }, durationMs / 1000)),
    ...(['open', 'halfOpen', 'close'] as const).map((type) =>
      policies.on(type, () => transitions.inc({ policy, phase: TRANSITIONS[type] })),
    ),
    () => measured.delete(policies),
  ];
  return () => stops.forEach((stop) => stop());
}

function metricsOf({ registry = register, buckets = BUCKETS }: MeasureOptions): Metrics {
  let metrics = byRegistry.get(registry);
  if (metrics === undefined) byRegistry.set(registry, (metrics = newMetrics(registry, buckets)));
  return metrics;
}

function newMetrics(registry: Registry, buckets: readonly number[]): Metrics {
  const registers = [registry];
  const measured = new Set<Policy | Keyed<Policy>>();
  addGauges(registry, measured);
  return {
    measured,
    calls: new Counter({
      name: 'stanchion_calls_total',
      help: 'Calls that were admitted and refused',
      labelNames: ['policy', 'result', 'gate'],
      registers,
    }),
    duration: new Histogram({
      name: 'stanchion_call_duration_seconds',
      help: 'How long admitted calls took',
      labelNames: ['policy', 'outcome'],
      buckets: [...buckets],
      registers,
    }),
    retries: new Counter({
      name: 'stanchion_retries_total',
      help: 'Calls that failed, and were made again or not',
      labelNames: ['policy', 'result'],
      registers,
    }),
    runs: new Counter({
      name: 'stanchion_runs_total',
      help: 'Runs by a schedule',
      labelNames: ['policy', 'intent', 'outcome'],
      registers,
    }),
    degraded: new Counter({
      name: 'stanchion_degraded_total',
      help: 'Answers without the shared state',
      labelNames: ['policy'],
      registers,
    }),
    stored: new Histogram({
      name: 'stanchion_store_duration_seconds',
      help: 'How long the store took to answer',
      labelNames: ['policy', 'operation'],
      buckets: [...STORE_BUCKETS],
      registers,
    }),
    transitions: new Counter({
      name: 'stanchion_circuit_transitions_total',
      help: 'Phases that circuits entered',
      labelNames: ['policy', 'phase'],
      registers,
    }),
  };
}

/** Gauges are read when the registry is collected. */
function addGauges(registry: Registry, measured: ReadonlySet<Policy | Keyed<Policy>>): void {
  const registers = [registry];
  const each = (read: (gauges: NonNullable<ReturnType<typeof readGauges>>, policy: string) => void): void => {
    for (const policies of measured) {
      const gauges = readGauges(policies);
      if (gauges !== undefined) read(gauges, policies.name);
    }
  };
  new Gauge({
    name: 'stanchion_circuit_state',
    help: 'Which phase the circuit is in',
    labelNames: ['policy', 'phase'],
    registers,
    collect() {
      this.reset();
      each(
        ({ phase }, policy) =>
          phase !== undefined && PHASES.forEach((name) => this.set({ policy, phase: name }, Number(name === phase))),
      );
    },
  });
  new Gauge({
    name: 'stanchion_limit_tokens',
    help: 'Tokens that are left; below 0 it is debt',
    labelNames: ['policy', 'limit'],
    registers,
    collect() {
      this.reset();
      each(({ limits }, policy) => limits.forEach(({ name, tokens }) => this.set({ policy, limit: name }, tokens)));
    },
  });
  new Gauge({
    name: 'stanchion_active_calls',
    help: 'Slots of the bulkhead that are taken',
    labelNames: ['policy'],
    registers,
    collect() {
      this.reset();
      each(({ inFlight }, policy) => inFlight !== undefined && this.set({ policy }, inFlight));
    },
  });
}
