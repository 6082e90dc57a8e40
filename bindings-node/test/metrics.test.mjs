// The adapters, against the real packages: what is counted, by which names, and that it ends.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';

import { metrics } from '@opentelemetry/api';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { Registry } from 'prom-client';

import { defineKeyed, definePolicy, schedule } from 'stanchion';
import { measure as measureByOpenTelemetry } from 'stanchion/opentelemetry';
import { measure as measureByProm } from 'stanchion/prom-client';
import { Store } from 'stanchion/store';
import { TestClock } from 'stanchion/testing';

const CONFIG = {
  name: 'api',
  circuit: { consecutiveFailures: 1, openMs: 1000 },
  limits: [{ name: 'calls', capacity: 10, refillTokens: 1, refillIntervalMs: 1_000_000 }],
  bulkhead: { maxConcurrent: 5 },
};

/** Two successes of 20 ms, a failure that opens the circuit, a refusal; one call goes on. */
async function work(policy, clock) {
  for (let i = 0; i < 2; i += 1) await policy.execute(() => clock.advance(20));
  await policy.acquire();
  await policy.execute(() => Promise.reject(new Error('boom'))).catch(() => {});
  await policy.execute(() => {}).catch(() => {});
}

/** All data points of a meter's exporter: name, attributes, value. */
async function collected(reader, exporter) {
  await reader.forceFlush();
  const [resource] = exporter.getMetrics().slice(-1);
  const points = resource.scopeMetrics
    .flatMap(({ metrics: all }) => all)
    .flatMap(({ descriptor, dataPoints }) =>
      dataPoints.map(({ attributes, value }) => {
        const { 'stanchion.policy': name, ...rest } = attributes;
        return [
          descriptor.name,
          name,
          ...Object.values(rest),
          typeof value === 'object' ? `${value.count} in ${value.sum}` : value,
        ].join(' ');
      }),
    );
  return {
    points: points.sort(),
    units: Object.fromEntries(
      resource.scopeMetrics.flatMap(({ metrics: all }) => all.map(({ descriptor }) => [descriptor.name, descriptor.unit])),
    ),
  };
}

function openTelemetry(t) {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const provider = new MeterProvider({ readers: [reader] });
  t.after(() => provider.shutdown());
  return { provider, collect: () => collected(reader, exporter) };
}

test('OpenTelemetry: calls, durations, transitions, circuit, tokens and slots', async (t) => {
  const { provider, collect } = openTelemetry(t);
  const clock = new TestClock();
  const policy = definePolicy(CONFIG, { clock });
  const stop = measureByOpenTelemetry(policy, { meter: provider.getMeter('test') });
  await work(policy, clock);
  const { points, units } = await collect();
  assert.deepEqual(points, [
    'stanchion.active_calls api 1',
    'stanchion.call.duration api failure 1 in 0',
    'stanchion.call.duration api success 2 in 0.04',
    'stanchion.calls api admitted 4',
    'stanchion.calls api rejected circuit 1',
    'stanchion.circuit.state api closed 0',
    'stanchion.circuit.state api half_open 0',
    'stanchion.circuit.state api open 1',
    'stanchion.circuit.transitions api open 1',
    'stanchion.limit.tokens api calls 6',
  ]);
  assert.deepEqual([units['stanchion.calls'], units['stanchion.call.duration']], ['{call}', 's']);
  stop();
  await policy.reset();
  await policy.execute(() => {});
  assert.equal(
    (await collect()).points.find((point) => point.startsWith('stanchion.calls api admitted')),
    'stanchion.calls api admitted 4',
  );
});

/** A call that is made again and then given up, and a run by hand. */
function workBeside(clock) {
  const config = { name: 'api', retry: { maxAttempts: 2, jitter: 'none' }, schedule: { intervalMs: 60_000 } };
  const policy = definePolicy(config, { clock });
  return {
    policy,
    async work() {
      const call = policy.execute(() => Promise.reject(new Error('boom')), { isIdempotent: true }).catch(() => {});
      await clock.advance(100);
      await call;
      await policy.execute(() => Promise.reject(new Error('boom'))).catch(() => {});
      const runs = schedule(policy, () => {});
      const woken = runs.wake('manual');
      await clock.advance(0);
      await woken;
      await runs.stop();
    },
  };
}

