/**
 * The formats of commitment transactions, as figures and choices: everything in which they differ but the scripts.
 *
 * BOLT3, with option_static_remotekey (12/13), option_anchors (22/23), zero_fee_commitments (40/41) and the extension
 * BOLT of simple taproot channels (80/81). `anchor-outputs` is the older form of anchors, whose HTLC transactions pay a
 * fee. Not here: scripts (`scripts.ts`).
 */
import type { Limits } from '../protocol/limit.ts';
import { SIGHASH_ALL, SIGHASH_SINGLE_ACP, type SighashType } from '../bitcoin/sighash.ts';

export const FORMATS = ['legacy', 'static', 'anchor-outputs', 'anchors', 'zero-fee', 'taproot'] as const;
export type FormatName = (typeof FORMATS)[number];

export interface Format {
  version: 2 | 3;
  taproot: boolean;
  /** Weight of a commitment without HTLCs, by which BOLT3 counts the fee; 0: no fee. */
  weight: number;
  /** True where to_remote pays the payment basepoint itself. */
  staticRemote: boolean;
  /** `keys`: 330 sat for each side. `p2a`: one that anyone may spend. */
  anchors: 'none' | 'keys' | 'p2a';
  /** True where the peer's ways out of an output need a confirmation (`1 CHECKSEQUENCEVERIFY`). */
  oneBlock: boolean;
  /** Weights of HTLC-timeout and HTLC-success transactions by which their fee counts; 0: no fee. */
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
/** Most satoshis in the one anchor of `zero-fee`: the rest of what is trimmed is fee. */
export const MOST_SHARED_ANCHOR = 240n;
/** Satoshis in an anchor of a key. */
export const ANCHOR_SAT = 330n;

export const COMMITMENT_LIMITS = {
  /** Untrimmed HTLCs of both directions: BOLT2 allows each side so many. */
  htlcs: { unit: 'items', most: (format: FormatName) => 2 * (format === 'zero-fee' ? 114 : 483) },
} satisfies Limits;
