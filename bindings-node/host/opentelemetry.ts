/** What a policy does, as metrics of OpenTelemetry. Needs `@opentelemetry/api`. */
import { type Attributes, type Meter, type ObservableResult, metrics } from '@opentelemetry/api';
import { type Keyed, type Names, type Policy, known } from 'stanchion-wasm/host';

import { PHASES, TRANSITIONS, gateLabel, giveUpLabel, readGauges } from './gauges.js';

/** How a policy is measured. */
export interface MeasureOptions {
  /** Who makes the instruments; the global provider's meter `stanchion` by default. */
  readonly meter?: Meter | undefined;
  /** Attributes that every measurement carries. */
  readonly attributes?: Attributes | undefined;
}

const MEASURE: Names<MeasureOptions> = { meter: true, attributes: true };

/**
 * Measures a policy, or all keys of one. What it returns ends that.
 *
 * | instrument | unit | attributes beside `stanchion.policy` |
 * |---|---|---|
 * | `stanchion.calls` | `{call}` | `stanchion.result` (`admitted`, `rejected`), `stanchion.gate` of a refusal |
 * | `stanchion.call.duration` | `s` | `stanchion.outcome` |
 * | `stanchion.retries` | `{call}` | `stanchion.retry.result`: `retried`, or why a call that failed was not made again |
 * | `stanchion.runs` | `{run}` | `stanchion.run.intent`, `stanchion.outcome` |
 * | `stanchion.circuit.transitions` | `{transition}` | `stanchion.circuit.phase` |
 * | `stanchion.degraded` | `{answer}` | |
 * | `stanchion.store.duration` | `s` | `stanchion.store.operation` |
 * | `stanchion.circuit.state` | 1 for the phase it is in, else 0 | `stanchion.circuit.phase` |
 * | `stanchion.limit.tokens` | `{token}` | `stanchion.limit` |
 * | `stanchion.active_calls` | `{call}` | |
 *
 * The last three are of single policies only: a metric for each key has no bound.
 *
 * @example
 * ```ts
 * const stop = measure(billing);
 * ```
 */
export function measure(policies: Policy | Keyed<Policy>, options: MeasureOptions = {}): () => void {
  const { meter = metrics.getMeter('stanchion') } = known(options, MEASURE);
  const own: Attributes = { ...options.attributes, 'stanchion.policy': policies.name };
  const stops = [...countEvents(policies, meter, own), observeGauges(policies, meter, own)];
  return () => stops.forEach((stop) => stop());
}

function countEvents(policies: Policy | Keyed<Policy>, meter: Meter, own: Attributes): (() => void)[] {
  const calls = meter.createCounter('stanchion.calls', { unit: '{call}', description: 'Calls that were admitted and refused' });
  const duration = meter.createHistogram('stanchion.call.duration', { unit: 's', description: 'How long admitted calls took' });
  const retries = meter.createCounter('stanchion.retries', { unit: '{call}', description: 'Calls that failed, and were made again or not' });
  const runs = meter.createCounter('stanchion.runs', { unit: '{run}', description: 'Runs by a schedule' });
  const degraded = meter.createCounter('stanchion.degraded', { unit: '{answer}', description: 'Answers without the shared state' });
  const stored = meter.createHistogram('stanchion.store.duration', { unit: 's', description: 'How long the store took to answer' });
  const transitions = meter.createCounter('stanchion.circuit.transitions', {
    unit: '{transition}',
    description: 'Phases that circuits entered',
  });
  return [
    policies.on('admitted', () => calls.add(1, { ...own, 'stanchion.result': 'admitted' })),
    policies.on('rejected', ({ rejection }) =>
      calls.add(1, { ...own, 'stanchion.result': 'rejected', 'stanchion.gate': gateLabel(rejection.by) }),
    ),
    policies.on('settled', ({ outcome, durationMs }) => {
      if (durationMs !== undefined) duration.record(durationMs / 1000, { ...own, 'stanchion.outcome': outcome });
    }),
    policies.on('retry', () => retries.add(1, { ...own, 'stanchion.retry.result': 'retried' })),
    policies.on('giveUp', ({ why }) => retries.add(1, { ...own, 'stanchion.retry.result': giveUpLabel(why) })),
    policies.on('ran', ({ intent, outcome }) => runs.add(1, { ...own, 'stanchion.run.intent': intent, 'stanchion.outcome': outcome })),
    policies.on('degraded', () => degraded.add(1, own)),
    policies.on('stored', ({ operation, durationMs }) =>
      stored.record(durationMs / 1000, { ...own, 'stanchion.store.operation': operation }),
    ),
    ...(['open', 'halfOpen', 'close'] as const).map((type) =>
      policies.on(type, () => transitions.add(1, { ...own, 'stanchion.circuit.phase': TRANSITIONS[type] })),
    ),
  ];
}

function observeGauges(policies: Policy | Keyed<Policy>, meter: Meter, own: Attributes): () => void {
  const gauge = (name: string, unit: string, description: string, observe: (result: ObservableResult) => void): (() => void) => {
    const instrument = meter.createObservableGauge(name, { unit, description });
    instrument.addCallback(observe);
    return () => instrument.removeCallback(observe);
  };
  const stops = [
    gauge('stanchion.circuit.state', '1', 'Which phase the circuit is in', (result) => {
      const phase = readGauges(policies)?.phase;
      if (phase === undefined) return;
      for (const name of PHASES) result.observe(Number(name === phase), { ...own, 'stanchion.circuit.phase': name });
    }),
    gauge('stanchion.limit.tokens', '{token}', 'Tokens that are left; below 0 it is debt', (result) => {
      for (const { name, tokens } of readGauges(policies)?.limits ?? [])
        result.observe(tokens, { ...own, 'stanchion.limit': name });
    }),
    gauge('stanchion.active_calls', '{call}', 'Slots of the bulkhead that are taken', (result) => {
      const inFlight = readGauges(policies)?.inFlight;
      if (inFlight !== undefined) result.observe(inFlight, own);
    }),
  ];
  return () => stops.forEach((stop) => stop());
}
