/**
 * A contract as the watcher sees it: what this party can send, and every transaction by which the coin may be spent. From
 * a home's record, or from an exported exit alone (`exit-credit --export`), which needs no home and no key.
 */
import * as v from 'valibot';
import { bytesToHex } from '../bitcoin/bytes.ts';
import { isNetwork } from '../bitcoin/network.ts';
import { childVsize } from '../bitcoin/package.ts';
import {
  parseTransaction,
  sumSat,
  taprootSighash,
  txidOf,
  txidOfHex,
  vsizeOfHex,
  type Template,
} from '../bitcoin/transaction.ts';
import type { Hex } from '../protocol/action.ts';
import { hexText, parseAs } from '../protocol/message.ts';
import { Refusal } from '../protocol/refusal.ts';
import { verifies } from '../signing/bip340.ts';
import type { FundedCredit, PayeeCredit, Settled } from './records.ts';
import { contractSchema, keysOf, payoutScript, readContract, type Contract, type Role } from './terms.ts';
import { close, refund, update } from './transactions.ts';
import type { Ready, Watched } from './watch.ts';

/** @param next the contract into which it is rolled over, where there is one: the rollover is its funding */
export function watchedOf(c: FundedCredit, next: Contract | undefined): Watched {
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
  return {
    id: c.id,
    role: c.role,
    terms: c.terms,
    outpoint: c.outpoint,
    own: own === null ? null : readyOf(c, c.role, by, own, 0n),
    pending: finished === null ? null : readyOf(c, c.role, way, finished, topUps),
    exiting: c.state === 'exiting',
    offers: c.role === 'payee' && canOffer(c),
    ways,
  };
}

/** An own close that is proposed, or a rollover under way, is not proposed again over the operator's head. */
const canOffer = (c: PayeeCredit): boolean =>
  (c.state === 'open' || c.state === 'accepted') && !c.closing && !c.rolling && !c.signedClose;

function readyOf(contract: Contract, role: Role, by: Settled['by'], hex: Hex, topUpsSat: bigint): Ready {
  const script = payoutScript(contract.terms, role);
  const outputs = parseTransaction(hex).outputs.map((o) => ({ sat: o.amount, script: bytesToHex(o.script) }));
  return {
    by,
    hex,
    txid: txidOfHex(hex),
    vsize: vsizeOfHex(hex),
    fee: contract.terms.capacity_sat + topUpsSat - sumSat(outputs),
    paysSat: sumSat(outputs.filter((o) => o.script === script)),
    childVsize: childVsize([script], script),
  };
}

const exported = v.object({
  type: v.literal('exit-credit'),
  version: v.literal(1),
  kind: v.picklist(['exit', 'refund']),
  network: v.string(),
  contract: contractSchema,
  hex: v.optional(hexText),
});

/**
 * Reads what `exit-credit --export` printed. A refund is exported with its bytes once it is final, not before.
 * @throws Refusal `malformed-message`, `terms-differ`, `transaction-differs`, `signature-invalid`, `not-final`: a bundle
 * that would not do on the day is refused on the day that it is given
 */
export function watchedDocument(document: unknown): { network: string; watched: Watched } {
  const read = parseAs(exported, document);
  const { kind, network, hex } = read;
  if (!isNetwork(network)) throw new Refusal('wrong-network', `network ${network.slice(0, 40)} is not known`);
  const contract = readContract(read.contract, network, 'payee');
  if (hex === undefined)
    throw new Refusal('not-final', 'a refund without its bytes found: export it from its expiry on');
  const template = kind === 'refund' ? refund(contract) : updateIn(contract, hex);
  checkSigned(contract, template, hex);
  const role = kind === 'refund' ? 'payer' : 'payee';
  const own = readyOf(contract, role, kind, hex, 0n);
  const ways = new Map<Hex, Settled['by']>([
    [txidOf(refund(contract)), 'refund'],
    [own.txid, kind],
  ]);
  const { id, terms, outpoint } = contract;
  // Nothing of a bundle is frozen, closed or rolled over: whoever exported it keeps it up to date.
  const watched = { id, role, terms, outpoint, own, pending: null, exiting: false, offers: false, ways } as const;
  return { network, watched };
}

/** The update that pays the payee as much as this transaction does. */
function updateIn(contract: Contract, hex: Hex): Template {
  const script = payoutScript(contract.terms, 'payee');
  const paid = sumSat(
    parseTransaction(hex)
      .outputs.map((o) => ({ sat: o.amount, script: bytesToHex(o.script) }))
      .filter((o) => o.script === script),
  );
  return update(contract, paid);
}

function checkSigned(contract: Contract, template: Template, hex: Hex): void {
  if (txidOf(template) !== txidOfHex(hex))
    throw new Refusal('transaction-differs', 'the transaction in the bundle is not one of its contract');
  const [signature] = parseTransaction(hex).witnesses?.[0] ?? [];
  const key = keysOf(contract.terms).script.slice(4);
  if (!signature || !verifies(bytesToHex(signature), taprootSighash(template, 0), key))
    throw new Refusal('signature-invalid', 'the transaction in the bundle is not signed by both parties');
}
