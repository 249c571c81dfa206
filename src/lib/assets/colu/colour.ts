/**
 * Colours of a transaction's outputs in Colu's protocol, as a rule for one transaction.
 *
 * Payments take assets in the order of the inputs' lists; an issuance puts its asset in front of
 * those of input 0. Units left over go to the last output. If one payment cannot be made, the
 * transfer overflows: all units go there. Source: npm cc-get-assets-outputs 1.2.1. Not here: the
 * walk over parents (`trace.ts`).
 */
import { ripemd160 } from '@noble/hashes/legacy.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { base58check } from '../../bitcoin/address-text.ts';
import { ascii, orMalformed, Malformed } from '../bytes.ts';
import { multisigKeys, opReturnPushes } from '../script.ts';
import { parentColours, parentTx, type Rule, type Walk } from '../trace.ts';
import { isCoinbase, type Tx } from '../transaction.ts';
import {
  readColuPayload,
  type IssuanceFlags,
  type Issuance,
  type ColuPayload,
  type ColuPayment,
  type AggregationPolicy,
} from './payload.ts';

export interface ColuHolding extends IssuanceFlags {
  asset: string;
  units: bigint;
}
export interface ColuColours {
  vout: number | undefined;
  payload: ColuPayload | Malformed | undefined;
  /** Holdings of each output, in order. */
  outputs: readonly (readonly ColuHolding[])[];
  burned: readonly ColuHolding[];
  /** Reason why a payment could not be made; undefined unless the transfer overflows. */
  overflow: string | undefined;
  issued: string | undefined;
}

const PREFIX: Record<'locked' | 'unlocked', Record<AggregationPolicy, number>> = {
  locked: { aggregatable: 0x20ce, hybrid: 0x2102, dispersed: 0x20e4, reserved: 0 },
  unlocked: { aggregatable: 0x2e37, hybrid: 0x2e6b, dispersed: 0x2e4e, reserved: 0 },
};

/**
 * Computes the id of an asset: a locked one's by the first outpoint spent (`txid:vout` in ASCII),
 * another's by the script spent there.
 */
export function assetIdOf({ locked, policy, divisibility }: IssuanceFlags, origin: Uint8Array): string {
  const prefix = PREFIX[locked ? 'locked' : 'unlocked'][policy];
  const hash = ripemd160(sha256(origin));
  return base58check.encode(Uint8Array.of(prefix >> 8, prefix & 0xff, ...hash, 0, divisibility));
}

/** Reads the first output that has a payload. */
export function payloadIn(tx: Tx): Pick<ColuColours, 'vout' | 'payload'> {
  for (const [vout, { script }] of tx.outputs.entries()) {
    const data = opReturnPushes(script)?.pushes[0];
    if (data && data[0] === 0x43 && data[1] === 0x43)
      return { vout, payload: orMalformed(() => readColuPayload(data)) };
  }
  return { vout: undefined, payload: undefined };
}

/** Finds the hashes that are hidden as keys of a bare multisig output. */
export function hiddenHashes(tx: Tx): { vout: number; keys: readonly Uint8Array[] } | undefined {
  for (const [vout, { script }] of tx.outputs.entries()) {
    const multisig = multisigKeys(script);
    if (multisig?.required === 1 && (multisig.keys.length === 2 || multisig.keys.length === 3))
      return { vout, keys: multisig.keys };
  }
  return undefined;
}

