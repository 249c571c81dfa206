/**
 * Ecash as the rider of a contract (`credit/rider.ts`): payments become tokens.
 *
 * If the payee issues, the payer adds blinded outputs for exactly its amount. The payee signs them
 * in the commit that counts the payment, and the payer unblinds. If a running mint issues, each
 * payment belongs to a quote (`payments.ts`). The exchange is not atomic: the payer signs first,
 * and risks the payment under way.
 */
import * as v from 'valibot';
import { maxSat } from '../bitcoin/amount.ts';
import { LOCKS } from '../credit/jobs.ts';
import { checkReceipt } from '../credit/receipt.ts';
import { checkAmounts } from '../credit/request.ts';
import type { RiderRecords, Ride, Rider } from '../credit/rider.ts';
import { withSpan } from '../credit/spans.ts';
import { FUNDED, inState, type Credit, type PayerCredit } from '../credit/records.ts';
import type { Terms } from '../credit/terms.ts';
import type { UpdateAt, UpdateMessage } from '../credit/update-messages.ts';
import type { Claim, Hand, Hex, Effects } from '../protocol/action.ts';
import { hexOf } from '../protocol/message.ts';
import { Refusal } from '../protocol/refusal.ts';
import { newToken, tokenClaim, tokenKind, type TokenRecord } from './in-hand.ts';
import {
  ACTIVE,
  checkKeyset,
  keysetClaim,
  keysetId,
  keysetKind,
  keysetSchema,
  newWallet,
  type Keyset,
  type KeysetRecord,
} from './keyset.ts';
import {
  hasCome,
  ledgerKind,
  ledgerOf,
  payeeLedger,
  payerLedger,
  receiving,
  sumOf,
  waits,
  type Awaited,
  type Ledger,
  type PayerLedger,
} from './ledger.ts';
import { loadCashu } from './library.ts';
import {
  amountsFor,
  checkOutputsSigned,
  outputs,
  blindedOutputs,
  placesFrom,
  promises,
  signOutputs,
  tokenOf,
  type BlindPromise,
  type OutputPlace,
} from './outputs.ts';
import {
  checkTakesQuotes,
  creditPayment,
  inflightQueries,
  payForQuote,
  quoteOf,
  quoteQuery,
  reserveAsked,
  stillInflight,
} from './payments.ts';
import { checkOutputs, checkUnsigned, outputNote, promiseNotes, readSigned, signBlindly } from './promise.ts';
import { checkNotStopped, quoteKind, type Quote } from './quote.ts';

const forms = {
  requested: v.strictObject({ keyset: keysetSchema }),
  signed: v.strictObject({ keyset_id: keysetId, outputs, signature: hexOf(64) }),
  accepted: v.strictObject({ keyset_id: keysetId, promises }),
};
type Forms = typeof forms;
/** Returns the ecash field of a message. */
const inIt = <S extends keyof Forms>(m: { step: S; ecash: object | null }) => m.ecash as v.InferOutput<Forms[S]> | null;

interface EcashRecords {
  ledger?: Ledger;
  keyset?: KeysetRecord;
  quote?: Quote;
  token?: TokenRecord;
}
const mine = (records: Partial<RiderRecords>): EcashRecords => records as EcashRecords;

/** Returns whether the payee itself answers payments with blind signatures. */
export const issuesHere = (terms: Terms): boolean => terms.ecash === 'home' || terms.ecash === 'signer';

/** Returns the mint that a token names. One in a home has no URL; its contract identifies it. */
export const tokenMint = (terms: Terms): string => terms.mint_url ?? `spillway:${terms.payee_pubkey}`;

/** Returns the text that the payer signs with its outputs: they are for one sum of one contract. */
const boundOf = (id: Hex, paid: bigint): string => `spillway/${id}/${paid}`;

/** Returns the claim of a step's keyset: the active one for a request, later the one it named. */
function keysetOf(m: UpdateMessage | null, c: Credit | undefined): Claim | undefined {
  if (!c || !('terms' in c) || !issuesHere(c.terms)) return undefined;
  if (c.role === 'payee') {
    if (m?.step !== 'signed') return ACTIVE;
    const paid = inIt(m);
    return paid ? keysetClaim('mint', paid.keyset_id) : undefined;
  }
  const offer = m?.step === 'requested' ? inIt(m) : null;
  if (offer) return keysetClaim('wallet', offer.keyset.id);
  const come = m?.step === 'accepted' ? inIt(m) : null;
  return come ? keysetClaim('wallet', come.keyset_id) : undefined;
}

