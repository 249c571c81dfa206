/**
 * Children that pay for a parent by its anchor: P2A of a version 3 transaction, or a commitment's
 * own.
 *
 * BIP431 (TRUC), BIP433 (P2A), BOLT3. `bitcoin/package.ts` counts sizes and fees. Not here: signing
 * the added coins.
 */
import { childFee, childOf, isAnchor } from '../bitcoin/package.ts';
import { maxSat } from '../bitcoin/amount.ts';
import { feerateOf, feerateText } from '../bitcoin/fee.ts';
import { Sighashes } from '../bitcoin/sighash.ts';
import {
  parseBareTransaction,
  sumSat,
  txidOf,
  txidOfHex,
  vsizeOfHex,
  type BareTransaction,
  type Spent,
  type Template,
} from '../bitcoin/transaction.ts';
import type { Hex } from '../protocol/action.ts';
import { Fields } from '../protocol/document.ts';
import { Refusal } from '../protocol/refusal.ts';
import type { Channel } from './commitment.ts';
import type { ChannelKeys } from './document.ts';
import { MOST_SHARED_ANCHOR } from './format.ts';
import { commitmentSecrets } from './keys.ts';
import { matchTransaction, readKnowledge } from './match.ts';
import { channelWitness } from './scripts.ts';
import { signWay } from './sign.ts';
import { finishWith } from './view.ts';

/** Channel and the owner's keys, for an anchor that needs a signature. */
export interface AnchorOwner {
  channel: Channel;
  keys: ChannelKeys;
  point: Uint8Array | undefined;
}
export interface ChildTerms {
  coins: readonly Spent[];
  /** Output script, hex. */
  payTo: Hex;
  /** Feerate of parent and child together, in satoshis per 1,000 vbytes. */
  feerate: number;
  allowFee: boolean;
  /** Returns the lowest fee that a child of that size may pay. */
  least: (vsize: number) => bigint;
}
export interface AnchorChild {
  template: Template;
  feeSat: bigint;
  parentFeeSat: bigint;
  /** Witness of the anchor, which is the first input. */
  anchor: readonly Uint8Array[];
}
/** Virtual bytes that a P2WSH anchor's input has more than `childVsize` counts. */
const ANCHOR_EXTRA = 4;

/**
 * Makes the child of a finished parent.
 * @param parentFee fee of the parent; undefined: counted from the funding, or 0 for version 3
 * @throws Refusal `nothing-to-bump`, `usage` where the fee is not known, `dust-parent`,
 * `truc-limit`, `not-enough-coins`
 */
export function bumpChild(
  hex: Hex,
  parentFee: bigint | undefined,
  owner: AnchorOwner | undefined,
  wanted: ChildTerms,
): AnchorChild {
  const { stacks: _, ...template } = parseBareTransaction(hex);
  const { version, outputs } = template;
  const spendsFunding = owner && template.inputs[0]!.txid === owner.channel.funding.txid;
  const fee =
    parentFee ?? (spendsFunding ? owner.channel.funding.sat - sumSat(outputs) : version === 3 ? 0n : undefined);
  if (fee === undefined || fee < 0n)
    throw new Refusal(
      'usage',
      'what the parent pays is not known: --parent-fee, or the channel of the commitment, expected',
    );
  const shared = outputs.findIndex(isAnchor);
  if (shared >= 0 && fee > 0n && outputs[shared]!.sat < MOST_SHARED_ANCHOR)
    throw new Refusal(
      'dust-parent',
      `a parent with an anchor of ${outputs[shared]!.sat} sat that pays ${fee} sat itself found`,
      {
        hint: 'nodes relay a dust output only where its transaction pays nothing',
      },
    );
  const own = shared >= 0 ? undefined : owner && ownAnchor(template, owner);
  const vout = own?.vout ?? shared;
  if (vout < 0)
    throw new Refusal('nothing-to-bump', 'no anchor found that can be spent', {
      hint: 'for an anchor of a key give --channel and --keys',
    });
  const anchor: Spent = { txid: template.txid, vout, ...outputs[vout]! };
  const parent = { version: version === 3 ? 3 : 2, vsize: vsizeOfHex(hex), fee } as const;
  const least = (vsize: number): bigint =>
    maxSat(wanted.least(vsize), own ? childFee(parent, vsize + ANCHOR_EXTRA, wanted.feerate) : 0n);
  const { coins, payTo, feerate, allowFee } = wanted;
  const { fee: feeSat, ...child } = childOf(parent, [anchor], coins, payTo, feerate, allowFee, least);
  return { template: child, feeSat, parentFeeSat: fee, anchor: own ? own.witness(child) : [] };
}

/** Returns the anchor of the owner's key. @throws Refusal `wrong-key` without its secret */
function ownAnchor(template: Omit<BareTransaction, 'stacks'>, { channel, keys, point }: AnchorOwner) {
  const known = readKnowledge(channel, new Fields({}), keys, point);
  const matched = matchTransaction(channel, template, known);
  const { holder } = matched;
  const role = holder === known.owner ? 'local_anchor' : 'remote_anchor';
  const vout = matched.outputs.findIndex((o) => o?.role === role);
  if (vout < 0) return undefined;
  const { lock } = matched.outputs[vout]!;
  const way = lock.ways.find(({ name }) => name === 'anchor')!;
  const from = { owner: known.owner!, holder, point: matched.point };
  const secret = commitmentSecrets(channel.format, keys.secrets, from)[way.key!];
  if (!secret) throw new Refusal('wrong-key', `the secret behind the anchor of output ${vout} is not among the keys`);
  const witness = (child: Template) =>
    channelWitness(lock, way, { sig: signWay(new Sighashes(child), 0, lock, way, secret) });
  return { vout, witness };
}

/** Returns what `channel-bump` prints: `package` null while a signature is missing. */
export function bumpDocument(
  parent: Hex,
  { template, feeSat, parentFeeSat, anchor }: AnchorChild,
  merged: readonly string[],
) {
  const { hex, psbt } = finishWith(template, [anchor], merged);
  const fee = parentFeeSat + feeSat;
  return {
    type: 'channel-bump',
    version: 1,
    package: hex === undefined ? null : [parent, hex],
    txids: [txidOfHex(parent), txidOf(template)],
    fee_sat: feeSat,
    package_fee_sat: fee,
    ...(hex && { feerate: feerateText(feerateOf(fee, vsizeOfHex(parent) + vsizeOfHex(hex))) }),
    psbt: psbt(),
  };
}
