/**
 * Pays a merchant's invoice with ecash at a running mint: a melt of the method `credit`.
 *
 * cashu-ts's Wallet first swaps the token to the exact sum; the rest is kept, and the mint's home
 * signs a receipt. All new ecash derives from a seed that is stored before the mint is asked. So a
 * run that was cut off can be continued, and what the mint had signed is asked for again (NUT-09).
 * Not here: files (`commands/ecash/melt.ts`), the home's side (`mint/melt.ts`).
 */
import { createHash, randomBytes } from 'node:crypto';
import type { MeltQuoteBaseResponse, Proof, Wallet } from '@cashu/cashu-ts';
import * as v from 'valibot';
import { loadCashu } from '../ecash/library.ts';
import { isInvoiceReceipt, parseInvoice } from '../mint/invoice.ts';
import { parseJson, printJson } from '../protocol/json.ts';
import { hexOf } from '../protocol/message.ts';
import { Refusal } from '../protocol/refusal.ts';
import { bytesToHex, hexToBytes } from '../signing/curve.ts';
import { isUnknownQuote } from './quotes.ts';
import { withMintErrors, walletOf } from './wallet.ts';

/** Note of a payment under way, for the next run if this one is cut off. */
export interface MeltJournal {
  read(): Promise<string | undefined>;
  write(text: string): Promise<void>;
  remove(): Promise<void>;
}
/** File that takes change, one token a line. */
export interface ChangeFile {
  /** Checks the file before use. @throws Refusal `cannot-write` if it has any other line */
  check(isOwn: (line: string) => boolean): Promise<void>;
  /** Replaces this payment's earlier lines of the file by the token. @throws Refusal as `check` */
  keep(token: string, isOwn: (line: string) => boolean): Promise<void>;
}
interface MeltRun<Done> {
  mint: string;
  token: string;
  /** Journal, locked by this run until its end. */
  journal: MeltJournal;
  /** Resolves once the outcome is printed; until then a repeated run prints it again. */
  print(done: Done): Promise<void>;
}
export interface MeltEcash extends MeltRun<Melted> {
  invoice: string;
  /** Takes the change before the invoice is paid; undefined if there must be none. */
  change: ChangeFile | undefined;
  point(label: string): void;
}
export interface Melted {
  quote: string;
  amountSat: bigint;
  /**
   * Signature of the home that the invoice names: it owes the invoice to the merchant. Null if the
   * mint says that it is paid, and shows none.
   */
  receipt: string | null;
  changeSat: bigint;
}
export interface GivenUp {
  changeSat: bigint;
  /** Sum of coins that are pending at the mint: it may give them back, or spend them. */
  pendingSat: bigint;
}

const GIVE_UP = 'where it can no longer be paid: --give-up writes what is unspent to --change-out';

/**
 * Pays an invoice.
 * @throws Refusal `not-enough-ecash`, `usage` for change without a place, `melt-pending`,
 * `mint-refused`, `mint-unavailable`, …
 */
export async function meltEcash({ invoice, change, point, ...at }: MeltEcash): Promise<Melted> {
  const { amountSat } = parseInvoice(invoice);
  const { Amount } = await loadCashu();
  const payment = await MeltPayment.open(at);
  const { mint, wallet, underWay, note } = payment;
  if (note.invoice !== undefined && note.invoice !== invoice)
    throw new Refusal('malformed', 'the file of a payment that was cut off is of another invoice', {
      hint: `finish that payment first, with its invoice; ${GIVE_UP}`,
    });
  const before = await payment.quote();
  if (before?.state === 'PAID' || before?.state === 'PENDING')
    return payment.finish(before, (await payment.left()).unspent, change);
  const pot = underWay ? (await payment.left()).unspent : payment.proofs();
  // The mint refuses a failed quote for good, so the invoice gets a new one.
  const quote = await newQuote();
  const due = Amount.from(quote.amount).add(Amount.from(feeOf(quote)));
  const held = sum(pot);
  if (held < BigInt(due.toString()))
    throw new Refusal('not-enough-ecash', `a token of ${held} sat found, ${due.toString()} sat expected`);
  const exact = held === BigInt(due.toString()) && BigInt(wallet.getFeesForProofs(pot).toString()) === 0n;
  if (!exact && !change)
    throw new Refusal('usage', `a token of ${held} sat found for ${due.toString()} sat; there will be change`, {
      hint: 'say where it goes: --change-out FILE',
    });
  if (!exact) await change?.check(payment.isOwn);
  // A refusal up to here leaves nothing behind, since no ecash was sent.
  await payment.write({ quote: quote.quote, invoice });
  point('melt-quoted');
  const { send, keep } = exact
    ? { send: pot, keep: [] }
    : await withMintErrors(mint, () => wallet.send(due, pot, { includeFees: true }));
  // The library verifies proofs that are present (NUT-12). Without one a key of its own could mark a coin.
  if (keep.some(({ dleq }) => !dleq))
    throw new Refusal('dleq-invalid', `the mint at ${mint} does not prove that the change is by its keys`, {
      blame: 'mint',
      hint: `nothing is paid; ${GIVE_UP}`,
    });
  // Stored before the payment begins.
  await payment.keep(keep, change);
  point('melt-swapped');
  const { quote: paid } = await payment.asked(() => wallet.meltProofs('credit', quote, send, { nut08Change: false }));
  point('melt-sent');
  return payment.finish(paid as MeltQuoteBaseResponse, keep, change);

  async function newQuote(): Promise<MeltQuoteBaseResponse> {
    const found = await payment.asked(() =>
      wallet.createMeltQuote('credit', { request: invoice, unit: 'sat', method: 'credit' }),
    );
    checkPrice(found, amountSat);
    return found;
  }
}

