/**
 * A contract as the watcher sees it, from a home's record: what this party can send, and every transaction by which the
 * coin may be spent. Not here: the same from documents, without a home (`bundle.ts`).
 */
import { bytesToHex } from '../bitcoin/bytes.ts';
import { childVsize } from '../bitcoin/package.ts';
import { dustLimit } from '../bitcoin/script.ts';
import { parseTransaction, sumSat, txidOf, txidOfHex, vsizeOfHex, type Output } from '../bitcoin/transaction.ts';
import type { Hex } from '../protocol/action.ts';
import type { FundedCredit, Settled } from './records.ts';
import { payoutScript, type Contract } from './terms.ts';
import { close, refund, update } from './transactions.ts';
import type { Child, Ready, Watched } from './watch.ts';

/**
 * @param next the contract into which it is rolled over, where there is one: the rollover is its funding
 * @param restored the home has not read its journal yet
 */
export function watchedOf(c: FundedCredit, next: Contract | undefined, restored = false): Watched {
  const own = c.role === 'payer' ? c.refund : c.exit;
  const by = c.role === 'payer' ? 'refund' : 'exit';
  const { tx } = c as { tx?: Hex };
  const finished = (c.state === 'closed' || c.state === 'rolled') && tx !== undefined ? tx : null;
  const topUps = c.state === 'rolled' && c.rolling ? sumSat(c.rolling.topUps) : 0n;
  // A close at the exit's feerate is the exit, but for its signature: then the later word holds.
  const ways = new Map<Hex, Settled['by']>([[txidOf(refund(c)), 'refund']]);
  if (c.role === 'payer' && c.signedMaxSat > 0n) ways.set(txidOf(update(c, c.signedMaxSat)), 'exit');
  if (own !== null) ways.set(txidOfHex(own), by);
  if (next) ways.set(next.outpoint.txid, 'rollover');
  if (c.signedClose) ways.set(txidOf(close(c, c.signedClose.paidSat, c.signedClose.feeSat)), 'close');
  const way = c.state === 'rolled' ? 'rollover' : 'close';
  if (tx !== undefined) ways.set(txidOfHex(tx), next?.outpoint.txid === txidOfHex(tx) ? 'rollover' : way);
  const script = payoutScript(c.terms, c.role);
  const ready = (kind: Settled['by'], hex: Hex, inputsSat: bigint) => readyOf(kind, hex, inputsSat, script, null);
  return {
    id: c.id,
    role: c.role,
    terms: c.terms,
    outpoint: c.outpoint,
    own: own === null ? null : ready(by, own, c.terms.capacity_sat),
    pending: finished === null ? null : ready(way, finished, c.terms.capacity_sat + topUps),
    exiting: c.state === 'exiting',
    offers: canOffer(c),
    ways,
    knowsAll: true,
    behind: restored && c.role === 'payee' && c.state !== 'exiting',
  };
}

/** An own close that is proposed, or a rollover under way, is not proposed again over the operator's head. */
const canOffer = (c: FundedCredit): boolean =>
  (c.state === 'open' || c.state === 'accepted') && !c.closing && !c.rolling && !c.signedClose;

export const outputsOf = (hex: Hex): Output[] =>
  parseTransaction(hex).outputs.map((o) => ({ sat: o.amount, script: bytesToHex(o.script) }));

/** @param script of the party that watches @param children all that there are; null: it can sign any */
export function readyOf(
  by: Settled['by'],
  hex: Hex,
  inputsSat: bigint,
  script: Hex,
  children: readonly Child[] | null,
): Ready {
  const outputs = outputsOf(hex);
  const own = outputs.filter((o) => o.script === script);
  const largest = own.reduce((most, { sat }) => (sat > most ? sat : most), 0n);
  const dust = dustLimit(script);
  return {
    by,
    hex,
    txid: txidOfHex(hex),
    vsize: vsizeOfHex(hex),
    fee: inputsSat - sumSat(outputs),
    paysSat: sumSat(own),
    spareSat: largest > dust ? largest - dust : 0n,
    childVsize: childVsize([script], script),
    children,
  };
}
