/**
 * The circuit as the law has it, replayed from calls and results in the order of the store's writes. It opens and closes by
 * its own counts; what the store told of its edges is compared with that.
 *
 * The instant of a call is exact, for its permit has it. That of a result is the host's clock just before it was given to the
 * store, so the end of an open time is known to be no earlier than `openUntilUs`.
 *
 * A write that a killed process told nobody of leaves the model in doubt: it may have been a success, a failure or a probe.
 * The next edge that the store tells ends the doubt; until then no call is held against anybody.
 */
export class Circuit {
  constructor(rules) {
    this.rules = rules;
    this.phase = 'closed';
    this.failures = 0;
    this.successes = 0;
    this.openUntilUs = 0;
    // Results count only in the epoch of their call.
    this.epoch = 0;
    this.epochs = new Map();
    this.probes = new Map();
    this.mostProbes = 0;
    this.isInDoubt = false;
    this.unjudged = 0;
  }

  doubt() {
    this.isInDoubt = true;
  }

  enter(phase) {
    this.phase = phase;
    this.epoch += 1;
    this.failures = 0;
    this.successes = 0;
    this.probes.clear();
  }

  /** Half-opening is due by time, and stored and told by the first write after it. */
  halfOpens(told) {
    if (!told.includes('half_opened')) return null;
    if (this.phase === 'open' || this.isInDoubt) {
      this.enter('half_open');
      this.isInDoubt = false;
      return null;
    }
    return { law: 'store', text: `told that the circuit half-opened, which was ${this.phase}` };
  }

  /** What is wrong with admitting this call, if anything. */
  admit(permit, atUs) {
    if (this.isInDoubt) this.unjudged += 1;
    else if (this.phase !== 'closed' && atUs < this.openUntilUs) {
      const early = Math.ceil((this.openUntilUs - atUs) / 1000);
      return { law: 'open', text: `was admitted ${early} ms before the open time was over` };
    }
    if (this.phase === 'open' && atUs >= this.openUntilUs) this.enter('half_open');
    this.epochs.set(permit, this.epoch);
    return this.phase === 'half_open' ? this.probe(permit, atUs) : null;
  }

  probe(permit, atUs) {
    this.expire(atUs);
    this.probes.set(permit, atUs + this.rules.probe_lease_ms * 1000);
    const { half_open_permits: permits, half_open_calls: calls } = this.rules;
    const places = Math.min(permits, calls - this.successes);
    if (this.isInDoubt) return null;
    this.mostProbes = Math.max(this.mostProbes, this.probes.size);
    if (this.probes.size <= places) return null;
    return { law: 'probe', text: `was probe number ${this.probes.size} of ${places} at once` };
  }

  expire(atUs) {
    for (const [permit, endUs] of this.probes) if (endUs <= atUs) this.probes.delete(permit);
  }

  /** The call never began, so nothing is learnt; its probe comes back. */
  cancel(permit) {
    this.probes.delete(permit);
  }

  /** Learns a result, and what is wrong with what the store told of it. */
  result({ permit, outcome, answer, told, atUs }) {
    const before = this.phase;
    if (this.epochs.get(permit) === this.epoch) this.learn(permit, outcome, answer, atUs);
    const edge = this.phase === before ? null : { open: 'opened', closed: 'closed' }[this.phase];
    const toldEdge = told.find((event) => event === 'opened' || event === 'closed') ?? null;
    if (edge === toldEdge) return null;
    return this.follow(toldEdge, edge, atUs);
  }

  learn(permit, outcome, answer, atUs) {
    if (this.phase === 'half_open') this.verdict(permit, outcome, answer, atUs);
    else if (this.phase === 'closed' && outcome === 'success') this.failures = 0;
    else if (this.phase === 'closed' && outcome === 'failure') {
      this.failures += 1;
      if (this.failures >= this.rules.consecutive_failures && !this.isInDoubt) this.open(atUs);
    }
  }

  /** A probe whose lease had ended is no verdict. */
  verdict(permit, outcome, answer, atUs) {
    if (!this.probes.delete(permit) || outcome === 'ignored' || answer === 'lease_lost') return;
    if (outcome === 'failure') this.open(atUs);
    else {
      this.successes += 1;
      if (this.successes >= this.rules.half_open_calls) this.enter('closed');
    }
  }

  open(atUs) {
    this.enter('open');
    this.openUntilUs = atUs + this.rules.open_ms * 1000;
  }

  /** Takes over what the store told, which is a fault unless a write was missing. */
  follow(toldEdge, edge, atUs) {
    const wasInDoubt = this.isInDoubt;
    if (toldEdge === 'opened') this.open(atUs);
    if (toldEdge === 'closed') this.enter('closed');
    if (toldEdge) this.isInDoubt = false;
    if (wasInDoubt) return null;
    return { law: 'store', text: `told that the circuit ${toldEdge ?? 'stayed as it was'}; by what was told before it ${edge ?? 'stays'}` };
  }

  /** Whether the store's word on its phase at an instant can be true. The end of an open time is known to a second. */
  canBe(phase, atUs) {
    if (this.isInDoubt || phase === this.phase) return true;
    return this.phase === 'open' && phase === 'half_open' && atUs >= this.openUntilUs;
  }
}
