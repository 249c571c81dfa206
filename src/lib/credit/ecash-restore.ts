/**
 * ecash-restore: asked (payer) → answered (payee) → restored (payer).
 *
 * A wallet that was restored from a backup does not know which secrets it has used since. It shows the blinded outputs of
 * the next counters; the payee gives back what it signed of them, as NUT-09 does; then the wallet has its lost ecash and
 * draws new secrets only beyond. Whether a token was spent meanwhile, the mint that redeems it knows.
 */
import * as v from 'valibot';
import { keysetClaim, keysetId, keysetKind, type KeysetRecord } from '../ecash/keyset.ts';
import { loadCashu } from '../ecash/library.ts';
import { outputsOf, promise, tokenOf, type BlindPromise, type Place } from '../ecash/outputs.ts';
import { outputNote } from '../ecash/promise.ts';
import { table, type Hex } from '../protocol/action.ts';
import { idClaim } from '../protocol/claims.ts';
import { withSats } from '../protocol/json.ts';
import { hexOf, messageParser, pubkey, sat, type MessageOf, checkSame } from '../protocol/message.ts';
import { Refusal } from '../protocol/refusal.ts';
import { tokenMint, placesOf } from './ecash.ts';
import { checkReceipt } from './receipt.ts';
import { creditKind, must, signedUpTo, type Credit, type PayerCredit } from './records.ts';
import { peerAuth, roleIn } from './steps.ts';
import { contractSchema, viewOf } from './terms.ts';

/** So many counters are looked at in one round, and so many unused ones in a row end the search. */
const WINDOW = 100;
const GAP = 50;

