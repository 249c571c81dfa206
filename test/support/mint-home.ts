/**
 * The homes around a running mint, in process: the operator's (payee of the customer, payer of the merchant), with the
 * payment backend under test; and the test mint that has it as its backend.
 */
import { ecashQuote } from '../../src/lib/mint/bind.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import { keysOf, defaultPolicy } from '../../src/lib/credit/terms.ts';
import type { PayeeCredit, PayerCredit } from '../../src/lib/credit/records.ts';
import { signUpdate } from '../../src/lib/ecash/credit.ts';
import { quoteClaim, quoteKind, type Quote } from '../../src/lib/ecash/quote.ts';
import { signInvoice, type InvoiceTerms } from '../../src/lib/mint/invoice.ts';
import { startCdk, type Cdk } from '../../src/lib/cdk/backend.ts';
import type { CdkLog } from '../../src/lib/cdk/listen.ts';
import { newMintQuote } from '../../src/lib/cashu/quotes.ts';
import type { FactSource } from '../../src/lib/protocol/ports.ts';
import { backUp } from '../credit/helpers.ts';
import { ownCoin } from './credit.ts';
import { at, TestMint } from './mint.ts';
import { TestParty, type Message } from './party.ts';

export type Who = 'operator' | 'user' | 'merchant';

export class Market {
  readonly mint = new TestMint();
  readonly log: Parameters<CdkLog>[0][] = [];
  operator!: TestParty;
  user!: TestParty;
  merchant!: TestParty;
  cdk!: Cdk;
  /** Unix seconds that invoices are judged by are the real ones. */
  readonly soon = Math.floor(Date.now() / 1000) + 3600;
  #point: (label: string) => void = () => {};

  /** Parties and mint, the backend running. `seed` must differ between markets that meet. */
  static async make(seed = 100): Promise<Market> {
    const market = new Market();
    market.operator = await TestParty.make(seed);
    market.user = await TestParty.make(seed + 1);
    market.merchant = await TestParty.make(seed + 2);
    await market.mint.serve();
    await market.start();
    return market;
  }

