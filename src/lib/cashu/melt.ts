/**
 * Ecash pays a merchant's invoice at a running mint (a melt of the method `credit`), through cashu-ts's Wallet: the token is
 * swapped to the exact sum first, the rest is kept, and the mint's home signs for the payment.
 *
 * All new ecash comes from a seed that is written down before the mint is asked: a run that was cut off goes on, and what
 * the mint had signed is asked back (NUT-09). Not here: files (`commands/ecash-melt.ts`), what a melt does (`mint/melt.ts`).
 */
import { randomBytes } from 'node:crypto';
import type { MeltQuoteBaseResponse, Proof } from '@cashu/cashu-ts';
import * as v from 'valibot';
import { loadCashu } from '../ecash/library.ts';
import { parseInvoice } from '../mint/invoice.ts';
import { parseJson, printJson } from '../protocol/json.ts';
import { hexOf } from '../protocol/message.ts';
import { Refusal } from '../protocol/refusal.ts';
import { bytesToHex, hexToBytes } from '../signing/curve.ts';
import { asked, walletOf } from './wallet.ts';

/** What a run that was cut off leaves for the next one. */
export interface Journal {
  read(): Promise<string | undefined>;
  write(text: string): Promise<void>;
  remove(): Promise<void>;
}
export interface MeltEcash {
  mint: string;
  token: string;
  invoice: string;
  journal: Journal;
  /** Where change goes, before the invoice is paid; undefined where there must be none. */
  keepChange: ((token: string) => Promise<void>) | undefined;
  point(label: string): void;
}
export interface Melted {
  quote: string;
  amountSat: bigint;
  /** The signature of the mint's home: it owes the invoice to the merchant. null: the mint says that it is paid, and shows none. */
  receipt: string | null;
  changeSat: bigint;
}

