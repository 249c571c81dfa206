/**
 * A payment over a contract becomes ecash: the payer adds blinded outputs for exactly its amount, the payee signs them in
 * the commit that counts the payment, and the payer unblinds.
 *
 * It is no exchange at one stroke: the payer signs first, and what it risks is the payment under way. Ecash itself:
 * `ecash/`. Contracts whose sats a running mint issues: not here.
 */
import { ACTIVE, checkKeyset, keysetClaim, newWallet, type Keyset, type KeysetRecord } from '../ecash/keyset.ts';
import {
  amountsFor,
  checkOutputsSigned,
  outputsOf,
  placesFrom,
  signOutputs,
  tokenOf,
  type Place,
} from '../ecash/outputs.ts';
import { newToken, tokenClaim, type TokenRecord } from '../ecash/in-hand.ts';
import { checkOutputs, checkUnsigned, outputNote } from '../ecash/promise.ts';
import type { Claim, Hand, Hex, Note } from '../protocol/action.ts';
import type { Json } from '../protocol/json.ts';
import { Refusal } from '../protocol/refusal.ts';
import { receiving } from './arrivals.ts';
import { LOCKS } from './jobs.ts';
import type { Awaited, Credit, Live, PayeeCredit, PayerCredit } from './records.ts';
import type { Terms } from './terms.ts';
import type { UpdateAt, UpdateMessage } from './update-messages.ts';

/** Does the payee itself answer a payment with blind signatures? */
export const issuesHere = (terms: Terms): boolean => terms.ecash === 'home' || terms.ecash === 'signer';

/** The mint that a token names. One in a home has no address: its customers know it by the contract. */
export const tokenMint = (terms: Terms): string => terms.mint_url ?? `spillway:${terms.payee_pubkey}`;

/** What the payer signs with its outputs: they are for one sum of one contract. */
const quoteOf = (id: Hex, paid: bigint): string => `spillway/${id}/${paid}`;

/** Where the keyset of a step lies: the active one for a request, afterwards the one that it named. */
export function keysetOf(m: UpdateMessage | null, c: Credit | undefined): Claim | undefined {
  if (!c || !('terms' in c) || !issuesHere(c.terms)) return undefined;
  if (c.role === 'payee') {
    if (m?.step !== 'signed') return ACTIVE;
    return m.ecash ? keysetClaim('mint', m.ecash.keyset_id) : undefined;
  }
  if (m?.step === 'requested') return m.ecash ? keysetClaim('wallet', m.ecash.keyset.id) : undefined;
  return m?.step === 'accepted' && m.ecash ? keysetClaim('wallet', m.ecash.keyset_id) : undefined;
}

/** Name of the token that a message brings, where its ecash is still awaited. */
export function tokenOfStep(
  m: UpdateMessage | null,
  c: Credit | undefined,
  known: KeysetRecord | undefined,
): Claim | undefined {
  if (m?.step !== 'accepted' || !m.ecash || c?.role !== 'payer' || !('awaited' in c)) return undefined;
  const due = dueFor(c, m, m.ecash.keyset_id);
  return due && known ? tokenClaim(due.keyset, placesOf(due, known.keyset)) : undefined;
}
const dueFor = (c: PayerCredit, m: UpdateAt<'accepted'>, keyset: Hex): Awaited | undefined =>
  c.awaited.find((a) => a.paidSat === m.paid_sat && a.amountSat === m.amount_sat && a.keyset === keyset);

/** Names of blinded outputs that a message wants signed. */
export const outputNotes = (m: UpdateAt<'signed'>): string[] =>
  (m.ecash?.outputs ?? []).map(({ B_ }) => outputNote(B_));

/** The secrets of a payment, as they were drawn. */
export const placesOf = ({ counter, amountSat }: Awaited, keyset: Keyset): Place[] =>
  placesFrom(counter, amountsFor(amountSat, keyset));

/**
 * Payer: outputs for the payment, from counters that were never used, or again those that this payment was given before.
 * @throws Refusal `no-ecash`, `no-keyset`, `keyset-differs`, `ecash-restore-first`
 */
export function payForEcash(hand: Hand, c: PayerCredit, m: UpdateAt<'requested'>, known: KeysetRecord | undefined) {
  if (!issuesHere(c.terms))
    throw new Refusal('no-ecash', `the issuer of this contract's ecash is '${c.terms.ecash}': nothing to sign here`, {
      hint: c.terms.ecash === 'cdk' ? 'pay without --ecash, then run ecash-mint' : 'pay without --ecash',
    });
  if (!m.ecash)
    throw new Refusal('no-keyset', 'the payee has no active keyset', { hint: 'the mint makes one with ecash-keyset' });
  const keyset = checkKeyset(m.ecash.keyset, 'payee');
  const record = known?.role === 'wallet' ? known : newWallet(keyset, hand.mayRepeat);
  if (record.restored)
    throw new Refusal(
      'ecash-restore-first',
      `keyset ${keyset.id}: the counters of this wallet may be older than what it used`,
      {
        hint: `spillway ecash-restore --contract ${c.id.slice(0, 8)} --keyset ${keyset.id} finds what was used`,
      },
    );
  const same = (a: Awaited) => a.paidSat === m.paid_sat && a.amountSat === m.amount_sat && a.keyset === keyset.id;
  const had = c.awaited.find(same);
  const now: Awaited = had ?? {
    paidSat: m.paid_sat,
    amountSat: m.amount_sat,
    keyset: keyset.id,
    counter: record.counter,
  };
  const places = placesOf(now, keyset);
  const outs = outputsOf(hand.keys.seed(), keyset.id, places);
  const signature = signOutputs(hand.keys.secret(c.own.path, LOCKS), quoteOf(c.id, m.paid_sat), outs);
  return {
    ecash: { keyset_id: keyset.id, outputs: outs, signature },
    awaited: had ? c.awaited : [...c.awaited, now],
    keyset: had ? record : { ...record, counter: record.counter + places.length },
  };
}

