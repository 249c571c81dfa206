/**
 * A model of the records: two homes, each paid over one contract by the other, whose actions start, go on, are repeated,
 * cancelled, lost, cut short by a crash, restored, reconciled, rolled over, closed, exited and settled in any order. After
 * each command the stores are compared with what an observer knows. 15 runs, 100 in CI; SPILLWAY_RUNS says otherwise,
 * SPILLWAY_SEED repeats the run that a failure names.
 */
import fc from 'fast-check';
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { outpointText } from '../../src/lib/bitcoin/outpoint.ts';
import { parseTransaction, sumSat, taprootSighash, type Template } from '../../src/lib/bitcoin/transaction.ts';
import { closeCredit } from '../../src/lib/credit/close.ts';
import { exitCredit } from '../../src/lib/credit/exit.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import {
  creditKind,
  heldKey,
  isFunded,
  settledAs,
  type Credit,
  type FundedCredit,
} from '../../src/lib/credit/records.ts';
import { rollover } from '../../src/lib/credit/rollover.ts';
import { keysOf, payoutScript, pubkeyOf } from '../../src/lib/credit/terms.ts';
import { refund, update } from '../../src/lib/credit/transactions.ts';
import { signUpdate } from '../../src/lib/credit/update.ts';
import { change } from '../../src/lib/home/change.ts';
import type { Action } from '../../src/lib/protocol/action.ts';
import { idClaim } from '../../src/lib/protocol/claims.ts';
import { parseJson } from '../../src/lib/protocol/json.ts';
import { Refusal } from '../../src/lib/protocol/refusal.ts';
import { verifies } from '../../src/lib/signing/bip340.ts';
import { openMessages, ownCoin } from '../support/credit.ts';
import { TestParty, type Message, type Ran, type RunOptions } from '../support/party.ts';
import { policy } from './helpers.ts';

type Who = 0 | 1;
const TABLES = { 'open-credit': openCredit, 'sign-update': signUpdate, rollover, 'close-credit': closeCredit } as const;
type Type = keyof typeof TABLES;
const types = Object.keys(TABLES) as Type[];
const POINTS = ['before-commit', 'after-commit', 'before-print'];

type Command =
  | { do: 'start'; type: Type; who: Who; contract: number; amount: number; steps: number }
  | { do: 'answer' | 'repeat'; at: number; crash: number }
  | { do: 'cancel'; type: Type; who: Who; contract: number; by: 'id' | 'message'; at: number }
  | { do: 'backup' | 'restore' | 'reconcile'; who: Who }
  | { do: 'exit'; contract: number; who: Who }
  | { do: 'settle'; contract: number };

const who = fc.constantFrom<Who>(0, 1);
const contract = fc.nat(5);
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('start' as const),
      type: fc.constantFrom<Type>('open-credit', 'sign-update', 'sign-update', 'rollover', 'rollover', 'close-credit'),
      who,
      contract,
      amount: fc.constantFrom(330, 2_100, 2_100, 40_000),
      steps: fc.nat(5),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('answer' as const, 'repeat' as const),
      at: fc.nat(30),
      crash: fc.nat(8),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('cancel' as const),
      type: fc.constantFrom(...types),
      who,
      contract,
      by: fc.constantFrom('id' as const, 'message' as const),
      at: fc.nat(30),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('backup' as const, 'restore' as const, 'reconcile' as const),
      who,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('exit' as const), who, contract }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('settle' as const), contract }) },
);

class Crash extends Error {}
interface Sent {
  by: Who;
  type: Type;
  message: Message;
}

class World {
  readonly homes: [TestParty, TestParty];
  readonly sent: Sent[] = [];
  readonly contracts: string[] = [];
  readonly done = new Map<string, number>();
  readonly #backups: (string | undefined)[] = [undefined, undefined];
  /** The most that was ever signed for a contract, and paid over it, whatever a store forgets. */
  readonly #signed = new Map<string, bigint>();
  readonly #paid = new Map<string, bigint>();
  /** By home and own key: given up for good. */
  readonly #gone = new Set<string>();