/**
 * Gives up a payment: what the mint does not show as spent, of the token and what came of it, goes
 * to `change`. A payment that the mint has made after all is finished instead.
 * @throws Refusal `melt-pending` while the mint works on it, `not-enough-ecash` if nothing is left,
 * `mint-unavailable`, …
 */
export async function giveUpMelt({
  change,
  ...at
}: MeltRun<Melted | GivenUp> & { change: ChangeFile }): Promise<Melted | GivenUp> {
  const payment = await MeltPayment.open(at);
  const before = await payment.quote();
  if (before?.state === 'PAID' || before?.state === 'PENDING')
    return payment.finish(before, (await payment.left()).unspent, change);
  const { unspent, pending } = await payment.left();
  if (unspent.length === 0 && pending.length === 0)
    throw new Refusal('not-enough-ecash', 'nothing of the token is unspent at the mint, nor of what came of it');
  await payment.keep(unspent, change);
  const done = { changeSat: sum(unspent), pendingSat: sum(pending) };
  await at.print(done);
  // Keeps the journal while coins are pending, since it finds them again.
  if (pending.length === 0) await payment.end();
  return done;
}

interface MeltNote {
  seed: string;
  /** Melt quote; absent if the payment was given up before a run had begun it. */
  quote?: string | undefined;
  invoice?: string | undefined;
  /** SHA-256 of the tokens in the file of change, hex. */
  kept: readonly string[];
}

/** Payment at a mint: the token, its change, and the note of the run that began it. */
class MeltPayment {
  readonly mint: string;
  readonly wallet: Wallet;
  /** True if an earlier run began it. */
  readonly underWay: boolean;
  note: MeltNote;
  readonly #at: MeltRun<Melted>;

  private constructor(at: MeltRun<Melted>, wallet: Wallet, underWay: boolean, note: MeltNote) {
    this.#at = at;
    this.mint = at.mint;
    this.wallet = wallet;
    this.underWay = underWay;
    this.note = note;
  }

  static async open(at: MeltRun<Melted>): Promise<MeltPayment> {
    const found = await at.journal.read();
    const note = found === undefined ? { seed: bytesToHex(randomBytes(64)), kept: [] } : readNote(found);
    // The mint is named by the payer.
    const wallet = await walletOf({ url: at.mint, named: true }, hexToBytes(note.seed));
    return new MeltPayment(at, wallet, found !== undefined, note);
  }

  readonly isOwn = (line: string): boolean => this.note.kept.includes(digestOf(line));

  async write(change: Partial<MeltNote>): Promise<void> {
    this.note = { ...this.note, ...change };
    await this.#at.journal.write(printJson(this.note));
  }
  end(): Promise<void> {
    return this.#at.journal.remove();
  }

