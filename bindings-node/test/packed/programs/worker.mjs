// A worker that guards its fetches. All its isolates ask one Durable Object, which has the policy and keeps its state; a permit is
// plain data that goes from the one to the other.
import { DurableObject } from 'cloudflare:workers';
import { definePolicy, engine, guardFetch } from 'stanchion';

import { replay } from './replay.mjs';

export class Gate extends DurableObject {
  #policy = definePolicy({ name: 'upstream', circuit: { consecutiveFailures: 1 }, bulkhead: { maxConcurrent: 2 } });
  #name = crypto.randomUUID();

  constructor(ctx, env) {
    super(ctx, env);
    ctx.blockConcurrencyWhile(async () => {
      const bytes = await ctx.storage.get('state');
      if (bytes !== undefined) await this.#policy.restore(bytes);
    });
  }

  acquire() {
    const answer = this.#policy.tryAcquire();
    this.#keep();
    return answer.admitted ? { permit: String(answer) } : { refusedBy: answer.by.gate };
  }

  async settle(permit, outcome) {
    await this.#policy.permit(permit).settle(outcome);
    this.#keep();
  }

  explain() {
    return { instance: this.#name, ...this.#policy.explain() };
  }

  /** As when it was idle for long, or its machine is needed. */
  evict() {
    this.ctx.abort('evicted by the test');
  }

  #keep() {
    this.ctx.storage.put('state', this.#policy.snapshot());
  }
}

/** A policy of the isolate's own, made where no clock may be read and no timer started. */
const own = definePolicy({ name: 'own', circuit: { consecutiveFailures: 3 }, block: {}, bulkhead: { maxConcurrent: 2 } });
const guarded = guardFetch(own, { timeoutMs: 5000 });

/** How many permits are held before and after the body of an answer is read. */
async function held(url) {
  const response = await guarded(url);
  const before = own.explain().bulkhead.inFlight;
  const text = await response.text();
  return { status: response.status, text, held: [before, own.explain().bulkhead.inFlight] };
}

async function guardedFetch(gate, request) {
  const { permit, refusedBy } = await gate.acquire();
  if (permit === undefined) return new Response(refusedBy, { status: 503 });
  let outcome = 'failure';
  try {
    // A signal of our own: workerd does not hand the request's on to what it fetches.
    const response = await fetch(request.url, { signal: AbortSignal.any([request.signal]) });
    if (response.ok) outcome = 'success';
    return new Response(await response.text(), { status: response.status });
  } catch (error) {
    if (request.signal.aborted) outcome = 'ignored';
    throw error;
  } finally {
    await gate.settle(permit, outcome);
  }
}

export default {
  async fetch(request, env, ctx) {
    const gate = env.GATES.get(env.GATES.idFromName('upstream'));
    const { pathname } = new URL(request.url);
    if (pathname === '/explain') return Response.json(await gate.explain());
    if (pathname.startsWith('/own/')) return Response.json(await held(new URL(pathname.slice(4), request.url)));
    if (pathname === '/own-state') return Response.json(own.explain());
    if (pathname.startsWith('/through/')) return guarded(new URL(pathname.slice(8), request.url), { signal: AbortSignal.any([request.signal]) });
    if (pathname === '/vectors') return Response.json(await replay(engine, await request.json()));
    if (pathname === '/evict') return new Response(await gate.evict().catch(String));
    const answer = guardedFetch(gate, request);
    // Where the client goes away, what follows still runs: the permit is given back.
    ctx.waitUntil(answer.catch(() => {}));
    return answer;
  },
};
