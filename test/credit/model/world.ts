/**
 * The two homes of the model, and what they say to each other. What an observer knows of it, and what must hold:
 * `truth.ts`; the transactions that may confirm: `chain.ts`.
 */
import { expect } from 'vitest';
import { addKeyset } from '../../../src/commands/ecash/keysets.ts';
import { exitCredit } from '../../../src/lib/ecash/credit.ts';
import { raisedBy } from '../../../src/lib/credit/owed.ts';
import { creditKind, isFunded, type Credit, type PayerCredit } from '../../../src/lib/credit/records.ts';
import { maxPaid } from '../../../src/lib/credit/transactions.ts';
import { change } from '../../../src/lib/home/change.ts';
import { invoiceClaim, invoiceKind, newInvoice, type InvoiceRecord } from '../../../src/lib/mint/records.ts';
import type { Action } from '../../../src/lib/protocol/action.ts';
import { idClaim } from '../../../src/lib/protocol/claims.ts';
import { Refusal } from '../../../src/lib/protocol/refusal.ts';
import { HOME_MINT, openMessages, ownCoin, type Pair } from '../../support/credit.ts';
import { crossings } from '../../support/moments.ts';
import type { Message, Ran, RunOptions, TestParty } from '../../support/party.ts';
import { reseal, sealSecret } from '../alter.ts';
import { stepOf } from '../liar.ts';
import { policy } from '../helpers.ts';
import { Chain } from './chain.ts';
import { other, TABLES, type Command, type Type, type Who } from './commands.ts';
import { check, Truth } from './truth.ts';
import { voidedBy } from './voided.ts';

const POINTS = ['before-commit', 'after-commit', 'before-print'];
const MINT = 'https://mint.example';
class Crash extends Error {}

/** A message that was printed, and what it answers. */
export interface Sent {
  by: Who;
  type: Type;
  message: Message;
  parent: Sent | null;
  /** Its sender has given it up. */
  gone: boolean;
}

export class World {
  readonly homes: [TestParty, TestParty];
  readonly sent: Sent[] = [];
  readonly contracts: string[] = [];
  readonly done = new Map<string, number>();
  readonly chain = new Chain();
  readonly truth = new Truth();
  keyset = '';
  readonly #backups: (string | undefined)[] = [undefined, undefined];

  private constructor(homes: [TestParty, TestParty]) {
    this.homes = homes;
  }
  /** The first is paid over one contract, for ecash of its own; the second over one that is reverse, so that it may be owed. */
  static async make(homes: [TestParty, TestParty]): Promise<World> {
    const world = new World(homes);
    world.keyset = world.truth.keyset = (await addKeyset(homes[0].home, undefined)).keyset.id;
    const pairs: [Pair, object][] = [
      [{ payee: homes[0], payer: homes[1], close: () => {} }, HOME_MINT],
      [{ payee: homes[1], payer: homes[0], close: () => {} }, { mint: MINT }],
    ];
    for (const [pair, offer] of pairs) {
      const ready = (await openMessages(pair, { offer })).at(-1)!;
      world.contracts.push(ready['contract'].id);
      world.chain.fund(ready['contract'].id);
    }
    for (const who of [0, 1] as const) await world.play({ do: 'backup', who });
    await check(world);
    return world;
  }
  count(what: string): void {
    this.done.set(what, (this.done.get(what) ?? 0) + 1);
  }

  async run(by: Who, table: Action<any, any, any>, options: RunOptions, crash = 99, parent: Sent | null = null) {
    const label = POINTS[crash];
    const point = (at: string): void => {
      if (at === label) throw new Crash(at);
    };
    try {
      const ran = await this.homes[by].run(table, { max: 5_000_000n, ...options, point });
      this.count(`${table.type} ${String(ran.message['step'])}`);
      if (!options.cancel) await this.#note(by, ran, parent);
      return ran;
    } catch (error) {
      if (error instanceof Crash) {
        await this.homes[by].reopen();
        if (error.message !== 'before-commit') this.truth.cutShort.add(by);
        this.count(`crash ${error.message}`);
        return undefined;
      }
      if (!(error instanceof Refusal) || error.code === 'bug') throw error;
      this.count(`refused ${error.code}`);
      return undefined;
    }
  }

