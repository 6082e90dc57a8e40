import type { GiveUp, Keyed, Policy } from 'stanchion-wasm/host';

/** The phases of a circuit, as metrics name them. */
export const PHASES = ['closed', 'half_open', 'open'] as const;

const NAMES = { closed: 'closed', halfOpen: 'half_open', open: 'open' } as const;

/** What of a policy is read when metrics are collected. */
export interface Gauges {
  readonly phase: (typeof PHASES)[number] | undefined;
  readonly inFlight: number | undefined;
  readonly limits: readonly { readonly name: string; readonly tokens: number }[];
}

/** Reads them; undefined for a policy of many keys, which has none of its own, and while the store cannot be read. */
export function readGauges(policies: Policy | Keyed<Policy>): Gauges | undefined {
  if (!('explain' in policies)) return undefined;
  try {
    const { circuit, bulkhead, limits } = policies.explain();
    const tokens = limits.map((limit) => ({ name: limit.name, tokens: limit.tokens + limit.tokenThousandths / 1000 }));
    return { phase: circuit === null ? undefined : NAMES[circuit.phase], inFlight: bulkhead?.inFlight, limits: tokens };
  } catch {
    return undefined;
  }
}

/** The name of a gate as a label: `limit:calls`; `store` where none was asked. */
export function gateLabel(by: { readonly gate: string; readonly name?: string } | null): string {
  if (by === null) return 'store';
  return by.name === undefined ? by.gate : `${by.gate}:${by.name}`;
}

/** Why a call is not made again, as a label: `not_idempotent`. */
export function giveUpLabel(why: GiveUp): string {
  return why.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The events that a counter of transitions counts, with the label of each. */
export const TRANSITIONS = { open: 'open', halfOpen: 'half_open', close: 'closed' } as const;
