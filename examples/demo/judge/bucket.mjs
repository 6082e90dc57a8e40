/**
 * A limit as the law has it: in no span was more admitted than `capacity + refill × elapsed`. That is a bucket that nothing
 * but calls takes from and nothing but time refills; blocks and repairs can only leave less in the real one.
 */
export class Bucket {
  constructor({ name, capacity, refill_tokens: tokens, refill_interval_ms: intervalMs, charge }) {
    Object.assign(this, { name, capacity, isPerCall: charge === 'call' });
    // One token is as many units as the interval has microseconds, so a microsecond refills a whole number of them.
    this.unit = BigInt(intervalMs) * 1000n;
    this.rate = BigInt(tokens);
    this.full = BigInt(capacity) * this.unit;
    this.level = this.full;
    this.atUs = 0n;
    /** The most that was ever out, in percent of the capacity. */
    this.mostPercent = 0;
  }

  refill(atUs) {
    const now = BigInt(atUs);
    if (now <= this.atUs) return;
    const level = this.level + (now - this.atUs) * this.rate;
    this.level = level < this.full ? level : this.full;
    this.atUs = now;
  }

  /** Takes what a call costs; how many tokens were missing. */
  take(atUs, cost) {
    this.refill(atUs);
    this.level -= (this.isPerCall ? 1n : BigInt(cost)) * this.unit;
    this.mostPercent = Math.max(this.mostPercent, (1 - Number(this.level) / Number(this.full)) * 100);
    return this.level < 0n ? Number(-this.level) / Number(this.unit) : 0;
  }

  levelAt(atUs) {
    this.refill(atUs);
    return Number(this.level) / Number(this.unit);
  }
}
