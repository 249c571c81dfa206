/**
 * A contract to watch without home and key, from a document alone. The document is an exit or
 * refund that `exit-credit --export` printed, with children signed beforehand where there are any.
 * Or it is the copy of a refund that a payer's home keeps outside (`refund.ts`). A document
 * that would not do on the day is refused when it is given: each transaction must be one of its
 * contract, and signed.
 */
import * as v from 'valibot';
import { scriptOf } from '../bitcoin/address.ts';
import { bytesToHex } from '../bitcoin/bytes.ts';
import { feerateOf } from '../bitcoin/fee.ts';
import { knownNetwork, type Network } from '../bitcoin/network.ts';
import { dustLimit } from '../bitcoin/script.ts';
import { taprootSighash } from '../bitcoin/sighash.ts';
import {
  outputsOf,
  parseTransaction,
  SEQUENCE_LOCKTIME,
  SEQUENCE_RBF,
  sumSat,
  txidOf,
  txidOfHex,
  vsizeOfHex,
  type Template,
} from '../bitcoin/transaction.ts';
import type { Hex } from '../protocol/action.ts';
import { height, hexOf, hexText, parseAs, sat, text, type Document } from '../protocol/message.ts';
import { Refusal } from '../protocol/refusal.ts';
import { verifies } from '../signing/bip340.ts';
import { freezeHeight } from './checks.ts';
import { contractSchema, payoutScript, readContract, type Contract } from './terms.ts';
import { refund, update } from './transactions.ts';
import type { WatchedDocument } from '../contract/duty.ts';
import { readyTxOf, type Child, type ReadyTx } from '../contract/fees.ts';
import type { Settled } from './states.ts';
import { asShared } from './watch.ts';
import type { CreditWay, WatchedCredit } from './watched.ts';

/** Contract or refund from a document, in the form that a watchtower needs. */
export interface Bundled {
  network: Network;
  watched: WatchedCredit & { own: ReadyTx<Settled['by']> };
}

const exported = v.object({
  type: v.literal('exit-credit'),
  version: v.literal(1),
  kind: v.picklist(['exit', 'refund']),
  network: v.string(),
  contract: contractSchema,
  hex: v.optional(hexText),
  children: v.optional(v.array(v.object({ hex: hexText }))),
});
const copied = v.object({
  type: v.literal('refund-copy'),
  version: v.literal(1),
  network: v.string(),
  contract: hexOf(32),
  capacity_sat: sat,
  expiry: height,
  script: hexOf(34),
  address: text,
  hex: hexText,
});

/**
 * Reads a document that a watchtower is given. A statecoin's backup has a height of its own, and
 * its owner may have passed the coin on.
 * @returns null for the copy of a statecoin's backup or of a swap's refund
 * @throws Refusal `malformed-message`, `wrong-network`, `terms-differ`, `transaction-differs`,
 * `signature-invalid`, `not-final`
 */
export function readBundled(document: unknown): Bundled | null {
  const isCopy = (document as { type?: unknown } | null)?.type === 'refund-copy';
  if (!isCopy) return readExport(document);
  return 'coin' in (document as object) || 'htlc' in (document as object) ? null : readCopy(document);
}

/**
 * Returns the watcher's view of a document of this family; undefined for any other.
 * @throws Refusal as `readBundled` does
 */
export function creditDocument(document: Document): WatchedDocument | undefined {
  const { type } = document;
  const isCopy = type === 'refund-copy' && 'expiry' in document && !('coin' in document) && !('htlc' in document);
  if (!isCopy && type !== 'exit-credit') return undefined;
  const { network, watched } = readBundled(document)!;
  return { network, watched: asShared(watched) };
}

/** Reads an exit or refund. A refund is exported with its bytes only once it is final. */
function readExport(document: unknown): Bundled {
  const { kind, network: name, hex, ...read } = parseAs(exported, document);
  const network = knownNetwork(name);
  const contract = readContract(read.contract, network, 'payee');
  if (hex === undefined)
    throw new Refusal('not-final', 'a refund without its bytes found: export it from its expiry on');
  const role = kind === 'refund' ? 'payer' : 'payee';
  const script = payoutScript(contract.terms, role);
  const template = kind === 'refund' ? refund(contract) : updateIn(contract, hex, script);
  checkSigned(template, hex);
  const { id, terms, outpoint } = contract;
  const parent = readyTxOf(kind, hex, terms.capacity_sat, script, []);
  const children = (read.children ?? []).map((child) => readChild(child.hex, parent, script));
  const own = { ...parent, children };
  const paidSat = role === 'payee' ? paidBy(contract, hex) : 0n;
  const back = role === 'payer' ? parent.paysSat : 0n;
  const ways = [[txidOf(refund(contract)), { by: 'refund', paysSat: back, lostSat: paidSat }] as const];
  return { network, watched: watching({ id, role, terms, outpoint, contract, script, paidSat }, own, ways) };
}