  constructor(homes: [TestParty, TestParty]) {
    this.homes = homes;
  }
  count(what: string): void {
    this.done.set(what, (this.done.get(what) ?? 0) + 1);
  }

  async run(by: Who, table: Action<any, any, any>, options: RunOptions, crash = 99): Promise<Ran | undefined> {
    const label = POINTS[crash];
    const point = (at: string): void => {
      if (at === label) throw new Crash(at);
    };
    try {
      const ran = await this.homes[by].run(table, { max: 5_000_000n, ...options, point });
      this.count(`${table.type} ${String(ran.message['step'])}`);
      if (!options.cancel && table.type !== 'exit-credit')
        this.sent.push({ by, type: table.type as Type, message: ran.message });
      return ran;
    } catch (error) {
      if (error instanceof Crash) {
        await this.homes[by].reopen();
        this.count(`crash ${error.message}`);
        return undefined;
      }
      if (!(error instanceof Refusal) || error.code === 'bug') throw error;
      this.count(`refused ${error.code}`);
      return undefined;
    }
  }

  /** Answers a message as its reader would. */
  async answer({ by, type, message }: Sent, crash = 99): Promise<Ran | undefined> {
    const reader = by === 0 ? 1 : 0;
    const input =
      message['step'] !== 'offered'
        ? {}
        : type === 'rollover'
          ? { expires: { blocks: 4_320 } }
          : { expires: { blocks: 4_320 }, amount: 300_000n, utxo: [await ownCoin(this.homes[reader], 400_000n)] };
    return this.run(reader, TABLES[type], { on: message, input }, crash);
  }

