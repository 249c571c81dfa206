/**
 * The action `ecash-restore`: asked (payer), answered (payee), restored (payer).
 *
 * A wallet that was restored from a backup does not know which secrets it has used since. It shows
 * the blinded outputs of the next counters, and the payee returns what it signed of them, as in
 * NUT-09. Then the wallet has its lost ecash, and draws new secrets beyond. Whether a token was
 * spent meanwhile, only the mint that redeems it knows.
 *
 * The search ends after so many unused counters in a row. Only then the wallet pays again.
 */
import * as v from 'valibot';
import { bytesToHex } from '../bitcoin/bytes.ts';
import {
  checkKeyset,
  keysetClaim,
  keysetId,
  keysetKind,
  keysetSchema,
  newWallet,
  type KeysetRecord,
} from './keyset.ts';
import { newToken, tokenClaim, tokenKind, type TokenRecord } from './in-hand.ts';
import { loadCashu } from './library.ts';
import { blindedOutputs, placesFrom, promise, tokenOf, type BlindPromise, type OutputPlace } from './outputs.ts';
import { outputNote } from './promise.ts';
import { table, type Hex } from '../protocol/action.ts';
import { idClaim } from '../protocol/claims.ts';
import { withSats } from '../protocol/json.ts';
import { hexOf, messageParser, pubkey, sat, type MessageOf, checkSame } from '../protocol/message.ts';
import { wholeIn, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import {
  ledgerKind,
  ledgerOf,
  payerLedger,
  receiving,
  sumOf,
  type Awaited,
  type Ledger,
  type PayerLedger,
  type EcashSearch,
} from './ledger.ts';
import { issuesHere, paymentPlaces, tokenMint } from './rider.ts';
import { checkReceipt } from '../credit/receipt.ts';
import { FUNDED, creditKind, inState, type Credit, type PayeeCredit, type PayerCredit } from '../credit/records.ts';
import { signedUpTo } from '../credit/owed.ts';
import { checkHome, overContract } from '../credit/steps.ts';
import { contractSchema, viewOf } from '../credit/terms.ts';

/** Counters in one round, and unused ones in a row that end the search. */
const WINDOW = 100;
const GAP = 50;
export const RESTORE_LIMITS = {
  /** Counters above this are hardened in BIP32. */
  counter: { unit: 'number', least: 0, most: 0x7fffffff },
  outputs: { unit: 'items', least: 1, most: 1_000 },
} satisfies Limits;

const counter = wholeIn(RESTORE_LIMITS.counter);
const signedOutput = v.strictObject({ B_: pubkey, ...promise.entries });
/** Fields of a question; its `id` is new each time, so that asking again gets a new answer. */
const base = {
  contract: contractSchema,
  id: hexOf(16),
  keyset_id: keysetId,
  outputs: v.pipe(
    v.array(v.strictObject({ counter, B_: pubkey })),
    v.minLength(RESTORE_LIMITS.outputs.least),
    v.maxLength(RESTORE_LIMITS.outputs.most),
  ),
};
const answer = {
  ...base,
  keyset: keysetSchema,
  paid_sat: sat,
  receipt: v.nullable(hexOf(64)),
  found: v.pipe(v.array(signedOutput), v.maxLength(RESTORE_LIMITS.outputs.most)),
};
const steps = {
  asked: base,
  answered: answer,
  /** Result: `token` is money, or null; `search` is 'more' if later counters may be used. */
  restored: {
    contract: contractSchema,
    id: hexOf(16),
    keyset_id: keysetId,
    next_counter: counter,
    search: v.picklist(['complete', 'more']),
    token_sat: sat,
    token: v.nullable(v.pipe(v.string(), v.startsWith('cashuB'))),
  },
} as const;
export type EcashRestoreMessage = MessageOf<typeof steps>;
export interface EcashRestoreInput {
  contract?: Hex;
  keyset?: Hex;
  /** First counter to search from. */
  from?: number;
  /** Coins of this keyset that were paid for over other contracts, and that this home lacks. */
  due?: readonly OutputPlace[];
}
type RestoreRecords = { contract: Credit; ledger: Ledger; keyset: KeysetRecord; token: TokenRecord };

export const ecashRestore = table<EcashRestoreMessage, RestoreRecords, EcashRestoreInput>(
  {
    type: 'ecash-restore',
    server: 'payee',
    kinds: { contract: creditKind, ledger: ledgerKind, keyset: keysetKind, token: tokenKind },
    parse: messageParser('ecash-restore', steps),
    find: (m, input, { contract }) => {
      const id = m?.keyset_id ?? input.keyset;
      const role = contract?.role === 'payee' ? 'mint' : 'wallet';
      const ledger = contract?.role === 'payer' ? ledgerOf(contract) : undefined;
      const places = m?.step === 'answered' && role === 'wallet' ? statedIn(m) : [];
      return {
        contract: idClaim(m?.contract.id ?? input.contract ?? ''),
        ...(ledger && { ledger }),
        ...(contract && id !== undefined && { keyset: keysetClaim(role, id) }),
        ...(places.length > 0 && { token: tokenClaim(m!.keyset_id, places) }),
      };
    },
    ...overContract,
  },
  (row) => [
    row({
      name: 'asked',
      after: null,
      by: 'payer',
      does: 'shows the blinded outputs that it may have used',
      asks: ['contract', 'keyset'],
      may: ['from', 'due'],
      loads: () => loadCashu(),
      take: ({ records, input, ...hand }) => {
        const c = payerOf(records.contract);
        checkIssues(c);
        if (!v.is(keysetId, input.keyset)) throw new Refusal('no-keyset', `${input.keyset} is the id of no keyset`);
        const wallet = records.keyset?.role === 'wallet' ? records.keyset : undefined;
        const ledger = payerLedger(c, records.ledger);
        const own = wallet ? awaitedOf(ledger, wallet.keyset.id).flatMap((a) => paymentPlaces(a, wallet.keyset)) : [];
        const next = placesFrom(input.from ?? wallet?.counter ?? 0, UNITS);
        const places = once([...own, ...next, ...(input.due ?? [])]).slice(0, RESTORE_LIMITS.outputs.most);
        const made = blindedOutputs(hand.keys.seed(), input.keyset, places);
        const search: EcashSearch = { keyset: input.keyset, id: bytesToHex(hand.random(16)) };
        return {
          message: {
            step: 'asked',
            network: c.terms.network,
            contract: viewOf(c),
            id: search.id,
            keyset_id: input.keyset,
            outputs: made.map(({ B_ }, i) => ({ counter: places[i]!.counter, B_ })),
          },
          writes: {
            ledger: {
              ...ledger,
              searches: [...ledger.searches.filter(({ keyset }) => keyset !== search.keyset), search],
            },
          },
        };
      },
    }),
    row({
      name: 'answered',
      after: 'asked',
      by: 'payee',
      does: 'gives back what it has signed of them',
      needs: ({ message }) => ({ notes: message.outputs.map(({ B_ }) => outputNote(B_)) }),
      take: ({ message: m, records, facts, ...hand }) => {
        // A lost store may have signed more, so nothing is stated.
        checkHome(hand);
        const c = inState(records.contract, 'payee', 'accepted', ...FUNDED);
        checkIssues(c);
        if (records.keyset?.role !== 'mint')
          throw new Refusal('keyset-unknown', `this home has no keyset ${m.keyset_id}`, { blame: 'payer' });
        const { keyset } = records.keyset;
        const found = m.outputs.flatMap(({ B_ }) => {
          const note = facts.notes.get(outputNote(B_));
          if (!note) return [];
          const { contract: _, ...signed } = withSats(note) as BlindPromise & { contract: Hex };
          return signed.id === m.keyset_id ? [{ B_, ...signed }] : [];
        });
        const said = { keyset, paid_sat: c.paidSat, receipt: c.receipt, found };
        return { message: { ...m, step: 'answered', ...said }, writes: {}, passing: true };
      },
    }),
    row({
      name: 'restored',
      after: 'answered',
      by: 'payer',
      stands: true,
      does: 'checks and unblinds them: prints the token, and draws new secrets beyond',
      secret: true,
      loads: () => loadCashu(),
      take: ({ message: m, records, ...hand }) => {
        const had = payerOf(records.contract);
        checkIssues(had);
        checkReceipt(had, m.paid_sat, m.receipt, 'payee');
        const keyset = checkKeyset(m.keyset, 'payee');
        checkSame({ id: m.keyset_id }, keyset, 'payee');
        const ledger = payerLedger(had, records.ledger);
        checkAskedLast(ledger, m);
        const c = signedUpTo(had, m.paid_sat);
        const wallet = records.keyset?.role === 'wallet' ? records.keyset : newWallet(keyset, true);
        const shown = shownIn(m, hand.keys.seed());
        const mine = foundIn(m, shown);
        const places = mine.map(({ place }) => place);
        const [promises, mint] = [mine.map(({ signed }) => signed), tokenMint(c.terms)];
        const token = mine.length === 0 ? null : tokenOf(hand.keys.seed(), places, keyset, promises, mint);
        const of = { contract: c.id, mint, keyset: keyset.id, places, quote: null, promises, older: true };
        const counters = new Set(shown.values());
        // A search that began beyond the counter says nothing about the counters between.
        const last = counters.has(wallet.counter) ? Math.max(-1, ...places.map(({ counter }) => counter)) : -1;
        const next = Math.max(wallet.counter, last + 1);
        const covered = counters.has(wallet.counter) && range(wallet.counter, next + GAP).every((n) => counters.has(n));
        const signedAt = new Map(places.map(({ counter, amountSat }) => [counter, amountSat]));
        const due = awaitedOf(ledger, keyset.id).map((a) => ({ a, places: paymentPlaces(a, keyset) }));
        const arrived = due.filter(({ places: all }) => all.every((p) => signedAt.get(p.counter) === p.amountSat));
        // Outputs that another update paid for never come; a part of a payment is none.
        const never = due.filter(
          ({ a, places: all }) =>
            a.paidSat <= m.paid_sat &&
            all.every((p) => counters.has(p.counter) && signedAt.get(p.counter) !== p.amountSat),
        );
        const gone = new Set(never.map(({ a }) => a));
        const come = receiving(
          ledger,
          arrived.map(({ a }) => a),
        );
        return {
          message: {
            step: 'restored',
            network: m.network,
            contract: m.contract,
            id: m.id,
            keyset_id: keyset.id,
            next_counter: next,
            search: covered ? 'complete' : 'more',
            token_sat: sumOf(places),
            token,
          },
          writes: {
            contract: c,
            ledger: { ...come, awaited: come.awaited.filter((a) => !gone.has(a)) },
            keyset: { ...wallet, counter: next, restored: wallet.restored && !covered },
            ...(token !== null && !records.token && { token: newToken(of) }),
          },
          ...(!covered && { exit: 3 as const, hint: 'there may be more: run ecash-restore once more from its start' }),
        };
      },
    }),
  ],
);

type Answered = Extract<EcashRestoreMessage, { step: 'answered' }>;

/**
 * Checks that the answer is to the last search: what an earlier one did not find may be used by
 * now.
 * @throws Refusal `state-moved-on`
 */
function checkAskedLast({ contract, searches }: PayerLedger, { id, keyset_id }: Answered): void {
  if (searches.some((search) => search.id === id && search.keyset === keyset_id)) return;
  throw new Refusal('state-moved-on', 'an answer to another search found than the one that this home asked for last', {
    hint: `ask again: spillway ecash-restore --contract ${contract.slice(0, 8)} --keyset ${keyset_id}`,
  });
}

/**
 * Returns the counters of the outputs that were shown, derived again, so that a repeated message
 * reads as the first.
 * @throws Refusal `promises-differ`
 */
function shownIn({ outputs, keyset_id }: Answered, seed: Uint8Array): Map<Hex, number> {
  const made = blindedOutputs(
    seed,
    keyset_id,
    outputs.map((o) => ({ counter: o.counter, amountSat: 1n })),
  );
  const odd = outputs.find(({ B_ }, i) => made[i]!.B_ !== B_);
  if (odd) throw notShown(odd.B_);
  return new Map(outputs.map(({ B_, counter }) => [B_, counter]));
}

/** Returns the coins that an answer states, unchecked; none if one was not shown. */
function statedIn({ outputs, found }: Answered): OutputPlace[] {
  const counters = new Map(outputs.map(({ B_, counter }) => [B_, counter]));
  const places = found.map(({ B_, amount_sat }) => ({ counter: counters.get(B_) ?? -1, amountSat: amount_sat }));
  return places.every(({ counter }) => counter >= 0) ? places : [];
}

/** Returns the coins that the payee has signed, each once. @throws Refusal `promises-differ` */
function foundIn({ found }: Answered, shown: ReadonlyMap<Hex, number>): { place: OutputPlace; signed: BlindPromise }[] {
  const once = new Set<Hex>();
  return found.map(({ B_, ...signed }) => {
    const at = shown.get(B_);
    if (at === undefined) throw notShown(B_);
    if (once.has(B_)) throw new Refusal('promises-differ', `the blinded output ${B_} found twice`, { blame: 'payee' });
    once.add(B_);
    return { place: { counter: at, amountSat: signed.amount_sat }, signed };
  });
}
const notShown = (B_: Hex): Refusal =>
  new Refusal('promises-differ', `the blinded output ${B_} found, which this home has not shown`, { blame: 'payee' });

/** Refuses a contract without an issuer here. @throws Refusal `no-ecash` */
function checkIssues({ terms }: PayerCredit | PayeeCredit): void {
  if (!issuesHere(terms))
    throw new Refusal('no-ecash', `the payee signs no ecash for this contract, its issuer is '${terms.ecash}'`);
}
function payerOf(c: Credit | undefined): PayerCredit {
  return inState(c, 'payer', ...FUNDED);
}

const UNITS = Array.from({ length: WINDOW }, () => 1n);
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
/** Returns the places with each counter once, where it stands first. */
function once(places: readonly OutputPlace[]): OutputPlace[] {
  const seen = new Set<number>();
  return places.filter(({ counter }) => !seen.has(counter) && seen.add(counter));
}
const awaitedOf = ({ awaited }: PayerLedger, keyset: Hex): Awaited[] => awaited.filter((a) => a.keyset === keyset);
