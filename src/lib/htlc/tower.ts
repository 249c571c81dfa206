/**
 * The copy of a refund that a swap keeps outside its home, watched by whoever has neither home nor
 * key: sent from its height on while its coin is unspent. A claim of the coin shows the preimage,
 * which is told, for the home that must claim the other HTLC. Not here: the same from a record
 * (`watch.ts`).
 */
import { bytesToHex } from '../bitcoin/bytes.ts';
import { outpointText, type Outpoint } from '../bitcoin/outpoint.ts';
import { outputsOf, parseTransaction } from '../bitcoin/transaction.ts';
import {
  decideDuty,
  minedOf,
  type Due,
  type Duty,
  type ChainView,
  type Watched,
  type WatchedDocument,
} from '../contract/duty.ts';
import { readyTxOf, type Rules } from '../contract/fees.ts';
import type { Hex } from '../protocol/action.ts';
import { hexText, parseAs, sat, type Document } from '../protocol/message.ts';
import { Refusal } from '../protocol/refusal.ts';
import { finishedHex } from './finalize.ts';
import { preimageShown } from './secret.ts';
import { checkSignature } from './sign.ts';
import { spend } from './spend.ts';
import { spentBy } from './swap-outcome.ts';
import { readHtlc } from './view.ts';

/**
 * Reads a copy that proves itself: the refund follows from the terms of the HTLC, and is signed.
 * @param document parsed JSON
 * @returns undefined for any other document
 * @throws Refusal `malformed-message`, `terms-differ`, `transaction-differs`, `signature-invalid`,
 * …
 */
export function watchedRefund(document: Document): WatchedDocument | undefined {
  if (document['type'] !== 'refund-copy' || document['htlc'] === undefined) return undefined;
  const htlc = readHtlc(document['htlc']);
  const hex = parseAs(hexText, document['hex']);
  const amount = parseAs(sat, document['capacity_sat']);
  const { inputs, witnesses } = parseTransaction(hex);
  const [output] = outputsOf(hex);
  const differs = new Refusal('transaction-differs', 'the refund does not follow from the terms of its HTLC');
  if (inputs.length !== 1 || !output || htlc.lock.kind !== 'height') throw differs;
  const outpoint: Outpoint = { txid: bytesToHex(inputs[0]!.txid), vout: inputs[0]!.index };
  const coin = { ...outpoint, sat: amount };
  const made = spend(htlc, 'refund', { coin, to: output.script, feerate: 0, fee: amount - output.sat, allowFee: true });
  const refund = witnesses?.[0]?.[made.elements.indexOf('refund-sig')];
  if (!refund || finishedHex(made, { refund }, undefined) !== hex) throw differs;
  checkSignature(made, 'refund', refund);
  const tx = readyTxOf('refund', hex, amount, output.script, []);
  const { hash160 } = htlc.hash;
  const duty: Duty = {
    id: `${hash160} refund ${outpointText(outpoint)}`,
    does: 'refund',
    why: 'the HTLC has expired, and nobody has claimed it',
    outpoint,
    tx,
    from: { height: htlc.lock.value + 1 },
    by: null,
    worthSat: amount,
  };
  const watched: Watched = {
    id: htlc.hash.sha256 ?? hash160,
    role: 'refunder',
    restsUntil: htlc.lock.value,
    worthSat: amount,
    coins: [
      {
        outpoint,
        ways: new Map([[tx.txid, { by: 'refund', paysSat: tx.paysSat, lostSat: 0n }]]),
        judge: (found) => ({ by: spentBy(found, outpoint, hash160), paysSat: 0n, lostSat: 0n }),
      },
    ],
    duties: [duty],
    decide: (seen, rules) => [decide(duty, hash160, seen, rules)],
  };
  return { network: htlc.network, watched };
}

function decide(duty: Duty, hash: Hex, seen: ChainView, rules: Rules): Due {
  const { spend: spender } = seen.coins.get(outpointText(duty.outpoint))!;
  if (spender?.by !== 'claim') return decideDuty(duty, seen, rules);
  const mined = spender.confirmations > 0 ? minedOf(spender, rules) : undefined;
  if (mined?.do === 'end') return mined;
  const shown = spender.hex === null ? null : preimageShown(spender.hex, hash);
  const { by, txid } = spender;
  return {
    do: 'tell',
    event: 'claimed',
    short: true,
    more: { by, txid, ...(shown !== null && { preimage: shown }) },
  };
}