/** @throws Refusal `not-enough-ecash`, `usage` for change without a place, `melt-pending`, `mint-refused`, `mint-unavailable`, … */
export async function meltEcash({ mint, token, invoice, journal, keepChange, point }: MeltEcash): Promise<Melted> {
  const { amountSat } = parseInvoice(invoice);
  const { Amount, getEncodedToken } = await loadCashu();
  const found = await journal.read();
  const note = found === undefined ? { seed: bytesToHex(randomBytes(64)), quote: null } : readNote(found, invoice);
  // Whoever pays there has named it.
  const wallet = await walletOf({ url: mint, named: true }, hexToBytes(note.seed));
  const before = note.quote === null ? undefined : await check(note.quote);
  if (before?.state === 'PAID' || before?.state === 'PENDING') return finish(before, await restored());
  const pot = found === undefined ? proofsOf() : await restored();
  // One that was tried and not paid is refused for good: the same invoice gets another.
  const quote = await newQuote();
  const due = Amount.from(quote.amount).add(Amount.from(feeOf(quote)));
  const held = sum(pot);
  if (held < BigInt(due.toString()))
    throw new Refusal('not-enough-ecash', `a token of ${held} sat found, ${due.toString()} sat expected`);
  const exact = held === BigInt(due.toString()) && BigInt(wallet.getFeesForProofs(pot).toString()) === 0n;
  if (!exact && !keepChange)
    throw new Refusal('usage', `a token of ${held} sat found for ${due.toString()} sat; there will be change`, {
      hint: 'say where it goes: --change-out FILE',
    });
  // Nothing was asked of the ecash so far: what is refused above leaves nothing behind.
  await journal.write(printJson({ seed: note.seed, quote: quote.quote, invoice }));
  point('melt-quoted');
  const { send, keep } = exact
    ? { send: pot, keep: [] }
    : await asked(mint, () => wallet.send(due, pot, { includeFees: true }));
  // Kept before it is at stake.
  if (keep.length > 0) await keepChange?.(getEncodedToken({ mint, unit: 'sat', proofs: keep }));
  point('melt-swapped');
  const { quote: paid } = await asked(mint, () => wallet.meltProofs('credit', quote, send, { nut08Change: false }));
  point('melt-sent');
  return finish(paid as MeltQuoteBaseResponse, keep);

  async function newQuote(): Promise<MeltQuoteBaseResponse> {
    const found = await asked(mint, () =>
      wallet.createMeltQuote('credit', { request: invoice, unit: 'sat', method: 'credit' }),
    );
    checkPrice(found, amountSat);
    return found;
  }
  function check(id: string): Promise<MeltQuoteBaseResponse> {
    return asked(mint, () => wallet.checkMeltQuote('credit', id));
  }
  function proofsOf(): Proof[] {
    const { mint: from, unit = 'sat', proofs } = decoded();
    if (unit !== 'sat') throw new Refusal('wrong-unit', `a token of unit ${unit} found, sat expected`);
    if (from.replace(/\/+$/, '') !== mint)
      throw new Refusal('wrong-mint', `a token of the mint at ${from} found, one of ${mint} expected`);
    return proofs;
  }
  function decoded() {
    try {
      return wallet.decodeToken(token);
    } catch {
      throw new Refusal('malformed-token', 'no token found in the file'); // the words of the library could quote it
    }
  }
  /** What came of the seed, and what of the token was not needed then: all that is not spent after a run that was cut off. */
  async function restored(): Promise<Proof[]> {
    const { proofs, lastCounterWithSignature } = await asked(mint, () => wallet.batchRestore(100, 100, 0));
    if (lastCounterWithSignature !== undefined)
      await wallet.counters.advanceToAtLeast(wallet.keysetId, lastCounterWithSignature + 1);
    return (await asked(mint, () => wallet.groupProofsByState([...proofs, ...proofsOf()]))).unspent;
  }

  async function finish(paid: MeltQuoteBaseResponse, change: readonly Proof[]): Promise<Melted> {
    const { state, payment_preimage: receipt } = paid as { state?: string; payment_preimage?: string | null };
    const hint = 'run it again with the same files';
    if (state === 'UNPAID')
      throw new Refusal('mint-refused', `the mint says that melt quote ${paid.quote} is not paid`, { hint });
    if (state !== 'PAID')
      throw new Refusal('melt-pending', `melt quote ${paid.quote} is ${String(state).slice(0, 20)}`, { hint });
    if (change.length > 0) await keepChange?.(getEncodedToken({ mint, unit: 'sat', proofs: [...change] }));
    // Without its receipt the payment is not done: the same run asks for it again.
    if (receipt) await journal.remove();
    return {
      quote: paid.quote,
      amountSat: BigInt(String(paid.amount)),
      receipt: receipt || null,
      changeSat: sum(change),
    };
  }
}

const feeOf = (quote: MeltQuoteBaseResponse): number => (quote as { fee_reserve?: number }).fee_reserve ?? 0;

/**
 * The mint asks for what the merchant's invoice says, and no more than a tenth of it for itself: nothing of that comes back.
 * @throws Refusal `quote-amount`, `fee-too-high`
 */
function checkPrice(quote: MeltQuoteBaseResponse, amountSat: bigint): void {
  const [found, fee] = [BigInt(String(quote.amount)), BigInt(String(feeOf(quote)))];
  if (found !== amountSat)
    throw new Refusal('quote-amount', `the mint wants ${found} sat for an invoice of ${amountSat} sat`);
  if (fee < 0n || fee * 10n > amountSat)
    throw new Refusal(
      'fee-too-high',
      `the mint wants a fee of ${fee} sat for an invoice of ${amountSat} sat, at most a tenth expected`,
    );
}

const sum = (proofs: readonly Pick<Proof, 'amount'>[]): bigint =>
  proofs.reduce((all, { amount }) => all + BigInt(String(amount)), 0n);

const noteSchema = v.object({ seed: hexOf(64), quote: v.string(), invoice: v.string() });

/** @throws Refusal `malformed` for a file that is damaged, or not of this invoice */
function readNote(text: string, invoice: string): { seed: string; quote: string } {
  const { success, output } = v.safeParse(noteSchema, parseJson(text));
  if (!success) throw new Refusal('malformed', 'the file of a payment that was cut off is damaged');
  if (output.invoice !== invoice)
    throw new Refusal('malformed', 'the file of a payment that was cut off is of another invoice', {
      hint: 'finish that payment first, with its invoice',
    });
  return output;
}