test('OpenTelemetry and Prometheus: retries and runs', async (t) => {
  const { provider, collect } = openTelemetry(t);
  const registry = new Registry();
  const { policy, work } = workBeside(new TestClock());
  measureByOpenTelemetry(policy, { meter: provider.getMeter('test') });
  measureByProm(policy, { registry });
  await work();
  const found = (await collect()).points.filter((point) => /retries|runs/.test(point));
  assert.deepEqual(found, [
    'stanchion.retries api attempts 1',
    'stanchion.retries api not_idempotent 1',
    'stanchion.retries api retried 1',
    'stanchion.runs api manual success 1',
  ]);
  const lines = (await registry.metrics()).split('\n').filter((line) => /^stanchion_(retries|runs)/.test(line));
  assert.deepEqual(lines, [
    'stanchion_retries_total{policy="api",result="retried"} 1',
    'stanchion_retries_total{policy="api",result="attempts"} 1',
    'stanchion_retries_total{policy="api",result="not_idempotent"} 1',
    'stanchion_runs_total{policy="api",intent="manual",outcome="success"} 1',
  ]);
});

test("OpenTelemetry: the global meter, attributes of one's own, and all keys of a policy", async (t) => {
  const { provider, collect } = openTelemetry(t);
  metrics.setGlobalMeterProvider(provider);
  t.after(() => metrics.disable());
  const users = defineKeyed(CONFIG);
  measureByOpenTelemetry(users, { attributes: { region: 'eu' } });
  await users.of('ann').acquire();
  await users.of('bob').acquire();
  assert.deepEqual((await collect()).points, ['stanchion.calls api eu admitted 2']);
});

test("OpenTelemetry: a store's latency, and answers without it", async (t) => {
  const { provider, collect } = openTelemetry(t);
  const folder = mkdtempSync(join(tmpdir(), 'stanchion-metrics-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const store = Store.open(join(folder, 'state'), { waitMs: 1 });
  const policy = store.policy({ name: 'shared', limits: CONFIG.limits });
  measureByOpenTelemetry(policy, { meter: provider.getMeter('test') });
  await policy.execute(() => {});
  let degraded;
  await store.transact('other', () => {
    degraded = policy.acquire();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30);
    return null;
  });
  await degraded;
  const { points } = await collect();
  assert(points.includes('stanchion.degraded shared 1'), points.join('\n'));
  for (const operation of ['acquire 2', 'settle 1']) {
    assert(
      points.some((point) => point.startsWith(`stanchion.store.duration shared ${operation} in 0.`)),
      points.join('\n'),
    );
  }
});

test('prom-client: the same by its names, in one registry for many policies', async () => {
  const registry = new Registry();
  const clock = new TestClock();
  const [policy, other] = [
    definePolicy(CONFIG, { clock }),
    definePolicy({ ...CONFIG, name: 'other', circuit: null, bulkhead: null }),
  ];
  const stop = measureByProm(policy, { registry });
  measureByProm(other, { registry });
  await work(policy, clock);
  const text = await registry.metrics();
  for (const line of [
    'stanchion_calls_total{policy="api",result="admitted",gate=""} 4',
    'stanchion_calls_total{policy="api",result="rejected",gate="circuit"} 1',
    'stanchion_call_duration_seconds_count{policy="api",outcome="success"} 2',
    'stanchion_call_duration_seconds_sum{policy="api",outcome="success"} 0.04',
    'stanchion_call_duration_seconds_bucket{le="0.01",policy="api",outcome="success"} 0',
    'stanchion_call_duration_seconds_bucket{le="0.05",policy="api",outcome="success"} 2',
    'stanchion_circuit_transitions_total{policy="api",phase="open"} 1',
    'stanchion_circuit_state{policy="api",phase="open"} 1',
    'stanchion_circuit_state{policy="api",phase="closed"} 0',
    'stanchion_limit_tokens{policy="api",limit="calls"} 6',
    'stanchion_limit_tokens{policy="other",limit="calls"} 10',
    'stanchion_active_calls{policy="api"} 1',
    '# TYPE stanchion_calls_total counter',
    '# TYPE stanchion_store_duration_seconds histogram',
  ]) {
    assert(text.split('\n').includes(line), `${line}\n\n${text}`);
  }
  assert(!text.includes('stanchion_circuit_state{policy="other"'));
  stop();
  await policy.reset();
  assert(!(await registry.metrics()).includes('stanchion_limit_tokens{policy="api"'));
});
