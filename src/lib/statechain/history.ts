/**
 * The check of a statecoin's history, by anyone: the operator's signed record, and the backups that
 * the owners handed on. Every finding is reported, not only the first. Nothing here signs; a
 * receiver does all of it before it answers.
 *
 * The points are numbered as the protocol has them: 1 record, 2 coin, 3 script, 4 keys, 6 count, 7
 * backups, 8 the last pays the sender, 9 blocks left, 11 state. 5 (the sender's consent), 10 (its
 * half of the key update) and 12 (after the move) belong to whoever receives: `receive.ts`.
 */
import { isMature, maturing } from '../bitcoin/coin-checks.ts';
import { bytesToHex, hexToBytes } from '../bitcoin/bytes.ts';
import { outpointText } from '../bitcoin/outpoint.ts';
import { taprootSighash } from '../bitcoin/sighash.ts';
import { parseBareTransaction, difference, withWitness } from '../bitcoin/transaction.ts';
import type { Facts, Hex } from '../protocol/action.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal, type ErrorCode } from '../protocol/refusal.ts';
import { verifies } from '../signing/bip340.ts';
import { coinKey } from '../signing/key-update.ts';
import { isSignedBy, type OwnerEntry, type PublicRecord } from './statements.ts';
import { locktimeAt, NO_OFFSET, pointOf, scriptOfCoin, spentCoin, type Coin } from './terms.ts';
import { backup } from './transactions.ts';

/** Fault in the history of a coin, and where. */
export interface HistoryFault {
  point: number;
  code: ErrorCode;
  text: string;
}

/** Coin with its public record and its backups. */
export interface History {
  coin: Coin;
  record: PublicRecord;
  /** The finished backups, hex, one an owner. */
  backups: readonly Hex[];
}

export const HISTORY_LIMITS = {
  /** Largest distance of record and tip: an older record says nothing of the present. */
  age: { unit: 'blocks', most: 144 },
  /** Blocks from the tip to the last backup, at least as many as the reader demands. */
  remaining: { unit: 'blocks', least: (asked: number) => asked },
  depth: { unit: 'confirmations', least: (agreed: number, asked: number) => Math.max(agreed, asked) },
} satisfies Limits;

/** Checks points 1, 4, 6, 7 and 8, which need no chain. `operator`: the pinned key. */
export function checkHistory({ coin, record, backups }: History, operator: Hex): HistoryFault[] {
  return [
    ...checkRecord(coin, record, operator),
    ...checkEntries(coin, record.entries),
    ...checkCount(record),
    ...checkBackups(coin, record.entries, backups),
  ];
}

/** Checks point 1: the pinned operator has signed the record. */
export function checkRecord(coin: Coin, record: PublicRecord, operator: Hex): HistoryFault[] {
  const found: HistoryFault[] = [];
  if (coin.terms.operator !== operator)
    found.push({ point: 1, code: 'operator-differs', text: `the coin is of the operator ${coin.terms.operator}` });
  if (!isSignedBy('record', record, operator))
    found.push({ point: 1, code: 'bad-record', text: 'the record is not signed by the pinned operator' });
  return found;
}

/** Checks point 4, the first owner's keys against the terms, and the step between locktimes. */
function checkEntries(coin: Coin, entries: readonly OwnerEntry[]): HistoryFault[] {
  const { terms } = coin;
  const P = pointOf(terms);
  const seen = new Set<string>();
  const twice = (what: string): boolean => seen.size === seen.add(what).size;
  return entries.flatMap((e, n) => {
    const found: HistoryFault[] = [];
    const add = (point: number, code: ErrorCode, text: string) =>
      found.push({ point, code, text: `owner ${n}: ${text}` });
    if (coinKey([e.operator_pubkey, e.owner_pubkey], e.offset) !== P)
      add(4, 'keyagg-mismatch', 'its keys and offset do not sum to the key of the coin');
    const own = [e.operator_pubkey, e.owner_pubkey, e.sighash].filter(twice);
    if (own.length > 0) add(7, 'chain-duplicate', `a key or sighash that an earlier owner has`);
    const first: Partial<OwnerEntry> = {
      operator_pubkey: terms.operator_pubkey,
      owner_pubkey: terms.owner_pubkey,
      owner_auth: terms.owner_auth,
      offset: NO_OFFSET,
      address: terms.owner_address,
    };
    if (n === 0 && Object.entries(first).some(([name, value]) => e[name as keyof OwnerEntry] !== value))
      add(4, 'terms-differ', 'not the one of the terms');
    if (e.locktime !== locktimeAt(terms, n))
      add(7, 'locktime-step', `locktime ${e.locktime} found, ${locktimeAt(terms, n)} expected`);
    return found;
  });
}

