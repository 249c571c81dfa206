/**
 * Records of stamps that a home has paid for: the root, the payment, and what spends its coin
 * again. Nonces derive from the seed and the documents, so none is kept. Not here: how the payment
 * is made (`engine/wallet.ts`).
 */
import { outpointIn, type Funding } from '../bitcoin/funding.ts';
import type { Gone } from '../bitcoin/outpoint.ts';
import { readPsbt, templateOf } from '../bitcoin/psbt.ts';
import { parseTransaction, txidOf } from '../bitcoin/transaction.ts';
import { bytesToHex } from '../bitcoin/bytes.ts';
import { outcome } from '../contract/outcome.ts';
import type { Settlement } from '../contract/copy.ts';
import { statusHead, type StatusSource } from '../contract/status.ts';
import type { Claim, Hex, Kind } from '../protocol/action.ts';
import { believing, each, fixed, onceOnly, united, type Beliefs } from '../protocol/belief.ts';
import { coinClaim, idClaim } from '../protocol/claims.ts';
import { withSats } from '../protocol/json.ts';
import type { Document } from '../protocol/message.ts';

export interface Stamp {
  network: string;
  root: Hex;
  /** Time of the plan, in Unix seconds. */
  time: number;
  /** Script of the output that commits to the root. */
  script: Hex;
  /** Internal key and leaf of a taproot output, needed to spend its coin; null for OP_RETURN. */
  taproot: TaprootCommitment | null;
  funding: Funding;
  /** Reserved coins (`TXID:VOUT`); none after the payment was given up. */
  coins: readonly string[];
  /** Address that its coin is spent to. */
  payout: string | null;
  /** Ids of this home's transactions that spend it. */
  spends: readonly Hex[];
  /** Number of times that it was given up or paid anew. */
  changes: number;
}
export interface TaprootCommitment {
  /** 32 bytes. */
  internalKey: Hex;
  /** Script of the leaf. */
  leaf: Hex;
}

/** Returns the coin that commits to the root, and what spends it; undefined for OP_RETURN. */
function coinOf({ taproot, funding: { template }, script, spends }: Stamp): (Gone & { sat: bigint }) | undefined {
  const outpoint = outpointIn(template, script);
  return taproot ? { outpoint, ways: spends, sat: template.outputs[outpoint.vout]!.sat } : undefined;
}

const beliefs: Beliefs<Stamp> = {
  ...each(fixed, 'network', 'root', 'time', 'script', 'taproot', 'funding', 'coins', 'changes'),
  payout: onceOnly,
  spends: united((txid) => txid),
};
export const stampKind: Kind<Stamp> = {
  name: 'notary-stamp',
  parse: (json) => withSats(json) as Stamp,
  claims: ({ root, coins }): readonly Claim[] => [idClaim(root), ...coins.map(coinClaim)],
  // Nothing is left to agree on, but the record stays until its coins and the bound one are spent.
  row: ({ root, coins }) => ({
    name: root,
    state: coins.length > 0 ? 'stamped' : 'cancelled',
    highSat: 0n,
    limitSat: 0n,
    left: true,
    over: 'ended',
  }),
  spent(stamp) {
    const { template } = stamp.funding;
    const paid = template.inputs.map(({ txid, vout }) => ({ outpoint: { txid, vout }, ways: [txidOf(template)] }));
    const coin = coinOf(stamp);
    return coin ? [...paid, coin] : paid;
  },
  ...believing(beliefs, { isLater: (one, other) => one.changes > other.changes }),
};

export const stampsShown: StatusSource<Stamp> = {
  kind: stampKind,
  coin(stamp) {
    const coin = coinOf(stamp);
    return coin && { ...coin, ended: false };
  },
  line(contract, stamp, facts) {
    const coin = coinOf(stamp);
    const found = coin && outcome(coin, facts);
    return {
      ...statusHead(contract, { role: 'owner', state: stampKind.row(stamp).state }),
      ...(coin && { capacity_sat: coin.sat }),
      ...(found && { verdict: found.is }),
      notes: found?.is === 'live' ? ['notarize spend spends its coin'] : [],
    };
  },
};

/** Returns the transaction of a plan's first line, or of a coin that is spent again. */
export function notarySettlement(document: Document): Settlement | undefined {
  const { type, network, hex, psbt } = document;
  if ((type !== 'notarize-stamp' && type !== 'notarize-spend') || typeof hex !== 'string') return undefined;
  if (type === 'notarize-stamp') return { network, hex, spends: templateOf(readPsbt(psbt)).inputs };
  const [input] = parseTransaction(hex).inputs;
  const spent = { txid: bytesToHex(input!.txid), vout: input!.index, sat: BigInt(document['sat']) };
  return { network, hex, spends: [{ ...spent, script: document['script'] }] };
}
