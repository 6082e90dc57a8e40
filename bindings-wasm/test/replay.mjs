// Replays the vectors (core/vectors/README.md) on an engine, in any JavaScript runtime: drives the public functions, hashes
// what they answered for each vector, and only then compares with what the vector expects.
import { Num, byCodePoint, canonical, parse, write } from './json.mjs';

const START_US = 1_700_000_000_000_000;

/**
 * Runs all vectors of some files, `{ prefix, text }` each. Answers with the lines of digests, sorted by id, and with the
 * differences as text. `spoolEngine` has the steps of a spool.
 */
export async function replay(engine, files, spoolEngine = engine) {
  const results = [];
  for (const { prefix, text } of files) {
    for (const vector of parse(text).get('vectors')) {
      results.push(await run(vector.has('spool') ? spoolEngine : engine, `${prefix}/${vector.get('name')}`, vector));
    }
  }
  results.sort((left, right) => byCodePoint(left.id, right.id));
  return {
    digests: results.map(({ digest, id }) => `${digest}  ${id}`),
    differences: results.flatMap((result) => result.differences()),
  };
}

/** All lines of a vector and their digest; the expectations are read only when `differences` is called. */
async function run(engine, id, vector) {
  const kind = Object.keys(KINDS).find((kind) => vector.has(kind));
  const lines = KINDS[kind](engine, vector);
  const digest = await sha256(lines.map((line) => `${canonical(line)}\n`).join(''));
  const hasSteps = kind === 'steps' || kind === 'spool';
  const differences = () => (hasSteps ? stepDifferences(id, vector.get(kind), lines) : difference(id, vector.get('expect'), lines[0]));
  return { id, digest, differences };
}

/** What vectors are about, by the field that tells it. */
const KINDS = {
  steps,
  spool,
  config: (engine, vector) => [config(engine, vector)],
  classify: (engine, vector) => [classify(engine, vector)],
  retry_after: (engine, vector) => [retryAfter(engine, vector)],
};

function stepDifferences(id, steps, lines) {
  return steps.flatMap((step, i) => {
    const { state, ...answer } = lines[i];
    const where = `${id}, step ${i + 1}`;
    const wrongState = step.has('state') ? difference(`${where}, state`, step.get('state'), state) : [];
    return [...(step.has('expect') ? difference(where, step.get('expect'), answer) : []), ...wrongState];
  });
}

function difference(where, expected, found) {
  const [left, right] = [canonical(expected ?? null), canonical(found)];
  return left === right ? [] : [`${where}\n  expected ${left}\n  found    ${right}`];
}

// --- policies and headers ---------------------------------------------------------------------------------------------

function config(engine, vector) {
  try {
    const policy = engine.policy(write(vector.get('config')));
    const line = { fingerprint: policy.fingerprint, config: parse(policy.toJson()) };
    policy.free();
    return line;
  } catch (error) {
    return { error: fieldsOf(error) };
  }
}

function fieldsOf(error) {
  if (error.code !== 'invalid_config' && error.code !== 'invalid_input') throw error;
  return { field: error.field, value: error.value, allowed: error.allowed };
}

function classify(engine, vector) {
  const policy = engine.policy(write(vector.get('policy')));
  const reply = vector.get('classify');
  const fields = { status: number(reply.get('status')), error: reply.get('error'), retryAfter: reply.get('retry_after') };
  const { outcome, blockUntilUs, retry, retryAtUs, fault } = policy.classify(fields, number(vector.get('now_us')));
  policy.free();
  return { outcome, block_until_us: blockUntilUs, retry, retry_at_us: retryAtUs, fault: fault === 'sessionLost' ? 'session_lost' : fault };
}

function retryAfter(engine, vector) {
  return { until_us: engine.parseRetryAfter(vector.get('retry_after'), number(vector.get('now_us'))) };
}

/** Each step as text, with the state that the one before left. */
function spool(engine, vector) {
  const policy = engine.policy(write(vector.get('policy')));
  const start = vector.has('start_us') ? number(vector.get('start_us')) : START_US;
  let state = null;
  const lines = vector.get('spool').map((step) => {
    try {
      const [nowUs, raw] = [start + number(step.get('at_us')), engine.raw()];
      engine.check(raw.spoolStep(policy.handle, write(state), write(step.get('do')), nowUs), nowUs);
      const line = parse(engine.text());
      state = line.get('state');
      return Object.fromEntries(line);
    } catch (error) {
      return { answer: { error: fieldsOf(error) }, changed: false, events: [], state };
    }
  });
  policy.free();
  return lines;
}

// --- steps ------------------------------------------------------------------------------------------------------------