/** Reads a copy, which knows the refund alone: any other spend of the coin is the payer's. */
function readCopy(document: unknown): Bundled {
  const { network: name, contract: id, capacity_sat, expiry, script, address, hex } = parseAs(copied, document);
  const network = knownNetwork(name);
  const pays = scriptOf(address, network);
  const [input] = parseTransaction(hex).inputs;
  if (!input) throw new Refusal('transaction-differs', 'a refund without inputs found');
  const outpoint = { txid: bytesToHex(input.txid), vout: input.index };
  const template: Template = {
    version: 3,
    locktime: expiry,
    inputs: [{ ...outpoint, sat: capacity_sat, script, sequence: SEQUENCE_LOCKTIME }],
    outputs: [{ sat: sumSat(outputsOf(hex)), script: pays }],
  };
  checkSigned(template, hex);
  const own = readyTxOf('refund', hex, capacity_sat, pays, []);
  const terms = { expiry, freeze_blocks: 0, margin_blocks: 0 };
  const which = { id, role: 'payer', terms, outpoint, contract: null, script: pays, paidSat: 0n } as const;
  return { network, watched: watching(which, own, []) };
}

/** Returns the watcher's view of a bundle: never frozen, closed or rolled over. */
const watching = (
  which: Pick<WatchedCredit, 'id' | 'role' | 'terms' | 'outpoint' | 'contract' | 'script' | 'paidSat'>,
  own: ReadyTx<Settled['by']>,
  ways: readonly (readonly [Hex, CreditWay])[],
): Bundled['watched'] => ({
  ...which,
  own,
  pending: null,
  exiting: false,
  offers: false,
  lapses: false,
  warnsAt: freezeHeight(which.terms),
  ways: new Map([...ways, [own.txid, { by: own.by, paysSat: own.paysSat, lostSat: 0n }]]),
  knowsAll: false,
  behind: false,
});

/** Returns the least that was paid: without an output of the payer's, dust went to the payee. */
function paidBy({ terms }: Contract, hex: Hex): bigint {
  const payer = payoutScript(terms, 'payer');
  const [own, rest] = [outputsOf(hex), outputsOf(hex).filter((o) => o.script === payer)];
  return sumSat(own) - (rest.length > 0 ? sumSat(rest) : dustLimit(payer) - 1n);
}

/** The update that pays the payee as much as this transaction does. */
const updateIn = (contract: Contract, hex: Hex, script: Hex): Template =>
  update(contract, sumSat(outputsOf(hex).filter((o) => o.script === script)));

/** Reads a child that spends the party's output alone, to the same script. */
function readChild(hex: Hex, parent: ReadyTx, script: Hex): Child {
  const vout = outputsOf(parent.hex).findIndex((o) => o.script === script);
  const spent = { txid: parent.txid, vout, sat: parent.paysSat, script, sequence: SEQUENCE_RBF };
  const left = sumSat(outputsOf(hex));
  checkSigned({ version: 3, locktime: 0, inputs: [spent], outputs: [{ sat: left, script }] }, hex);
  const fee = parent.paysSat - left;
  return { hex, fee, feerate: feerateOf(parent.fee + fee, parent.vsize + vsizeOfHex(hex)) };
}

/** One input, spent by the key of its taproot output. */
function checkSigned(template: Template, hex: Hex): void {
  if (txidOf(template) !== txidOfHex(hex))
    throw new Refusal('transaction-differs', 'a transaction in the bundle is not one of its contract');
  const [signature, ...more] = parseTransaction(hex).witnesses?.[0] ?? [];
  const key = template.inputs[0]!.script.slice(4);
  // A second witness element would be an annex or another spending path, whose signature hash differs from the one
  // checked here.
  if (!signature || more.length > 0 || !verifies(bytesToHex(signature), taprootSighash(template, 0), key))
    throw new Refusal('signature-invalid', 'a transaction in the bundle is not signed by the key of what it spends');
}
