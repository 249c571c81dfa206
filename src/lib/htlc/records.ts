/** Records of HTLC keys: the path of key, sealing key and preimage, and their uses. */
import type { Claim, Hex, Keys, Kind, RecordRow } from '../protocol/action.ts';
import { believing, each, fixed, onceOnly, voided, type Beliefs } from '../protocol/belief.ts';
import { coinClaim, hashClaim, keyClaim } from '../protocol/claims.ts';
import type { Figures } from '../protocol/figures.ts';
import { withSats } from '../protocol/json.ts';
import { Refusal } from '../protocol/refusal.ts';
import { taggedHash } from '../signing/curve.ts';
import type { Funding } from '../bitcoin/funding.ts';
import type { Own } from '../signing/exchange.ts';
import { hashOf, type Hash } from './terms.ts';
import type { HtlcView } from './view.ts';

/** Spend of an HTLC's coin to which both parties agree. */
export interface AgreedSpend {
  txid: Hex;
  vout: number;
  amountSat: bigint;
  address: string;
  feeSat: bigint;
}
/** The cooperative spend that this home has opened. */
export interface Proposal extends AgreedSpend {
  sighash: Hex;
}
export interface HtlcKey {
  own: Own;
  pubkey: Hex;
  auth: Hex;
  /** Hash of the preimage that the same path gives. */
  hash: Hash;
  /** True once an HTLC has this hash; `unknown` if a restored store may have lost one. */
  used: boolean | 'unknown';
  /** The HTLC that this home made for its preimage (`htlcId`). */
  made: Hex | null;
  /** HASH160 of another party's HTLC in which this key was first used. */
  met: Hex | null;
  /** The one HTLC that the key is in (`htlcId`). */
  bound: Hex | null;
  proposal: Proposal | null;
  /** The cooperative spend that it has completed last. */
  done: FinishedSpend | null;
  /** Address that claims and refunds by this key pay, from the first one on. */
  payout: string | null;
  /**
   * Payment by `htlc fund` of the HTLC whose refund is this key's. swap: its swap keeps it.
   * cancelled: it was given up. unknown: the lost end of a restored store may have one.
   */
  funded: Funded | 'swap' | 'cancelled' | 'unknown' | null;
}
export interface Funded {
  /** Terms of the HTLC, as this home has written them. */
  htlc: HtlcView;
  /** True once its coin is spent for good. */
  over: boolean;
  amountSat: bigint;
  funding: Funding;
  /** `TXID:VOUT` of its inputs, reserved. */
  coins: readonly string[];
}
/** A finished spend, with the HTLC that it spends. */
export interface FinishedSpend {
  htlc: object;
  spend: AgreedSpend;
  hex: Hex;
}

/** Returns the payment that the record has. */
export const paymentOf = ({ funded }: Pick<HtlcKey, 'funded'>): Funded | null =>
  typeof funded === 'string' ? null : funded;

/**
 * Returns whether a payment may be missing in the record of a restored store: nothing was taken out
 * with the key yet. A payment that was given up had an address for its refund, and another may have
 * come after it.
 */
export const mayLackPayment = ({ funded, payout, done }: HtlcKey): boolean =>
  done === null && (funded === 'cancelled' || (funded === 'unknown' && payout === null));

export const preimageOf = (keys: Pick<Keys, 'contract'>, { own }: Pick<HtlcKey, 'own'>): Uint8Array =>
  taggedHash('spillway/preimage', keys.contract(own.path));

/**
 * Returns whether the preimage may go into a claim of this HTLC. It leaves its home in a finished
 * claim alone: one that a key of this home signs, or of the HTLC that was made for it.
 */
export const mayShow = ({ made }: Pick<HtlcKey, 'made'>, htlc: Hex, signed: { all: boolean; own: boolean }): boolean =>
  signed.all && (signed.own || made === htlc);

/** The record of keys that were just drawn. */
export function keyRecord(keys: Pick<Keys, 'contract'>, drawn: Pick<HtlcKey, 'own' | 'pubkey' | 'auth'>): HtlcKey {
  const hash = hashOf(preimageOf(keys, drawn));
  return {
    ...drawn,
    hash,
    used: false,
    made: null,
    met: null,
    bound: null,
    proposal: null,
    done: null,
    payout: null,
    funded: null,
  };
}

/**
 * Returns the record with its key bound to this HTLC (`htlcId`) for good.
 * @throws Refusal `key-rejected` where it is in another
 */
export function boundTo(record: HtlcKey, htlc: Hex): HtlcKey {
  if (record.bound !== null && record.bound !== htlc)
    throw new Refusal('key-rejected', `the key ${record.pubkey} of this home is in another HTLC by now`, {
      hint: 'give the swap up with --cancel, and start it anew',
    });
  return { ...record, bound: htlc };
}

/** Beliefs of a restored home: a used key stays used; the nonce of a proposal is gone. */
const beliefs: Beliefs<HtlcKey> = {
  ...each(fixed, 'own', 'pubkey', 'auth', 'hash'),
  ...each(onceOnly, 'made', 'met', 'bound', 'done', 'payout'),
  used: {
    restored: (used) => used || 'unknown',
    merged: (later, earlier = false) => later === true || earlier === true || later || earlier,
  },
  proposal: voided<Proposal | null>(null),
  funded: {
    restored: (funded) => funded ?? 'unknown',
    merged: (later, earlier) => (later === 'unknown' ? earlier : later) ?? earlier ?? later,
  },
};

/** Returns the number of the lock: a height, a time or a count of blocks, at least 1. */
const dueOf = ({ htlc }: Funded): bigint => BigInt(htlc.locktime.value);

export const htlcKeyKind: Kind<HtlcKey> = {
  name: 'htlc-key',
  parse: (json) => withSats(json) as HtlcKey,
  claims: (k): readonly Claim[] => [
    keyClaim(k.pubkey),
    hashClaim(k.hash.hash160),
    ...(k.met === null ? [] : [hashClaim(k.met)]),
    ...(paymentOf(k)?.coins ?? []).map(coinClaim),
  ],
  nonces: ({ proposal }) => (proposal ? [proposal.sighash] : []),
  figures(k): Figures {
    const funded = paymentOf(k);
    if (funded) return funded.over ? {} : { refunds: dueOf(funded) };
    return mayLackPayment(k) ? { unknown: 1n } : {};
  },
  row: (k): RecordRow => ({ name: k.pubkey, state: 'kept', highSat: 0n, limitSat: 0n, left: false }),
  ...believing(beliefs, { isLater: () => false }),
};
