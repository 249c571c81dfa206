/** The transaction that a printed document of an HTLC carries: what `broadcast` sends, and `bump` pays for. */
import { bytesToHex } from '../bitcoin/bytes.ts';
import { finalHex } from '../bitcoin/finalize.ts';
import { outpointText, type Outpoint } from '../bitcoin/outpoint.ts';
import { readPsbt, templateOf } from '../bitcoin/psbt.ts';
import { parseTransaction, type Spent } from '../bitcoin/transaction.ts';
import type { Settlement } from '../contract/copy.ts';
import type { Hex } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';

/** @param document parsed; undefined for one of another family @throws Refusal `not-signed` while signatures are missing */
export function htlcSettlement(document: Readonly<Record<string, any>>): Settlement | undefined {
  const { type, step, network, hex } = document;
  if (!/^htlc-(?:fund|claim|refund|cooperate|swap)$/.test(String(type))) return undefined;
  if (type === 'htlc-swap' && (step === 'funded' || step === 'matched')) {
    const made = finalHex(String(document['psbt']?.[step === 'funded' ? 'first' : 'second']));
    return { network, hex: made.hex, spends: made.template.inputs };
  }
  if (typeof hex !== 'string')
    throw new Refusal('not-signed', `the transaction of this ${type} is not fully signed yet`);
  return { network, hex, spends: spentIn(document, hex) };
}

/** Returns the coins that it spends, as the document states them. */
function spentIn(document: Readonly<Record<string, any>>, hex: Hex): readonly Spent[] {
  const { type, htlc, htlcs, offer, utxo } = document;
  if (type === 'htlc-cooperate') return [{ ...utxo, sat: BigInt(document['amount_sat']), script: htlc.output_script }];
  const [first] = parseTransaction(hex).inputs;
  const spent: Outpoint = { txid: bytesToHex(first!.txid), vout: first!.index };
  if (type === 'htlc-swap') {
    const isFirst = outpointText(spent) === outpointText(document['first'] as Outpoint);
    const sat = BigInt(isFirst ? offer.give_sat : offer.want_sat);
    return [{ ...spent, sat, script: htlcs[isFirst ? 'first' : 'second'].output_script }];
  }
  const { inputs } = templateOf(readPsbt(document['psbt']));
  if (type === 'htlc-fund') return inputs;
  return [{ ...inputs[0]!, sat: BigInt(document['amount_sat']) + BigInt(document['fee_sat']) }];
}
