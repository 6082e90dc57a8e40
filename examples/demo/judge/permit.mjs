/** A permit's 16 bytes, read here by hand: the judge shares no code with the engine. */

const CYCLE = 2 ** 48;

/** The fields of a permit, from its 32 hexadecimal digits. Its instant is the one of all cycles that is near `nearUs`. */
export function readPermit(hex, nearUs) {
  const bytes = Buffer.from(hex, 'hex');
  const low = bytes.readUIntLE(0, 6);
  const base = nearUs - (nearUs % CYCLE);
  const atUs = [base - CYCLE + low, base + low, base + CYCLE + low].reduce((best, candidate) =>
    Math.abs(candidate - nearUs) < Math.abs(best - nearUs) ? candidate : best,
  );
  return { atUs, generation: bytes.readUInt16LE(6) + bytes[12] * 65536, cost: bytes.readUInt32LE(8), leaseId: bytes.readUIntLE(13, 3) };
}

/** A permit that nobody gave: for tests, and for the rogue that shows that the judge notices. */
export function writePermit({ atUs, generation = 1, cost = 1, leaseId = 1 }) {
  const bytes = Buffer.alloc(16);
  bytes.writeUIntLE(atUs % CYCLE, 0, 6);
  bytes.writeUInt16LE(generation % 65536, 6);
  bytes.writeUInt32LE(cost, 8);
  bytes[12] = generation >>> 16;
  bytes.writeUIntLE(leaseId, 13, 3);
  return bytes.toString('hex');
}