/** Checks point 6: one backup signed for each owner, else only a withdrawal (point 11). */
export function checkCount({ signed, count, entries, state }: PublicRecord): HistoryFault[] {
  const found: HistoryFault[] = [];
  const add = (point: number, code: ErrorCode, text: string) => found.push({ point, code, text });
  const distinct = new Set(signed.map((s) => s.sighash));
  if (distinct.size !== signed.length)
    add(6, 'chain-duplicate', 'a sighash stands twice in the list of the signed ones');
  if (distinct.size !== count) add(6, 'signature-count', `a count of ${count} found, ${distinct.size} sighashes`);
  const known = new Set(entries.map((e) => e.sighash));
  const strange = [...distinct].filter((sighash) => !known.has(sighash));
  const missing = [...known].filter((sighash) => !distinct.has(sighash));
  if (strange.length > 0)
    add(6, 'sighash-unknown', `${strange.length} signed sighashes found that are no backup of the history`);
  if (missing.length > 0) add(6, 'signature-count', `${missing.length} backups found that the operator never signed`);
  if (signed.some((s) => s.kind === 'withdraw')) add(11, 'coin-closed', 'a withdrawal was signed');
  else if (state === 'closed') add(11, 'coin-closed', 'the coin is closed');
  if (state === 'exit-only') add(11, 'contract-restored', 'the operator was restored from a backup: exits only');
  return found;
}

/** Points 7 and 8: each backup is the transaction that its entry gives, with a valid signature. */
function checkBackups(coin: Coin, entries: readonly OwnerEntry[], backups: readonly Hex[]): HistoryFault[] {
  const found: HistoryFault[] = [];
  const add = (code: ErrorCode, text: string) => found.push({ point: 7, code, text });
  if (backups.length < entries.length)
    add('chain-gap', `${backups.length} backups found, ${entries.length} expected, one for each owner`);
  if (backups.length > entries.length)
    add('chain-duplicate', `${backups.length} backups found, ${entries.length} expected, one for each owner`);
  if (new Set(backups).size !== backups.length) add('chain-duplicate', 'a backup stands twice');
  entries.forEach((e, n) => {
    const hex = backups[n];
    if (hex === undefined) return;
    try {
      checkBackup(coin, e, hex);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      add(error.code, `the backup of owner ${n}: ${error.message}`);
    }
  });
  return found;
}

/** @throws Refusal `transaction-differs`, `signature-invalid`, `malformed-transaction` */
export function checkBackup(coin: Coin, e: Pick<OwnerEntry, 'address' | 'locktime' | 'sighash'>, hex: Hex): void {
  const template = backup(coin, e);
  if (bytesToHex(taprootSighash(template, 0)) !== e.sighash)
    throw new Refusal('transaction-differs', 'another sighash than the operator has recorded');
  const found = parseBareTransaction(hex);
  const signature = found.stacks[0]?.[0];
  if (!signature) throw new Refusal('signature-invalid', 'no witness found');
  if (withWitness(template, [[signature]]) !== hex)
    throw new Refusal(
      'transaction-differs',
      difference(template, found) ?? 'a witness of more than a signature, or an encoding of its own',
    );
  if (!verifies(bytesToHex(signature), hexToBytes(e.sighash), scriptOfCoin(coin.terms).slice(4)))
    throw new Refusal('signature-invalid', 'its signature does not verify');
}

/**
 * Checks points 2, 3 and 9 and the record's age against the chain. `least`: least blocks until the
 * last backup. `confirmations`: least depth of the coin, beside its own terms.
 */
export function checkChain(
  { coin, record }: Pick<History, 'coin' | 'record'>,
  { tip, coins }: Pick<Facts, 'tip' | 'coins'>,
  least: number,
  confirmations = 0,
): HistoryFault[] {
  const found: HistoryFault[] = [];
  const minConf = HISTORY_LIMITS.depth.least(coin.terms.min_conf, confirmations);
  const add = (point: number, code: ErrorCode, text: string) => found.push({ point, code, text });
  if (coins !== 'not-checked') {
    const at = outpointText(coin.outpoint);
    const seen = coins.get(at) ?? 'missing';
    const { sat, script } = spentCoin(coin);
    if (seen === 'missing') add(2, 'funding-missing', `the coin ${at} is not among the unspent ones`);
    else {
      if (seen.script !== script || seen.sat !== sat)
        add(3, 'unsafe-funding', `${at} holds ${seen.sat} sat for script ${seen.script}, not the coin`);
      if (!isMature(seen)) add(2, 'funding-unconfirmed', maturing(at, seen));
      if (seen.confirmations < minConf)
        add(2, 'funding-unconfirmed', `${seen.confirmations} confirmations found, ${minConf} expected`);
    }
  }
  if (tip !== 'not-checked') {
    const remaining = record.entries.at(-1)!.locktime - tip;
    if (remaining < HISTORY_LIMITS.remaining.least(least))
      add(9, 'expired', `${remaining} blocks until the last backup is valid found, ${least} expected`);
    if (!allows(HISTORY_LIMITS.age, Math.abs(tip - record.height)))
      add(1, 'stale-record', `a record of height ${record.height} found at height ${tip}`);
  }
  return found;
}

/** @throws Refusal of the first finding, all of them in words */
export function refuseFindings(found: readonly HistoryFault[], blame: string): void {
  const [first] = found;
  if (!first) return;
  throw new Refusal(first.code, found.map(({ point, text }) => `point ${point}: ${text}`).join('; '), { blame });
}