export const coluColours: Rule<ColuColours> = function* (tx) {
  const { vout, payload } = payloadIn(tx);
  const bare = { vout, payload, outputs: tx.outputs.map(() => []), burned: [], overflow: undefined, issued: undefined };
  if (payload === undefined || payload instanceof Malformed || isCoinbase(tx) || tx.inputs.length === 0) return bare;
  const inputs: ColuHolding[][] = [];
  for (const input of tx.inputs) {
    const { outputs }: ColuColours = yield parentColours(input.txid);
    inputs.push((outputs[input.vout] ?? []).map((holding) => ({ ...holding })));
  }
  let issued: string | undefined;
  if (payload.kind === 'issuance') {
    issued = yield* issuedBy(tx, payload);
    const { divisibility, locked, policy, amount } = payload;
    inputs[0]!.unshift({ asset: issued, units: amount, divisibility, locked, policy });
  }
  const whole = inputs.map((list) => list.map((holding) => ({ ...holding })));
  const paid = pay(payload.payments, inputs, tx.outputs.length);
  const { outputs, burned } =
    typeof paid === 'string' ? { outputs: tx.outputs.map((): ColuHolding[] => []), burned: [] } : paid;
  outputs.at(-1)!.push(...gathered((typeof paid === 'string' ? whole : inputs).flat()));
  return { vout, payload, outputs, burned, overflow: typeof paid === 'string' ? paid : undefined, issued };
};

/** Returns the id of a locked asset that is issued here, which needs no parent. */
export function lockedId(tx: Tx, payload: ColuPayload | undefined): string | undefined {
  const [first] = tx.inputs;
  if (payload?.kind !== 'issuance' || !payload.locked || !first || isCoinbase(tx)) return undefined;
  return assetIdOf(payload, ascii(`${first.txid}:${first.vout}`));
}

function* issuedBy(tx: Tx, issuance: Issuance): Walk<string> {
  const locked = lockedId(tx, issuance);
  if (locked !== undefined) return locked;
  const { txid, vout } = tx.inputs[0]!;
  const parent: Tx = yield parentTx(txid);
  return assetIdOf(issuance, parent.outputs[vout]?.script ?? new Uint8Array());
}

/** Makes the payments, taking units from `inputs`; or returns the reason why one cannot be made. */
function pay(
  payments: readonly ColuPayment[],
  inputs: readonly ColuHolding[][],
  count: number,
): { outputs: ColuHolding[][]; burned: ColuHolding[] } | string {
  const outputs = Array.from({ length: count }, (): ColuHolding[] => []);
  const burned: ColuHolding[] = [];
  let [vin, at, from] = [0, 0, 0];
  for (const payment of payments) {
    if (payment.range) return 'range-payment';
    if (payment.percent) return 'percent-payment';
    if (from >= inputs.length) return 'no-such-input';
    if (!payment.burn && payment.output >= count) return 'no-such-output';
    const wanted = from;
    if (payment.skip) from += 1;
    if (payment.amount === 0n) continue;
    if (vin < wanted) [vin, at] = [wanted, 0];
    let left = payment.amount;
    let given: ColuHolding | undefined;
    while (left > 0n) {
      const holding = inputs[vin]?.[at];
      if (!holding) return 'not-enough-units';
      const units = holding.units < left ? holding.units : left;
      if (given && !payment.burn) {
        if (given.asset !== holding.asset || holding.policy !== 'aggregatable') return 'two-assets-in-one-payment';
        given.units += units;
      } else {
        given = { ...holding, units };
        (payment.burn ? burned : outputs[payment.output]!).push(given);
      }
      holding.units -= units;
      left -= units;
      if (holding.units > 0n) continue;
      at += 1;
      while (vin < inputs.length && at >= inputs[vin]!.length) [vin, at] = [vin + 1, 0];
    }
  }
  return { outputs, burned };
}

/** Gathers the units left over, summed up for aggregatable assets. */
function gathered(holdings: readonly ColuHolding[]): ColuHolding[] {
  const found: ColuHolding[] = [];
  const first = new Map<string, ColuHolding>();
  for (const holding of holdings) {
    if (holding.units === 0n) continue;
    const known = holding.policy === 'aggregatable' ? first.get(holding.asset) : undefined;
    if (known) known.units += holding.units;
    else {
      const copy = { ...holding };
      first.set(holding.asset, copy);
      found.push(copy);
    }
  }
  return found;
}