/**
 * Payer: what is paid and has not come back bounds what may be paid beyond it.
 * @throws Refusal `ecash-awaited`
 */
export function checkInflight(c: PayerCredit, m: UpdateAt<'requested'>, most: bigint | undefined): void {
  const others = c.awaited.filter((a) => a.paidSat !== m.paid_sat);
  const sum = others.reduce((all, a) => all + a.amountSat, 0n);
  const over = most === undefined ? others.length > 0 : sum + m.amount_sat > most;
  if (over)
    throw new Refusal('ecash-awaited', `${sum} sat were paid whose ecash has not arrived`, {
      hint: `give the payee's 'accepted' to sign-update once more; or allow more with --max-inflight SAT`,
    });
}

/**
 * Payee: may these outputs be signed, for this update? A contract without an issuer here was offered no keyset.
 * @throws Refusal `keyset-unknown`, `outputs-differ`, `outputs-repeated`, `outputs-unsigned`
 */
export function checkIssue(
  c: PayeeCredit,
  live: Live,
  m: UpdateAt<'signed'>,
  keyset: KeysetRecord | undefined,
  notes: ReadonlyMap<string, Json>,
): {
  outs: NonNullable<UpdateAt<'signed'>['ecash']>['outputs'];
  keyset: Extract<KeysetRecord, { role: 'mint' }>;
} | null {
  if (!m.ecash) return null;
  const { keyset_id, outputs, signature } = m.ecash;
  if (live.keyset !== keyset_id)
    throw new Refusal('keyset-unknown', `outputs of keyset ${keyset_id} found, ${live.keyset ?? 'none'} was offered`, {
      blame: 'payer',
    });
  // A request offers a keyset out of its record, and a record of one's own keyset stays for good.
  if (keyset?.role !== 'mint') throw new Refusal('bug', `keyset ${keyset_id} was offered, and has no record`);
  checkOutputs(outputs, keyset.keyset, m.amount_sat);
  checkOutputsSigned(c.terms.ecash_pubkey!, quoteOf(c.id, m.paid_sat), outputs, signature);
  checkUnsigned(outputs, notes);
  return { outs: outputs, keyset };
}

const arrival = (id: Hex, paid: bigint): string => `ecash/${id}/${paid}`;
/** Under which names the arrival of this message's ecash may have been noted. */
export const arrivalNotes = (m: UpdateAt<'accepted'>): string[] => [arrival(m.contract.id, m.paid_sat)];

/**
 * Payer: the token of a payment, checked and unblinded; and that it has come, so that the next one may be paid.
 * @throws Refusal `no-ecash`, `asked-unknown`, `promises-differ`, `dleq-invalid`
 */
export function receiveEcash(
  hand: Hand,
  c: PayerCredit,
  m: UpdateAt<'accepted'>,
  known: KeysetRecord | undefined,
  notes: ReadonlyMap<string, Json>,
): { token: string; held?: TokenRecord; contract: PayerCredit; notes: Note[]; rests?: readonly Claim[] } {
  if (known?.role !== 'wallet')
    throw new Refusal('no-ecash', 'the message brings no ecash', {
      hint: 'ecash comes of payments that were signed with --ecash',
    });
  // Which wallet it is the message's ecash has said.
  const { keyset_id, promises } = m.ecash!;
  const name = arrival(c.id, m.paid_sat);
  const before = notes.get(name) as unknown as { amount_sat: number; keyset: Hex; counter: number } | undefined;
  const due =
    dueFor(c, m, keyset_id) ??
    (before && {
      paidSat: m.paid_sat,
      amountSat: BigInt(before.amount_sat),
      keyset: before.keyset,
      counter: before.counter,
    });
  if (!due || due.keyset !== keyset_id || due.amountSat !== m.amount_sat)
    throw new Refusal('promises-differ', 'blind signatures found for outputs that this home has not sent', {
      blame: 'payee',
    });
  const [places, mint] = [placesOf(due, known.keyset), tokenMint(c.terms)];
  const token = tokenOf(hand.keys.seed(), places, known.keyset, promises, mint);
  if (before) return { token, contract: c, notes: [], rests: [tokenClaim(keyset_id, places)] };
  return {
    token,
    held: newToken({ contract: c.id, mint, keyset: keyset_id, places, quote: null, promises }),
    contract: receiving(c, [due]),
    notes: [{ name, body: { amount_sat: due.amountSat, keyset: due.keyset, counter: due.counter } }],
  };
}
