/**
 * Formats of commitment transactions: all in which they differ but the scripts (`scripts.ts`).
 *
 * BOLT3, with option_static_remotekey (12/13), option_anchors (22/23), zero_fee_commitments (40/41)
 * and the extension BOLT of simple taproot channels (80/81). `anchor-outputs` is the older form of
 * anchors, whose HTLC transactions pay a fee.
 */
import type { Limits } from '../protocol/limit.ts';
import { SIGHASH_ALL, SIGHASH_SINGLE_ACP, type SighashType } from '../bitcoin/sighash.ts';

export const FORMATS = ['legacy', 'static', 'anchor-outputs', 'anchors', 'zero-fee', 'taproot'] as const;
export type FormatName = (typeof FORMATS)[number];

export interface Format {
  version: 2 | 3;
  taproot: boolean;
  /** Weight that the fee of a commitment without HTLCs is counted by (BOLT3); 0: it pays no fee. */
  weight: number;
  /** True if to_remote pays the payment basepoint itself. */
  staticRemote: boolean;
  /** Anchors: `keys`, 330 sat for each side; `p2a`, one that anyone may spend. */
  anchors: 'none' | 'keys' | 'p2a';
  /** True if the peer's ways out of an output wait for a block (`1 CHECKSEQUENCEVERIFY`). */
  oneBlock: boolean;
  /** HTLC transactions: weights that their fee is counted by (0: no fee), sequence, sighash. */
  second: { timeout: number; success: number; sequence: 0 | 1; sighash: SighashType };
}

const older = { version: 2, taproot: false, oneBlock: false, anchors: 'none' } as const;
const anchored = { version: 2, anchors: 'keys', staticRemote: true, oneBlock: true } as const;
const free = { timeout: 0, success: 0, sighash: SIGHASH_SINGLE_ACP } as const;
const paying = { timeout: 663, success: 703, sequence: 0, sighash: SIGHASH_ALL } as const;

export const FORMAT: Readonly<Record<FormatName, Format>> = {
  legacy: { ...older, weight: 724, staticRemote: false, second: paying },
  static: { ...older, weight: 724, staticRemote: true, second: paying },
  'anchor-outputs': {
    ...anchored,
    taproot: false,
    weight: 1124,
    second: { timeout: 666, success: 706, sequence: 1, sighash: SIGHASH_SINGLE_ACP },
  },
  anchors: { ...anchored, taproot: false, weight: 1124, second: { ...free, sequence: 1 } },
  'zero-fee': {
    version: 3,
    taproot: false,
    weight: 0,
    staticRemote: true,
    anchors: 'p2a',
    oneBlock: false,
    second: { ...free, sequence: 0 },
  },
  taproot: { ...anchored, taproot: true, weight: 968, second: { ...free, sequence: 1 } },
};

/** Weight of an HTLC output (BOLT3, commitment_transaction_weight). */
export const HTLC_WEIGHT = 172;
/** Most satoshis in the anchor of `zero-fee`; what else is trimmed goes to the fee. */
export const MOST_SHARED_ANCHOR = 240n;
/** Satoshis in an anchor of a key. */
export const ANCHOR_SAT = 330n;

export const COMMITMENT_LIMITS = {
  /** Untrimmed HTLCs of both directions: twice what BOLT2 allows each side. */
  htlcs: { unit: 'items', most: (format: FormatName) => 2 * (format === 'zero-fee' ? 114 : 483) },
} satisfies Limits;