  async start(): Promise<void> {
    this.cdk = await startCdk({
      home: this.operator.home,
      source: this.source,
      address: { host: '127.0.0.1', port: 0 },
      mint: this.mint.url,
      insecure: true,
      log: (entry) => void this.log.push(entry),
      point: (label) => this.#point(label),
    });
    await this.mint.connect(this.cdk.address);
    await this.cdk.proved;
  }
  async stop(): Promise<void> {
    this.mint.disconnect();
    await this.cdk.stop();
  }
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }
  /** Restores the operator's home as it was before `lost` happened. */
  async restored(lost: () => Promise<void>): Promise<void> {
    await this.stop();
    const copy = backUp(this.operator);
    await this.start();
    await lost();
    await this.stop();
    await this.operator.reopen(copy);
    await this.operator.home.acceptRestore();
    await this.start();
  }
  async close(): Promise<void> {
    await this.stop();
    await this.mint.stop();
    for (const party of [this.operator, this.user, this.merchant]) party.close();
  }

  /** At this point of the backend something happens, once. @returns when it has */
  at(label: string, happen: () => void): Promise<void> {
    return new Promise((happened) => {
      this.#point = (found) => {
        if (found !== label) return;
        this.#point = () => {};
        happen();
        happened();
      };
    });
  }

  /** What the operator's chain says: the party's own view. */
  get source(): FactSource {
    const { operator } = this;
    return {
      facts: async () => {
        this.looks += 1;
        const { tip, coins } = operator.chain;
        if (this.chainError) throw this.chainError;
        return { facts: { tip, coins }, checks: {} };
      },
    };
  }
  chainError: Error | undefined;
  /** How often it was asked. */
  looks = 0;

  async #open(payee: TestParty, payer: TestParty, offer: object, amount: bigint, blocks: number): Promise<string> {
    const utxo = [await ownCoin(payer, amount + 100_000n)];
    const input = { as: 'payee', policy: defaultPolicy('regtest'), ...offer };
    const offered = await payee.run(openCredit, { input });
    const proposed = await payer.run(openCredit, {
      on: offered.message,
      input: { utxo, amount, expires: { blocks } },
    });
    const accepted = await payee.run(openCredit, { on: proposed.message });
    const ready = await payer.run(openCredit, { on: accepted.message });
    return ready.message['contract'].id;
  }
  /** The customer pays the operator: ecash from the mint. */
  forward = (amount = 1_200_000n, blocks = 4320): Promise<string> =>
    this.#open(this.operator, this.user, { ecash: 'cdk', mint: this.mint.url }, amount, blocks);
  /** The operator pays the merchant. */
  reverse = (amount = 1_200_000n, blocks = 4320): Promise<string> =>
    this.#open(this.merchant, this.operator, { mint: this.mint.url }, amount, blocks);

  /** The operator's chain shows the coin of a contract. */
  async show(id: string, shown: 'there' | 'missing' = 'there'): Promise<void> {
    const c = (await this.operator.record(id)) as PayeeCredit;
    const at = `${c.outpoint.txid}:${c.outpoint.vout}`;
    const had = this.operator.chain.coins === 'not-checked' ? [] : [...this.operator.chain.coins];
    const coin = { sat: c.terms.capacity_sat, script: keysOf(c.terms).script, confirmations: 6 };
    this.operator.chain.coins = new Map([...had, [at, shown === 'there' ? coin : 'missing']]);
  }

  async bind(contract: string): Promise<string> {
    const { payer_auth: _, ...terms } = ((await this.user.record(contract)) as PayerCredit).terms;
    const { id: quote } = await newMintQuote(at(this.mint.url), terms.ecash_pubkey!);
    const made = await this.user.run(ecashQuote, { input: { contract, quote } });
    const bound = await this.operator.run(ecashQuote, { on: made.message });
    const stored = await this.user.run(ecashQuote, { on: bound.message });
    return stored.message['quote'];
  }

  /** One payment of the customer, asked for by itself. */
  async pay(contract: string, amount: bigint, quote?: string, maxInflight?: bigint): Promise<Message> {
    const input = { contract, amount, ...(quote !== undefined && { quote }) };
    const asked = await this.user.run(signUpdate, { input });
    const requested = await this.operator.run(signUpdate, { on: asked.message });
    // Tests of the reports pay without waiting for them.
    const most = { maxInflight: maxInflight ?? 10_000_000n };
    const signed = await this.user.run(signUpdate, { on: requested.message, input: most });
    return (await this.operator.run(signUpdate, { on: signed.message })).message;
  }
  /** The merchant takes what is owed so far. */
  async settle(contract: string, amount: bigint): Promise<Message> {
    const requested = await this.merchant.run(signUpdate, { input: { contract, amount } });
    const signed = await this.operator.run(signUpdate, { on: requested.message });
    return (await this.merchant.run(signUpdate, { on: signed.message })).message;
  }

  #invoices = 0;
  async invoice(contract: string, amountSat: bigint, change: Partial<InvoiceTerms> = {}): Promise<string> {
    const c = (await this.merchant.record(contract)) as PayeeCredit;
    const keys = await this.merchant.home.keys();
    const id = (++this.#invoices).toString(16).padStart(32, '0');
    const named = { mint: this.mint.url, contract, payerAuth: c.terms.payer_auth };
    const terms = { network: 'regtest', ...named, amountSat, id, expiry: this.soon, ...change };
    return signInvoice(terms, keys.auth(c.own.path));
  }

  async quote(id: string): Promise<Quote> {
    const { found } = await this.operator.home.store.load([quoteClaim(id)]);
    return quoteKind.parse(found.get(quoteClaim(id))!.record);
  }
  async payee(contract: string): Promise<PayeeCredit> {
    return (await this.operator.record(contract)) as PayeeCredit;
  }
  async payer(contract: string): Promise<PayerCredit> {
    return (await this.operator.record(contract)) as PayerCredit;
  }

  /** Waits until the mint counts so much on a quote. */
  async arrived(quote: string, paid: number): Promise<void> {
    await until(() => this.mint.state.quotes.find(({ id }) => id === quote)?.paid === paid, `${paid} sat on ${quote}`);
  }
  codes = (): string[] => this.log.map(({ code }) => code).filter((code) => code !== 'info');
}

export async function until(holds: () => boolean | Promise<boolean>, what: string, ms = 120_000): Promise<void> {
  for (const end = performance.now() + ms; !(await holds());) {
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((done) => setTimeout(done, 20));
  }
}