  async play(c: Command): Promise<void> {
    const id = 'contract' in c ? this.contracts[c.contract % this.contracts.length]! : '';
    switch (c.do) {
      case 'start': {
        const start = {
          'open-credit': { as: 'payee', policy },
          'sign-update': { contract: id, amount: BigInt(c.amount) },
          rollover: { contract: id, policy },
          'close-credit': { contract: id },
        }[c.type];
        let ran = await this.run(c.who, TABLES[c.type], { input: start });
        for (let i = 0; i < c.steps && ran; i++) ran = await this.answer(this.sent.at(-1)!);
        return;
      }
      case 'answer': {
        const one = this.sent.at(-1 - (c.at % 4));
        return one && void (await this.answer(one, c.crash));
      }
      case 'repeat': {
        const one = this.sent[c.at % this.sent.length];
        return one && void (await this.answer(one, c.crash));
      }
      case 'cancel': {
        const on = c.by === 'message' ? this.sent.filter(({ type }) => type === c.type).at(-1 - (c.at % 6)) : undefined;
        if (c.by === 'message' && !on) return;
        const options = on ? { on: on.message } : { input: { contract: id } };
        return void (await this.run(c.who, TABLES[c.type], { ...options, cancel: true }));
      }
      case 'backup':
        this.#backups[c.who] = await this.homes[c.who].backUp();
        return;
      case 'restore': {
        const backup = this.#backups[c.who];
        if (backup === undefined) return;
        await this.homes[c.who].lose(backup);
        this.count('restored');
        for (const name of this.#gone) if (name.startsWith(`${c.who} `)) this.#gone.delete(name);
        return;
      }
      case 'reconcile':
        if (!this.homes[c.who].home.restored) return;
        await this.homes[c.who].home.reconcile(this.homes[c.who].journal());
        await this.homes[c.who].reopen();
        return this.count('reconciled');
      case 'exit':
        return void (await this.run(c.who, exitCredit, { input: { contract: id } }));
      case 'settle':
        return this.settle(id);
    }
  }

  /** The chain is played to the end: what was printed and pays most to the payee, else the payer's refund. */
  async settle(id: string): Promise<void> {
    const both = await Promise.all(
      [0, 1].map(async (i) => (await this.records(i as Who)).find((c) => 'id' in c && c.id === id)),
    );
    const funded = both.filter((c): c is FundedCredit => c !== undefined && isFunded(c));
    const payee = funded.find((c) => c.role === 'payee');
    const rolled = funded.find((c) => c.state === 'rolled' && 'tx' in c && c.tx !== undefined);
    const by = rolled ? 'rollover' : payee?.role === 'payee' && payee.exit !== null ? 'exit' : 'refund';
    for (const i of [0, 1] as const)
      await change(
        this.homes[i].home.store,
        { contract: creditKind },
        () => ({ contract: idClaim(id) }),
        ({ contract }) => {
          const c = contract as Credit | undefined;
          const settled = { by, txid: 'ab'.repeat(32) } as const;
          return {
            writes: c && isFunded(c) && !c.settled ? { contract: settledAs(c, settled) } : {},
            result: undefined,
          };
        },
      );
    this.count(`settled by ${by}`);
  }

  async records(i: Who): Promise<Credit[]> {
    return (await this.homes[i].home.store.list('credit')).map(({ record }) => creditKind.parse(record));
  }

  /** What must hold after every command. */
  async check(): Promise<void> {
    for (const i of [0, 1] as const) {
      const all = await this.records(i);
      this.claims(i);
      for (const c of all) this.ends(i, c, all);
      for (const c of all.filter(isFunded)) this.owes(i, c);
    }
    for (const [id, paid] of this.#paid)
      expect(this.#signed.get(id) ?? 0n, `${id}: more paid than was ever signed`).toBeGreaterThanOrEqual(paid);
  }

  /** No claim without its record, and none that its record does not make. */
  claims(i: Who): void {
    const db = new DatabaseSync(join(this.homes[i].dir, 'store.db'), { readOnly: true });
    const rows = db.prepare('SELECT claim, kind, body FROM claim LEFT JOIN record ON record = id').all();
    const records = db.prepare("SELECT body FROM record WHERE kind = 'credit'").all();
    const nonces = db
      .prepare('SELECT of_claim FROM nonce')
      .all()
      .map((row) => row['of_claim']);
    db.close();
    const found = new Set(rows.map(({ claim }) => claim));
    const made = records.flatMap(({ body }) => creditKind.claims(creditKind.parse(parseJson(body as string))));
    expect(
      rows.filter(({ kind }) => kind === null),
      'a claim without a record',
    ).toEqual([]);
    const credit = rows.filter(({ kind }) => kind === 'credit').map(({ claim }) => claim as string);
    expect(
      credit.filter((claim) => !made.includes(claim as never)),
      'a claim that its record does not make',
    ).toEqual([]);
    expect(
      made.filter((claim) => !found.has(claim)),
      'a claim that is not kept',
    ).toEqual([]);
    expect(
      nonces.filter((of) => !found.has(of)),
      'a nonce of nothing',
    ).toEqual([]);
  }

  /** What belongs together ends together; what was given up for good stays given up; a reserved coin can be freed. */
  ends(i: Who, c: Credit, all: readonly Credit[]): void {
    const own = c.state === 'cancelled' ? c.key : c.state === 'offered' ? c.offer.pubkey : pubkeyOf(c.terms, c.role);
    if (c.state === 'cancelled' && !c.lost && !this.homes[i].home.restored) this.#gone.add(`${i} ${own}`);
    else if (c.state !== 'cancelled')
      expect(this.#gone.has(`${i} ${own}`), `${own} was given up, and is ${c.state}`).toBe(false);
    const held = 'terms' in c && all.some((old) => heldKey(old) === c.terms.payee_pubkey);
    // A rollover's next contract: its coins are those of the rollover, which somebody must be able to end.
    if ((c.state === 'proposed' || c.state === 'open') && 'coins' in c && c.funding === null && c.coins.length > 0)
      expect(held, `${c.id} '${c.state}' reserves coins, and belongs to no rollover`).toBe(true);
    if (c.state === 'proposed' && c.funding === null) expect(held, `${c.id} is proposed by no rollover`).toBe(true);
  }

  /** No debt is forgotten or counted twice, and what a party holds is good for it. */
  owes(i: Who, c: FundedCredit): void {
    const { terms, id } = c;
    const most = (map: Map<string, bigint>, sat: bigint) => void (sat > (map.get(id) ?? 0n) && map.set(id, sat));
    if (c.role === 'payer') {
      most(this.#signed, c.signedMaxSat);
      expect(isGood(refund(c), c.refund, keysOf(terms).script), 'the refund').toBe(true);
      return;
    }
    if (!c.restored) expect(c.paidSat, `${id}: a payment forgotten`).toBeGreaterThanOrEqual(this.#paid.get(id) ?? 0n);
    most(this.#paid, c.paidSat);
    expect(c.exit === null).toBe(c.paidSat === 0n);
    if (c.exit === null) return;
    const template = update(c, c.paidSat);
    expect(isGood(template, c.exit, keysOf(terms).script), 'the exit').toBe(true);
    const pays = sumSat(template.outputs.filter((o) => o.script === payoutScript(terms, 'payee')));
    expect(pays).toBeGreaterThanOrEqual(c.paidSat);
    expect(this.homes[i].home.network).toBe('regtest');
  }
}

/** Is it that transaction, signed by the key of what it spends? */
function isGood(template: Template, hex: string, script: string): boolean {
  const { inputs, witnesses } = parseTransaction(hex);
  const [signature] = witnesses![0]!;
  const spends = outpointText({ txid: bytesToHex(inputs[0]!.txid!), vout: inputs[0]!.index! });
  return (
    spends === outpointText(template.inputs[0]!) &&
    verifies(bytesToHex(signature!), taprootSighash(template, 0), script.slice(4))
  );
}

const runs = Number(process.env['SPILLWAY_RUNS'] ?? (process.env['CI'] ? 100 : 15));
const seed = Number(process.env['SPILLWAY_SEED'] ?? Date.now() % 2 ** 31);
const totals = new Map<string, number>();

describe(`a model of credit records (seed ${seed})`, () => {
  it(
    'no claim without its record, no coin that nobody can free, no debt twice or forgotten, every word true',
    async () => {
      let made = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(command, { minLength: 8, maxLength: 24, size: 'max' }), async (commands) => {
          made += 1;
          const homes: [TestParty, TestParty] = [await TestParty.make(), await TestParty.make()];
          const world = new World(homes);
          try {
            for (const [payee, payer] of [homes, homes.toReversed()] as [TestParty, TestParty][]) {
              const messages = await openMessages({ payee, payer, close: () => {} });
              world.contracts.push(messages[3]!['contract'].id);
            }
            for (const i of [0, 1] as const) await world.play({ do: 'backup', who: i });
            await world.check();
            for (const one of commands) {
              await world.play(one);
              for (const c of await world.records(0))
                if ('id' in c && isFunded(c) && !world.contracts.includes(c.id)) world.contracts.push(c.id);
              await world.check();
            }
            for (const id of world.contracts) await world.settle(id);
            await world.check();
          } finally {
            for (const [what, times] of world.done) totals.set(what, (totals.get(what) ?? 0) + times);
            for (const home of homes) home.close();
          }
        }),
        { numRuns: runs, seed, endOnFailure: runs <= 100, verbose: 1 },
      );
      expect(made).toBe(runs);
    },
    runs * 10_000,
  );

  it.runIf(runs >= 100)('and much has happened', () => {
    if (process.env['SPILLWAY_RUNS']) console.log(Object.fromEntries([...totals].sort((a, b) => b[1] - a[1])));
    for (const what of ['sign-update accepted', 'rollover accepted', 'close-credit complete', 'restored', 'reconciled'])
      expect(totals.get(what) ?? 0, what).toBeGreaterThan(0);
  });
});