  async #note(by: Who, { message, text }: Ran, parent: Sent | null): Promise<void> {
    const isNew = this.truth.hears(by, text, message);
    this.chain.hears(message);
    if (!(message['type'] in TABLES)) return;
    const type = message['type'] as Type;
    this.sent.push({ by, type, message, parent, gone: false });
    let own = parent;
    while (own && own.by !== by) own = own.parent;
    // What was cancelled does not go on: no word of its sender rests on it.
    if (isNew && own)
      expect(own.gone, `${type} ${message['step']} after its ${own.message['step']} was cancelled`).toBe(false);
  }

  /** Answers a message as its reader would. */
  async answer(one: Sent, crash = 99): Promise<Ran | undefined> {
    const { by, type, message } = one;
    return this.run(other(by), TABLES[type], { on: message, input: await this.#inputFor(other(by), one) }, crash, one);
  }
  async #inputFor(reader: Who, { type, message }: Sent): Promise<object> {
    const expires = { blocks: 4_320 };
    if (type === 'sign-update' && message['step'] === 'requested')
      // One payment in three becomes no ecash.
      return message['ecash'] && message['amount_sat'] < 40_960 ? { ecash: true, maxInflight: 50_000n } : {};
    if (message['step'] !== 'offered') return {};
    if (type === 'rollover') return { expires };
    return { expires, amount: 300_000n, utxo: [await ownCoin(this.homes[reader], 400_000n)] };
  }

  async play(c: Command): Promise<void> {
    const id = 'contract' in c ? this.contracts[c.contract % this.contracts.length]! : '';
    switch (c.do) {
      case 'start': {
        const start = {
          'open-credit': { as: 'payee', policy, ...(c.who === 0 && HOME_MINT) },
          'sign-update': { contract: id, amount: BigInt(c.amount) },
          rollover: { contract: id, policy },
          'close-credit': { contract: id },
          'ecash-restore': { contract: id, keyset: this.keyset },
        }[c.type];
        let ran = await this.run(c.who, TABLES[c.type], { input: start });
        for (let i = 0; i < c.steps && ran; i++) ran = await this.answer(this.sent.at(-1)!);
        return;
      }
      case 'cross': {
        // Both begin a rollover of one contract; their messages pass each other.
        const tips: (Sent | undefined)[] = [];
        for (const by of [0, 1] as const)
          tips.push((await this.run(by, TABLES.rollover, { input: await this.#rolls(by, id) })) && this.sent.at(-1));
        for (const one of c.order) if (tips[one]) tips[one] = (await this.answer(tips[one])) && this.sent.at(-1);
        return;
      }
      case 'answer': {
        const one = this.sent.at(-1 - (c.at % 4));
        return one && void (await this.answer(one, c.crash));
      }
      case 'repeat': {
        const one = this.sent[c.at % Math.max(1, this.sent.length)];
        return one && void (await this.answer(one, c.crash));
      }
      case 'lie':
        for (let n = 0; n < 3; n++) await this.#lie({ ...c, from: c.from + n, piece: c.piece + 7 * n });
        return;
      case 'cancel': {
        const on = c.by === 'message' ? this.sent.filter(({ type }) => type === c.type).at(-1 - (c.at % 6)) : undefined;
        if (c.by === 'message' && !on) return;
        const before = await this.records(c.who);
        const options = on ? { on: on.message } : { input: { contract: id } };
        const ran = await this.run(c.who, TABLES[c.type], { ...options, cancel: true });
        if (!ran) return;
        const isGone = voidedBy(before, await this.records(c.who));
        for (const one of this.sent) if (one.by === c.who && isGone(one)) one.gone = true;
        return;
      }
      case 'owe':
        return this.#owe(id, BigInt(c.amount));
      case 'backup':
        this.#backups[c.who] = await this.homes[c.who].backUp();
        return;
      case 'restore': {
        const backup = this.#backups[c.who];
        if (backup === undefined) return;
        await this.homes[c.who].lose(backup);
        this.count('restored');
        this.truth.forgets(c.who);
        // What a store of before gave up since it does not know.
        for (const one of this.sent) if (one.by === c.who) one.gone = false;
        return;
      }
      case 'reconcile':
        return this.reconcile(c.who);
      case 'exit':
        return void (await this.run(c.who, exitCredit, { input: { contract: id } }));
      case 'settle':
        return this.chain.settle(this, id, c.by);
    }
  }

  /** The sender of a message says, under its own seal, a piece of what either has said in the same step at another time. */
  async #lie({ at, from, piece, crash }: Extract<Command, { do: 'lie' }>): Promise<void> {
    const likes = ({ type, message: m }: Sent): Sent[] =>
      this.sent.filter((s) => s.message !== m && s.type === type && stepOf(s.message) === stepOf(m));
    // Of those that have one of the same step beside them, the newest.
    const near = this.sent.filter((one) => likes(one).length > 0);
    const one = near.at(-1 - (at % Math.max(1, near.length)));
    if (!one) return;
    const { by, type, message } = one;
    const others = likes(one);
    const overheard = others[from % others.length]!.message;
    const isSealed = message['auth'] !== undefined;
    // A home that has lost the contract can seal nothing of it.
    const secret = isSealed ? await sealSecret(this.homes[by], message).catch(() => undefined) : undefined;
    if (isSealed && !secret) return;
    const lies = [...crossings(message, overheard, (m) => m)];
    const lie = lies[piece % Math.max(1, lies.length)];
    if (!lie) return;
    if (lie.message !== overheard && secret) lie.message = reseal(lie.message, secret);
    const ran = await this.answer({ by, type, message: lie.message, parent: null, gone: false }, crash);
    this.count(ran ? `lie taken: ${type} ${message['step']}: ${lie.what}` : `lie refused`);
  }

  async #rolls(by: Who, id: string): Promise<object> {
    const mine = (await this.records(by)).find((c) => 'id' in c && c.id === id);
    return mine?.role === 'payee' ? { contract: id, policy } : { contract: id };
  }

  /** Of a reverse contract: an invoice of the payee's is paid at the mint. */
  async #owe(id: string, amountSat: bigint): Promise<void> {
    const digest = (this.truth.invoices.length + 1).toString(16).padStart(64, '0');
    const raised = await change<{ contract: Credit; invoice: InvoiceRecord }, boolean>(
      this.homes[0].home.store,
      { contract: creditKind, invoice: invoiceKind },
      () => ({ contract: idClaim(id), invoice: invoiceClaim(digest) }),
      ({ contract: c }) => {
        const may = c?.role === 'payer' && c.state === 'open' && c.owedSat !== null && !c.restored;
        if (!may || this.homes[0].home.restored || c.owedSat! + amountSat > maxPaid(c.terms))
          return { writes: {}, result: false };
        const paid = { by: 'melt', proof: '' };
        const invoice = { ...newInvoice({ digest, id: digest.slice(32), contract: id, amountSat }), paid };
        return {
          writes: { contract: raisedBy(c as PayerCredit & { owedSat: bigint }, amountSat) as Credit, invoice },
          result: true,
        };
      },
    );
    if (raised) this.truth.invoices.push({ contract: id, amountSat });
    if (raised) this.count('owed');
  }

  /** Its whole journal is there. */
  async reconcile(who: Who): Promise<void> {
    const party = this.homes[who];
    if (!party.home.restored) return;
    await party.home.reconcile(party.journal());
    await party.reopen();
    this.count('reconciled');
  }

  async records(i: Who): Promise<Credit[]> {
    return (await this.homes[i].home.store.list('credit')).map(({ record }) => creditKind.parse(record));
  }
  async learnContracts(): Promise<void> {
    for (const i of [0, 1] as const)
      for (const c of await this.records(i))
        if ('id' in c && isFunded(c) && !this.contracts.includes(c.id)) this.contracts.push(c.id);
  }

  /** Everybody learns what it can, and all that was paid for is looked for: nothing may be missing then. */
  async end(): Promise<void> {
    for (const who of [0, 1] as const) await this.reconcile(who);
    await check(this);
    await this.truth.drained(this);
    for (const id of this.contracts) await this.chain.settle(this, id, 0);
    await check(this);
  }
}