/** Returns the claim of the token that a message brings, if its ecash is still awaited. */
function tokenOfStep(m: UpdateMessage | null, { ledger: l, keyset }: EcashRecords): Claim | undefined {
  if (m?.step !== 'accepted' || l?.role !== 'payer') return undefined;
  const due = dueFor(l, m);
  return due && keyset ? tokenClaim(due.keyset, paymentPlaces(due, keyset.keyset)) : undefined;
}
const dueFor = (l: PayerLedger, m: UpdateAt<'accepted'>): Awaited | undefined =>
  l.awaited.find((a) => a.paidSat === m.paid_sat && a.amountSat === m.amount_sat && a.keyset === inIt(m)?.keyset_id);

/** Returns the places of a payment's secrets, as they were drawn. */
export const paymentPlaces = (
  { counter, amountSat }: Pick<Awaited, 'counter' | 'amountSat'>,
  keyset: Keyset,
): OutputPlace[] => placesFrom(counter, amountsFor(amountSat, keyset));

const arrival = (m: UpdateAt<'accepted'>): string => `ecash/${m.contract.id}/${m.paid_sat}`;

export const rider: Rider = {
  kinds: { ledger: ledgerKind, keyset: keysetKind, quote: quoteKind, token: tokenKind },
  forms,
  unattended: [
    'where the payee signs no ecash',
    ({ records: { contract: c } }) => c !== undefined && 'terms' in c && !issuesHere(c.terms),
  ],
  words: { accepted: 'completes the update and keeps it: its exit; signs the ecash that it becomes' },
  beside(c) {
    const ledger = ledgerOf(c);
    return { ...(ledger && { ledger }) };
  },
  find(m, c, records) {
    const [keyset, quote, token] = [keysetOf(m, c), quoteOf(m, c), tokenOfStep(m, mine(records))];
    return { ...this.beside(c), ...(keyset && { keyset }), ...(quote && { quote }), ...(token && { token }) };
  },
  needs(m, c, records) {
    if (m?.step === 'requested') return { notes: [], remote: inflightQueries(c, mine(records).ledger) };
    const signed = m?.step === 'signed' ? (inIt(m)?.outputs ?? []).map(({ B_ }) => outputNote(B_)) : [];
    return { notes: m?.step === 'accepted' ? [arrival(m)] : signed, remote: quoteQuery(m, c) };
  },
  loads: (m, input) => ('ecash' in m && m.ecash && (m.step !== 'requested' || input.ecash) ? loadCashu() : undefined),
  asks(terms, { quote }) {
    if (quote !== undefined) checkTakesQuotes(terms);
  },
  offers(c, asked, amount, { records, facts }) {
    const { keyset: known, quote } = mine(records);
    // Refuses before the payer signs for what would be refused later.
    if (quote?.contract === c.id) checkNotStopped(quote);
    const keyset = known?.role === 'mint' ? known.keyset : null;
    return {
      says: keyset && { keyset },
      offered: keyset?.id ?? null,
      writes: reserveAsked(c, asked, amount, quote, facts),
    };
  },
  pays(hand, c, m, { records, input, facts }, grows) {
    const { ledger, keyset } = mine(records);
    const had = payerLedger(c, ledger);
    if (grows) checkAwaited(had, m, input.maxInflight);
    const paid = input.ecash && !hasCome(had, m.paid_sat) ? payForEcash(hand, c, had, m, keyset) : undefined;
    const isQuoted = c.terms.ecash === 'cdk';
    if (!paid && !isQuoted) return { says: null };
    const now = {
      ...had,
      paidSat: maxSat(had.paidSat, m.paid_sat),
      seen: withSpan(had.seen, { fromSat: m.previous_paid_sat, toSat: m.paid_sat }),
      ...(paid && { awaited: paid.awaited }),
    };
    return {
      says: paid?.says ?? null,
      writes: {
        ledger: isQuoted ? payForQuote(now, c, m, facts.remote, input.maxInflight) : now,
        ...(paid && { keyset: paid.keyset }),
      },
    };
  },
  accepts(hand, c, offered, m, { records, facts }) {
    const { ledger, keyset: known, quote } = mine(records);
    const paid = inIt(m);
    const keyset = paid && checkIssue(c.id, c.terms, offered, m, paid, known, facts.notes);
    const done = (signed: readonly BlindPromise[] | null): Ride => {
      if (c.terms.ecash === 'none') return { says: null };
      const had = payeeLedger(c, ledger);
      const { quoted, ...credited } = creditPayment(had, m.asked, m.amount_sat, quote, facts);
      const issuedSat = had.issuedSat + (signed ? m.amount_sat : 0n);
      return {
        says: signed && { keyset_id: paid!.keyset_id, promises: [...signed] },
        writes: { ledger: { ...had, paidSat: m.paid_sat, issuedSat, quoted }, ...credited },
        notes: signed ? promiseNotes(c.id, paid!.outputs, signed) : [],
      };
    };
    if (!keyset) return { done: () => done(null) };
    const { path } = keyset;
    if (path) return { done: () => done(signBlindly(hand.keys, path, paid!.outputs)) };
    return {
      asks: { program: 'signer', body: { contract: c.id, paid_sat: m.paid_sat, outputs: paid!.outputs } },
      done: (answer) => done(readSigned(answer, keyset.keyset, paid!.outputs)),
    };
  },
  rows: (row) => [
    row({
      name: 'received',
      after: 'accepted',
      by: 'payer',
      does: 'checks and unblinds the ecash: prints the token, which is money',
      when: ['of a payment that became ecash', ({ message }) => message.ecash !== null],
      secret: true,
      needs: ({ message }) => ({ notes: [arrival(message)] }),
      loads: () => loadCashu(),
      take: ({ message: m, records, facts, ...hand }) => {
        const c = inState(records.contract, 'payer', ...FUNDED);
        checkAmounts(m, 'payee');
        checkReceipt(c, m.paid_sat, m.receipt, 'payee');
        const { ecash: _, ...said } = m;
        const { token, ...kept } = receiveEcash(hand, c, m, mine(records), facts.notes);
        return { message: { ...said, step: 'received', token }, ...kept };
      },
    }),
  ],
  owes: (c, records) => inflightQueries(c, mine(records).ledger),
  checkEnds(c, records, found) {
    const { ledger: l } = mine(records);
    if (c.role !== 'payer' || l?.role !== 'payer') return;
    const missing = sumOf(l.awaited) + sumOf(stillInflight(l, found));
    if (missing > 0n)
      throw new Refusal('update-in-flight', `${missing} sat were signed for ecash that has not come`, {
        hint: "give the payee's last message to sign-update again, or ecash-mint; or let the payee open the close",
      });
  },
  hint: (records) => waits(mine(records).ledger),
};