const counter = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0x7fffffff));
const signedOutput = v.strictObject({ B_: pubkey, ...promise.entries });
const base = {
  contract: contractSchema,
  keyset_id: keysetId,
  outputs: v.pipe(v.array(v.strictObject({ counter, B_: pubkey })), v.minLength(1), v.maxLength(1000)),
};
const answer = {
  ...base,
  paid_sat: sat,
  receipt: v.nullable(hexOf(64)),
  found: v.pipe(v.array(signedOutput), v.maxLength(1000)),
};
const steps = {
  asked: base,
  answered: answer,
  /** `token` is money, null where nothing was lost; `search` is 'more' where the next counters may be in use too. */
  restored: {
    contract: contractSchema,
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
  /** Look again from this counter on. */
  from?: number;
}
type Rs = { contract: Credit; keyset: KeysetRecord };

export const ecashRestore = table<EcashRestoreMessage, Rs, EcashRestoreInput>(
  {
    type: 'ecash-restore',
    server: 'payee',
    kinds: { contract: creditKind, keyset: keysetKind },
    parse: messageParser('ecash-restore', steps),
    find: (m, input, { contract }) => {
      const id = m?.keyset_id ?? input.keyset;
      const role = contract?.role === 'payee' ? 'mint' : 'wallet';
      return {
        contract: idClaim(m?.contract.id ?? input.contract ?? ''),
        ...(contract && id !== undefined && { keyset: keysetClaim(role, id) }),
      };
    },
    party: ({ records }) => roleIn(records.contract),
    peer: ({ records, message }) => (message ? peerAuth(records.contract) : null),
    sealWith: ({ contract }) => contract!.own.path,
  },
  (row) => [
    row({
      name: 'asked',
      after: null,
      by: 'payer',
      does: 'shows the blinded outputs that it may have used',
      asks: ['contract', 'keyset'],
      may: ['from'],
      loads: () => loadCashu(),
      take: ({ records, input, ...hand }) => {
        const c = payerOf(records.contract);
        const keyset = walletOf(records.keyset);
        const places = [...awaitedPlaces(c, keyset), ...nextPlaces(input.from ?? keyset.counter)];
        const made = outputsOf(hand.keys.cashu(), keyset.keyset.id, places);
        return {
          message: {
            step: 'asked',
            network: c.terms.network,
            contract: viewOf(c),
            keyset_id: keyset.keyset.id,
            outputs: made.map(({ B_ }, i) => ({ counter: places[i]!.counter, B_ })),
          },
          writes: {},
        };
      },
    }),
    row({
      name: 'answered',
      after: 'asked',
      by: 'payee',
      does: 'gives back what it has signed of them',
      needs: ({ message }) => ({ notes: message.outputs.map(({ B_ }) => outputNote(B_)) }),
      take: ({ message: m, records, facts }) => {
        const c = records.contract;
        if (c?.role !== 'payee' || !('paidSat' in c))
          throw new Refusal('wrong-state', 'nothing was paid over this contract');
        checkSame({ contract: viewOf(c) }, m, 'payer');
        const found = m.outputs.flatMap(({ B_ }) => {
          const note = facts.notes.get(outputNote(B_));
          if (!note) return [];
          const { contract: _, ...signed } = withSats(note) as BlindPromise & { contract: Hex };
          return signed.id === m.keyset_id ? [{ B_, ...signed }] : [];
        });
        return { message: { ...m, step: 'answered', paid_sat: c.paidSat, receipt: c.receipt, found }, writes: {} };
      },
    }),
    row({
      name: 'restored',
      after: 'answered',
      by: 'payer',
      does: 'checks and unblinds them: prints the token, and draws new secrets beyond',
      secret: true,
      loads: () => loadCashu(),
      take: ({ message: m, records, ...hand }) => {
        const had = payerOf(records.contract);
        checkSame({ contract: viewOf(had) }, m, 'payee');
        checkReceipt(had, m.paid_sat, m.receipt, 'payee');
        const c = signedUpTo(had, m.paid_sat);
        const wallet = walletOf(records.keyset);
        const { keyset } = wallet;
        // Its own outputs are made anew: so an older message, or a repeated one, is read just as the first time.
        const counters = new Map(m.outputs.map((o) => [o.B_, o.counter]));
        const mine = m.found.map(({ B_, ...signed }) => {
          const place: Place = { counter: counters.get(B_) ?? -1, amountSat: signed.amount_sat };
          if (place.counter < 0 || outputsOf(hand.keys.cashu(), keyset.id, [place])[0]!.B_ !== B_)
            throw new Refusal('promises-differ', `the blinded output ${B_} found, which this home has not shown`, {
              blame: 'payee',
            });
          return { place, signed };
        });
        const token =
          mine.length === 0
            ? null
            : tokenOf(
                hand.keys.cashu(),
                mine.map(({ place }) => place),
                keyset,
                mine.map(({ signed }) => signed),
                tokenMint(c.terms),
              );
        const last = Math.max(-1, ...mine.map(({ place }) => place.counter));
        const next = Math.max(wallet.counter, last + 1);
        const more = last > Math.max(...counters.values()) - GAP;
        const found = new Set(mine.map(({ place }) => place.counter));
        const arrived = c.awaited.filter((a) => a.keyset === keyset.id && found.has(a.counter));
        // What was paid by another update, or has come, comes no more.
        const awaited = c.awaited.filter((a) => !arrived.includes(a) && a.paidSat > m.paid_sat);
        const receivedSat = arrived.reduce((sum, a) => sum + a.amountSat, c.receivedSat);
        return {
          message: {
            step: 'restored',
            network: m.network,
            contract: m.contract,
            keyset_id: keyset.id,
            next_counter: next,
            search: more ? 'more' : 'complete',
            token_sat: mine.reduce((sum, { place }) => sum + place.amountSat, 0n),
            token,
          },
          writes: {
            contract: { ...c, awaited, receivedSat },
            keyset: { ...wallet, counter: next, restored: more && wallet.restored },
          },
          ...(more && { exit: 3 as const, hint: 'there may be more: run ecash-restore once more from its start' }),
        };
      },
    }),
  ],
);

function payerOf(c: Credit | undefined): PayerCredit {
  return must(c, 'payer', 'open', 'closing', 'closed', 'rolled', 'exiting');
}
function walletOf(keyset: KeysetRecord | undefined): Extract<KeysetRecord, { role: 'wallet' }> {
  if (keyset?.role !== 'wallet') throw new Refusal('no-keyset', 'this home has no ecash of that keyset');
  return keyset;
}

const nextPlaces = (first: number): Place[] =>
  Array.from({ length: WINDOW }, (_, i) => ({ counter: first + i, amountSat: 1n }));
const awaitedPlaces = (c: PayerCredit, { keyset }: { keyset: Extract<KeysetRecord, { role: 'wallet' }>['keyset'] }) =>
  c.awaited.filter((a) => a.keyset === keyset.id).flatMap((a) => placesOf(a, keyset));