function steps(engine, vector) {
  const policies = new Map([...(vector.get('policies') ?? [])].map(([name, json]) => [name, engine.policy(write(json))]));
  if (vector.get('policy') instanceof Map) policies.set('', engine.policy(write(vector.get('policy'))));
  let policy = policies.get('');
  const start = vector.has('start_us') ? number(vector.get('start_us')) : START_US;
  const permits = new Map();
  let state;
  const lines = vector.get('steps').map((step) => {
    const nowUs = start + number(step.get('at_us'));
    if (step.has('policy')) policy = policies.get(step.get('policy'));
    state ??= vector.has('state') ? policy.decode(bytes(vector.get('state'))) : policy.newState(nowUs);
    if (state.policy !== policy) state.use(policy);
    const [[name, fields]] = step.get('do');
    const does = DO[name] ?? ((...args) => apply(name, ...args));
    const { answer, changed = false, events = [] } = does(state, fields, nowUs, permits, step.get('as'));
    return { answer, changed, events, state: hex(state.snapshot()) };
  });
  for (const used of policies.values()) used.free();
  return lines;
}

/** What a step can do, by its name. */
const DO = {
  acquire(state, fields, nowUs, permits, name) {
    const { changed, events, ...decision } = state.acquire(wish(fields), nowUs);
    if (!decision.admitted) return { answer: refusal(decision), changed, events };
    const permit = decision.permit.toString();
    if (name !== undefined) permits.set(name, permit);
    const would_reject = decision.wouldReject && refusal(decision.wouldReject);
    return { answer: { admitted: true, permit, would_reject }, changed, events };
  },
  settle(state, fields, nowUs, permits) {
    const end = { outcome: fields.get('outcome'), durationUs: number(fields.get('duration_us')), actualCost: number(fields.get('actual_cost')) };
    return settled(state.settle(permitOf(state, fields, permits), end, nowUs));
  },
  cancel: (state, fields, nowUs, permits) => settled(state.cancel(permitOf(state, fields, permits), nowUs)),
  renew(state, fields, nowUs, permits) {
    const { renewed, untilUs, changed, events } = state.renew(permitOf(state, fields, permits), nowUs);
    return { answer: { renewed: renewed === 'until' ? { until_us: untilUs } : renewed }, changed, events };
  },
  command(state, fields, nowUs) {
    try {
      const { commanded, changed, events } = state.command(write(fields), nowUs);
      return { answer: { commanded }, changed, events };
    } catch (error) {
      return { answer: { error: fieldsOf(error) } };
    }
  },
  peek(state, fields, nowUs) {
    const peek = state.peek(wish(fields), nowUs);
    return { answer: peek.admitted ? { admitted: true } : refusal(peek) };
  },
  next_change_at: (state, _, nowUs) => ({ answer: instant(state.nextChangeAt(nowUs)) }),
  vacuous_at: (state) => ({ answer: instant(state.vacuousAt()) }),
  rate_limit: (state, _, nowUs) => ({ answer: { rate_limit_policy: state.policy.rateLimitPolicy(), rate_limit: state.rateLimit(nowUs) } }),
  explain: (state, _, nowUs) => ({ answer: parse(state.explain(nowUs)) }),
  restore(state, fields) {
    try {
      state.restore(bytes(fields.get('bytes')));
      return { answer: { restored: true } };
    } catch (error) {
      if (error.name !== 'StateError') throw error;
      return { answer: { error: error.code } };
    }
  },
};

/** What a policy beside the gates is asked crosses as text: its kinds are the core's to know. */
function apply(name, state, fields, nowUs) {
  try {
    const step = parse(state.apply(write(new Map([[name, fields]])), nowUs));
    return Object.fromEntries(step);
  } catch (error) {
    return { answer: { error: fieldsOf(error) } };
  }
}

function instant(at_us) {
  return at_us === null ? null : { at_us };
}

function wish(fields) {
  return { cost: number(fields.get('cost')), holder: fields.get('holder') };
}

function settled({ settled, changed, events }) {
  return { answer: { settled }, changed, events };
}

function permitOf(state, fields, permits) {
  const named = fields.get('permit');
  return state.policy.engine.permit(permits.get(named) ?? named);
}

function refusal({ by, gates, retryAfterUs }) {
  const retry_after_us = retryAfterUs === Infinity ? null : retryAfterUs;
  return { admitted: false, by: gate(by), gates: gates.map(gate), retry_after_us };
}

function gate({ gate, name }) {
  return name === undefined ? gate : `${gate}:${name}`;
}

function number(value) {
  return value instanceof Num ? Number(value.text) : undefined;
}

function bytes(text) {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

async function sha256(text) {
  return hex(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))));
}