/**
 * Makes the payer's outputs for a payment: from unused counters, or the same again for a repeated
 * request.
 * @throws Refusal `no-ecash`, `no-keyset`, `keyset-differs`, `ecash-restore-first`
 */
function payForEcash(
  hand: Hand,
  c: PayerCredit,
  { awaited }: PayerLedger,
  m: UpdateAt<'requested'>,
  known: KeysetRecord | undefined,
) {
  if (!issuesHere(c.terms))
    throw new Refusal('no-ecash', `the issuer of this contract's ecash is '${c.terms.ecash}': nothing to sign here`, {
      hint: c.terms.ecash === 'cdk' ? 'pay without --ecash, then run ecash-mint' : 'pay without --ecash',
    });
  const offer = inIt(m);
  if (!offer)
    throw new Refusal('no-keyset', 'the payee has no active keyset', { hint: 'the mint makes one with ecash-keyset' });
  const keyset = checkKeyset(offer.keyset, 'payee');
  const record = known?.role === 'wallet' ? known : newWallet(keyset, hand.mayRepeat);
  if (record.restored)
    throw new Refusal(
      'ecash-restore-first',
      `keyset ${keyset.id}: the counters of this wallet may be older than what it used`,
      {
        hint: `spillway ecash-restore --contract ${c.id.slice(0, 8)} --keyset ${keyset.id} finds what was used`,
      },
    );
  const now = { paidSat: m.paid_sat, amountSat: m.amount_sat, keyset: keyset.id };
  const had = awaited.find(
    (a) => a.paidSat === now.paidSat && a.amountSat === now.amountSat && a.keyset === now.keyset,
  );
  const due: Awaited = had ?? { ...now, counter: record.counter };
  const places = paymentPlaces(due, keyset);
  const outs = blindedOutputs(hand.keys.seed(), keyset.id, places);
  const signature = signOutputs(hand.keys.secret(c.own.path, LOCKS), boundOf(c.id, m.paid_sat), outs);
  return {
    says: { keyset_id: keyset.id, outputs: outs, signature },
    awaited: had ? awaited : [...awaited, due],
    keyset: had ? record : { ...record, counter: record.counter + places.length },
  };
}