  /** Calls the mint. A refusal of a payment under way gets a hint on how to end it. */
  async asked<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await withMintErrors(this.mint, ask);
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== 'mint-refused' || this.note.quote === undefined) throw error;
      throw new Refusal(error.code, error.message, { hint: GIVE_UP });
    }
  }

  /** Returns the earlier run's melt quote as it is now; undefined if there is none. */
  async quote(): Promise<MeltQuoteBaseResponse | undefined> {
    const { quote } = this.note;
    if (quote === undefined) return undefined;
    try {
      return await this.asked(() => this.wallet.checkMeltQuote('credit', quote));
    } catch (error) {
      if (error instanceof Refusal && error.code === 'mint-refused' && isUnknownQuote(error.message)) return undefined;
      throw error;
    }
  }

  /** Returns the token's proofs. @throws Refusal `malformed-token`, `wrong-unit`, `wrong-mint` */
  proofs(): Proof[] {
    const { mint: from, unit = 'sat', proofs } = this.#decoded();
    if (unit !== 'sat') throw new Refusal('wrong-unit', `a token of unit ${unit} found, sat expected`);
    if (from.replace(/\/+$/, '') !== this.mint)
      throw new Refusal('wrong-mint', `a token of the mint at ${from} found, one of ${this.mint} expected`);
    return proofs;
  }
  #decoded() {
    try {
      return this.wallet.decodeToken(this.#at.token);
    } catch {
      throw new Refusal('malformed-token', 'no token found in the file'); // the words of the library could quote it
    }
  }

  /** Finds what came of the seed at the mint, and the token itself, as the mint shows them. */
  async left(): Promise<Record<'unspent' | 'pending', Proof[]>> {
    const own = this.proofs();
    const made: Proof[] = [];
    if (this.underWay)
      for (const { id } of this.wallet.keyChain.getKeysets()) {
        const found = await withMintErrors(this.mint, () => this.wallet.batchRestore(100, 100, 0, id));
        made.push(...found.proofs);
        if (found.lastCounterWithSignature !== undefined)
          await this.wallet.counters.advanceToAtLeast(id, found.lastCounterWithSignature + 1);
      }
    return withMintErrors(this.mint, () => this.wallet.groupProofsByState([...made, ...own]));
  }

  /** Writes these proofs to the file of change, after the note. */
  async keep(proofs: readonly Proof[], change: ChangeFile | undefined): Promise<void> {
    if (proofs.length === 0 || !change) return;
    await change.check(this.isOwn);
    const { getEncodedToken } = await loadCashu();
    const token = getEncodedToken({ mint: this.mint, unit: 'sat', proofs: [...proofs] });
    await this.write({ kept: [...this.note.kept, digestOf(token)] });
    await change.keep(token, this.isOwn);
  }

  async finish(paid: MeltQuoteBaseResponse, rest: readonly Proof[], change: ChangeFile | undefined): Promise<Melted> {
    const { state, payment_preimage: shown } = paid as { state?: string; payment_preimage?: unknown };
    const hint = 'run it again with the same files';
    if (state === 'UNPAID')
      throw new Refusal('mint-refused', `the mint says that melt quote ${paid.quote} is not paid`, {
        hint: `${hint}; ${GIVE_UP}`,
      });
    if (state !== 'PAID')
      throw new Refusal('melt-pending', `melt quote ${paid.quote} is ${String(state).slice(0, 20)}`, { hint });
    await this.keep(rest, change);
    // Only a signature by the invoice's key is a receipt.
    const isReceipt = isInvoiceReceipt(String(shown), parseInvoice(this.note.invoice!));
    const receipt = isReceipt ? String(shown) : null;
    const done = { quote: paid.quote, amountSat: BigInt(String(paid.amount)), receipt, changeSat: sum(rest) };
    await this.#at.print(done);
    // A payment without its receipt is not done; the next run requests it again.
    if (isReceipt) await this.end();
    return done;
  }
}

const digestOf = (text: string): string => createHash('sha256').update(text.trim()).digest('hex');

const feeOf = (quote: MeltQuoteBaseResponse): number => (quote as { fee_reserve?: number }).fee_reserve ?? 0;

/**
 * Checks that the mint asks for the invoice's amount, and at most a tenth more for itself; that
 * does not come back.
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

const noteSchema = v.object({
  seed: hexOf(64),
  quote: v.optional(v.string()),
  invoice: v.optional(v.string()),
  kept: v.array(hexOf(32)),
});

/** Reads the note. @throws Refusal `malformed` for a damaged file */
function readNote(text: string): MeltNote {
  const { success, output } = v.safeParse(noteSchema, parseJson(text));
  if (!success || (output.quote === undefined) !== (output.invoice === undefined))
    throw new Refusal('malformed', 'the file of a payment that was cut off is damaged');
  return output;
}
