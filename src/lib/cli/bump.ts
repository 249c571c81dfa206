/** A child for a stuck transaction, out of the home's own output and other coins. Not here: sizes and fees (`bitcoin/package.ts`). */
import { scriptOf } from '../bitcoin/address.ts';
import { feerateOf, feerateText } from '../bitcoin/fee.ts';
import { childOf } from '../bitcoin/package.ts';
import { parseTransaction, sumSat, txidOfHex, vsizeOfHex, type Spent } from '../bitcoin/transaction.ts';
import { bytesToHex } from '../bitcoin/bytes.ts';
import { fundingHex, fundingPsbt, isSigned, signFunding } from '../signing/funding.ts';
import type { Settlement } from '../credit/settlement.ts';
import type { Home } from '../home/home.ts';
import { Refusal } from '../protocol/refusal.ts';

export interface BumpOptions {
  coins: readonly Spent[];
  merged: readonly string[];
  /** Satoshis for a thousand virtual bytes, of both together. */
  feerate: number;
  payTo: string | undefined;
  allowFee: boolean;
}

/** @throws Refusal `nothing-to-bump`, `not-enough-coins`, `fee-too-high`, and what `signFunding` refuses */
export async function bump(home: Home, stuck: Settlement, options: BumpOptions) {
  const { network } = home;
  const raw = parseTransaction(stuck.hex);
  const txid = txidOfHex(stuck.hex);
  const outputs = raw.outputs.map((o, vout): Spent => ({ txid, vout, sat: o.amount, script: bytesToHex(o.script) }));
  const fee = sumSat(stuck.spends) - sumSat(outputs);
  const vsize = vsizeOfHex(stuck.hex);
  const scripts = [...outputs, ...options.coins].map((o) => o.script);
  const ours = await home.store.ours(scripts);
  const own = outputs.filter((o) => ours.has(o.script)).sort((a, b) => (a.sat > b.sat ? -1 : 1))[0];
  if (!own)
    throw new Refusal('nothing-to-bump', 'no output of the transaction pays an address of this home', {
      hint: 'bump it in the wallet that it pays',
    });
  if (fee < 0n)
    throw new Refusal('malformed-message', 'the document states smaller inputs than the transaction has outputs');
  const payTo = options.payTo === undefined ? own.script : scriptOf(options.payTo, network);
  const version = raw.version === 3 ? 3 : 2;
  const child = childOf({ version, vsize, fee }, own, options.coins, payTo, options.feerate, options.allowFee);
  const hand = {
    keys: (await home.keys()).keysWith([]),
    merged: options.merged,
    random: await home.random(),
    network,
    restored: home.restored,
  };
  const signed = signFunding(hand, { template: child, witnesses: {} }, ours);
  const psbt = fundingPsbt(signed);
  const complete = isSigned(signed);
  const hex = complete ? fundingHex(signed) : undefined;
  return {
    complete,
    psbt,
    document: {
      ...(hex !== undefined && { package: [stuck.hex, hex], txids: [txid, txidOfHex(hex)] }),
      fee_sat: child.fee,
      package_fee_sat: fee + child.fee,
      ...(hex !== undefined && { feerate: feerateText(feerateOf(fee + child.fee, vsize + vsizeOfHex(hex))) }),
      psbt: { child: psbt },
    },
  };
}