/** Limits what is paid before ecash for earlier payments came. @throws Refusal `ecash-awaited` */
function checkAwaited({ awaited }: PayerLedger, m: UpdateAt<'requested'>, most: bigint | undefined): void {
  const others = awaited.filter((a) => a.paidSat !== m.paid_sat);
  const sum = sumOf(others);
  if (most === undefined ? others.length > 0 : sum + m.amount_sat > most)
    throw new Refusal('ecash-awaited', `${sum} sat were paid whose ecash has not arrived`, {
      hint: `give the payee's 'accepted' to sign-update once more; or allow more with --max-inflight SAT`,
    });
}

/**
 * Checks that the payee may sign these outputs for this update. A contract without an issuer here
 * was offered no keyset.
 * @throws Refusal `keyset-unknown`, `outputs-differ`, `outputs-repeated`, `outputs-unsigned`
 */
function checkIssue(
  id: Hex,
  terms: Terms,
  offered: string | null,
  m: UpdateAt<'signed'>,
  { keyset_id, outputs: outs, signature }: v.InferOutput<Forms['signed']>,
  keyset: KeysetRecord | undefined,
  notes: ReadonlyMap<string, unknown>,
): Extract<KeysetRecord, { role: 'mint' }> {
  if (offered !== keyset_id)
    throw new Refusal('keyset-unknown', `outputs of keyset ${keyset_id} found, ${offered ?? 'none'} was offered`, {
      blame: 'payer',
    });
  // A request offers only a keyset that has a record, and records of own keysets stay.
  if (keyset?.role !== 'mint') throw new Refusal('bug', `keyset ${keyset_id} was offered, and has no record`);
  checkOutputs(outs, keyset.keyset, m.amount_sat);
  checkOutputsSigned(terms.ecash_pubkey!, boundOf(id, m.paid_sat), outs, signature);
  checkUnsigned(outs, notes);
  return keyset;
}

/**
 * Makes the token of a payment, checked and unblinded, and notes that it has come.
 * @throws Refusal `no-ecash`, `promises-differ`, `dleq-invalid`
 */
function receiveEcash(
  hand: Hand,
  c: PayerCredit,
  m: UpdateAt<'accepted'>,
  { ledger, keyset: known, token: held }: EcashRecords,
  notes: ReadonlyMap<string, unknown>,
): { token: string } & Pick<Effects<RiderRecords>, 'writes' | 'notes' | 'rests'> {
  if (known?.role !== 'wallet')
    throw new Refusal('no-ecash', 'the message brings no ecash', {
      hint: 'ecash comes of payments that were signed with --ecash',
    });
  // The message's ecash names the wallet's keyset.
  const { keyset_id, promises: signed } = inIt(m)!;
  const had = payerLedger(c, ledger);
  const before = notes.get(arrival(m)) as { amount_sat: number; keyset: Hex; counter: number } | undefined;
  const due =
    dueFor(had, m) ??
    (before && { amountSat: BigInt(before.amount_sat), keyset: before.keyset, counter: before.counter });
  if (!due || due.keyset !== keyset_id || due.amountSat !== m.amount_sat)
    throw new Refusal('promises-differ', 'blind signatures found for outputs that this home has not sent', {
      blame: 'payee',
    });
  const [places, mint] = [paymentPlaces(due, known.keyset), tokenMint(c.terms)];
  const token = tokenOf(hand.keys.seed(), places, known.keyset, signed, mint);
  if (before) return { token, writes: {}, rests: [tokenClaim(keyset_id, places)] };
  const { amountSat, keyset, counter } = due;
  const made = newToken({ contract: c.id, mint, keyset: keyset_id, places, quote: null, promises: signed });
  return {
    token,
    writes: { ledger: receiving(had, [{ paidSat: m.paid_sat, amountSat }]), ...(!held && { token: made }) },
    notes: [{ name: arrival(m), body: { amount_sat: amountSat, keyset, counter } }],
  };
}
