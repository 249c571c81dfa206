/**
 * A fleet: worker processes (`serve --stdio`) on one PostgreSQL store, and customers that send them updates in random order,
 * with duplicates and stale amounts, while workers are killed and the database is restarted.
 */
import { issuedOf, ledgerClaim, ledgerKind, payeeLedger } from '../../src/lib/ecash/ledger.ts';
import { schnorr } from '@noble/curves/secp256k1.js';
import { hexToBytes } from '@noble/hashes/utils.js';
import { Transaction } from '@scure/btc-signer';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { readPsbt, shareOf } from '../../src/lib/bitcoin/psbt.ts';
import { allKinds } from '../../src/lib/families.ts';
import { addKeyset } from '../../src/commands/ecash/keysets.ts';
import { restoreHome } from '../../src/lib/home/backup.ts';
import { plainCommit, writeOf } from '../../src/lib/home/change.ts';
import { readConfig } from '../../src/lib/home/config.ts';
import { openHome } from '../../src/lib/home/home.ts';
import { readJournal, type JournalLine } from '../../src/lib/home/journal.ts';
import { creditKind, type PayeeCredit } from '../../src/lib/credit/records.ts';
import { keysOf } from '../../src/lib/credit/terms.ts';
import { signUpdate } from '../../src/lib/ecash/credit.ts';
import { HOME_MINT, opened, type Pair } from './credit.ts';
import { expectSums } from './figures.ts';
import { judge, type Judge } from './kernel.ts';
import { many } from './many.ts';
import { TestParty, type Message } from './party.ts';
import { privateDir, startPostgres, type Cluster } from './postgres.ts';
import { Server } from './server.ts';

export interface FleetSize {
  contracts: number;
  updates: number;
  workers: number;
  /** Contracts beside these, which nobody pays over. */
  others?: number;
}
/** `SPILLWAY_FLEET=CONTRACTS,UPDATES,WORKERS[,OTHERS]`, else what is given. */
export function fleetSize(otherwise: FleetSize): FleetSize {
  const [contracts, updates, workers, others = 0] = (process.env['SPILLWAY_FLEET'] ?? '').split(',').map(Number);
  return contracts && updates && workers ? { contracts, updates, workers, others } : otherwise;
}
/** Contracts that are written in one commit. */
const AT_A_TIME = 500;

const TRY_AGAIN = ['store-unavailable', 'concurrent'];
/** Customers that wait for an answer at the same time. */
const AT_ONCE = 24;

const pick = <T>(from: readonly T[]): T => from[Math.floor(Math.random() * from.length)]!;
const shuffled = <T>(list: readonly T[]): T[] =>
  list
    .map((value) => [Math.random(), value] as const)
    .sort(([a], [b]) => a - b)
    .map(([, value]) => value);

/** One worker process; its replies come in the order of its lines. */
class Worker {
  readonly #server: Server;
  readonly #waiting: ((line: string | undefined) => void)[] = [];
  private constructor(server: Server) {
    this.#server = server;
    void this.#read();
  }
  static async start(dir: string): Promise<Worker> {
    return new Worker(await Server.start(['--home', dir, '--stdio'], { SPILLWAY_TIP: '1000' }));
  }
  async #read(): Promise<void> {
    for (let line; (line = await this.#server.line()) !== undefined;) this.#waiting.shift()?.(line);
    for (const lost of this.#waiting.splice(0)) lost(undefined);
    this.ended = true;
  }
  ended = false;
  /** undefined: it died over this. */
  ask(text: string): Promise<string | undefined> {
    if (this.ended) return Promise.resolve(undefined);
    return new Promise((done) => {
      this.#waiting.push(done);
      this.#server.write(text.trim());
    });
  }
  kill(): void {
    this.#server.child.kill('SIGKILL');
  }
}

/** The newest commit of which a line tells. */
const newestIn = (line: JournalLine | undefined): number =>
  line ? Math.max(line.commit, ...line.records.map(({ rev }) => rev)) : -1;

export class Fleet {
  readonly counts = { accepted: 0, sent: 0, duplicates: 0, stale: 0, again: 0, kills: 0, restarts: 0 };
  readonly #size: FleetSize;
  readonly #cluster: Cluster;
  readonly #both: Pair;
  readonly #workers: Worker[] = [];
  /** The message that showed each public nonce of the payee. */
  readonly #nonces = new Map<string, string>();
  readonly #paid = new Map<string, { paid: bigint; ecash: boolean }>();
  #restarting: Promise<void> | undefined;
  #backup: Promise<string> | undefined;
  #standby: Promise<Cluster> | undefined;
  #promoted: Promise<unknown> | undefined;

  private constructor(size: FleetSize, cluster: Cluster, both: Pair) {
    this.#size = size;
    this.#cluster = cluster;
    this.#both = both;
  }

  static async start(size: FleetSize): Promise<Fleet> {
    const cluster = await startPostgres();
    const [payee, payer] = [await TestParty.make(undefined, await cluster.database()), await TestParty.make()];
    await addKeyset(payee.home, undefined);
    const fleet = new Fleet(size, cluster, { payee, payer, close: () => (payee.close(), payer.close()) });
    for (let i = 0; i < size.workers; i += 1) fleet.#workers.push(await Worker.start(payee.dir));
    return fleet;
  }

  /** Contracts that only weigh: copies of one. */
  async #weigh(pattern: string): Promise<void> {
    const { others = 0 } = this.#size;
    const { home } = this.#both.payee;
    const c = creditKind.parse((await home.store.byName(pattern))[0]!.record) as PayeeCredit;
    for (let done = 0; done < others; done += AT_A_TIME) {
      const some = Array.from({ length: Math.min(AT_A_TIME, others - done) }, () => many(c, { paidSat: 1_000n }));
      const writes = some.map((one) => writeOf(creditKind, one, null, 0));
      expect(await home.store.commit(plainCommit({ reads: [], writes }))).toBe(true);
    }
  }

  /** A second server that follows the first, as it is for failover. */
  async #follow(): Promise<Cluster> {
    const copy = join(privateDir('standby'), 'data');
    const url = `postgres://postgres@127.0.0.1:${this.#cluster.port}/postgres`;
    await this.#cluster.run('pg_basebackup', '--no-sync', '-R', '-X', 'stream', '-c', 'fast', '-D', copy, '-d', url);
    const standby = await startPostgres(copy);
    rmSync(join(copy, '..'), { recursive: true, force: true });
    return standby;
  }

  /**
   * The standby took the primary's place at some moment, while workers wrote: whatever had come over by then, its sums are
   * those of its records, and no contract has more than was paid.
   * @returns how many contracts it has, and how many of them lack an update
   */
  async failedOver(): Promise<{ records: number; behind: number } | undefined> {
    const standby = await this.#standby;
    if (!standby) return undefined;
    await this.#promoted;
    const { dir } = this.#both.payee;
    const [beside, url] = [`${dir}-standby`, new URL(readConfig(dir).store!)];
    url.port = String(standby.port);
    cpSync(dir, beside, { recursive: true });
    const home = await openHome({ dir: beside, kinds: allKinds, store: url.href });
    try {
      expect(home.restored).toBe(true);
      await expectSums(home);
      let behind = 0;
      for (const [id, { paid }] of this.#paid) {
        const c = creditKind.parse((await home.store.byName(id))[0]!.record) as PayeeCredit;
        expect(c.paidSat, `contract ${id}`).toBeLessThanOrEqual(paid);
        if (c.paidSat < paid) behind += 1;
      }
      return { records: (await home.store.list('credit')).length, behind };
    } finally {
      home.close();
    }
  }

  async end(): Promise<void> {
    await (await this.#standby)?.end();
    for (const worker of this.#workers) worker.kill();
    this.#both.close();
    await this.#cluster.end();
  }

  /** All customers, some at once, each with its share of the updates. */
  async run(): Promise<void> {
    const { contracts, updates } = this.#size;
    const customers: (() => Promise<void>)[] = [];
    for (let i = 0; i < contracts; i += 1) {
      const ecash = i % 2 === 0;
      const id = await opened(this.#both, ecash ? { offer: HOME_MINT } : {});
      this.#paid.set(id, { paid: 0n, ecash });
      const steps = ecash ? this.#ecashUpdate(id) : this.#plainUpdate(id);
      const share = Math.floor(((i + 1) * updates) / contracts) - Math.floor((i * updates) / contracts);
      for (let n = 0; n < share; n += 1) customers.push(async () => void (await steps()));
    }
    await this.#weigh([...this.#paid.keys()][0]!);
    if (this.#size.others !== undefined) this.#standby = this.#follow();
    await this.#standby;
    const queue = shuffled(customers);
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (let next; (next = queue.pop());) {
          await next();
          await this.#disturb();
        }
      }),
    );
  }

  /** Workers die at random; the database is restarted once, half way; a little before, a backup is taken; later a standby takes over. */
  async #disturb(): Promise<void> {
    const { updates, workers } = this.#size;
    if (this.counts.accepted >= updates / 3) this.#backup ??= this.#both.payee.backUp();
    if (this.counts.accepted >= updates / 2 && !this.#restarting) {
      this.counts.restarts += 1;
      // A backup that meets the restart breaks off, and would be taken again.
      const backup = this.#backup;
      this.#restarting = Promise.resolve(backup)
        .then(() => this.#cluster.stop())
        .then(() => this.#cluster.start());
      await this.#restarting;
    }
    if (this.counts.accepted >= (updates * 2) / 3)
      this.#promoted ??= this.#standby?.then((standby) => standby.run('pg_ctl', '-D', standby.dir, '-w', 'promote'));
    if (Math.random() * updates > workers * 2) return;
    this.counts.kills += 1;
    const at = Math.floor(Math.random() * this.#workers.length);
    this.#workers[at]!.kill();
    await this.#restarting;
    this.#workers[at] = await Worker.start(this.#both.payee.dir);
  }

  /** Asks some worker until one answers. */
  async #ask(text: string): Promise<{ line: string; message: Message }> {
    for (let tries = 0; tries < 500; tries += 1) {
      this.counts.sent += 1;
      const line = await pick(this.#workers).ask(text);
      const message = line === undefined ? undefined : (JSON.parse(line) as Message);
      if (message && !TRY_AGAIN.includes(message['error']?.code)) return { line: line!, message };
      this.counts.again += 1;
      await sleep(20 + Math.random() * 200);
    }
    throw new Error('no worker answers');
  }
  /** To one worker, or to several at once: all must say the same. */
  async #send(text: string): Promise<Message> {
    const times = Math.random() < 0.25 ? 3 : 1;
    this.counts.duplicates += times - 1;
    const answers = await Promise.all(Array.from({ length: times }, () => this.#ask(text)));
    expect(new Set(answers.map(({ line }) => line)).size).toBe(1);
    return answers[0]!.message;
  }
  async #atHome<T>(work: () => Promise<T>): Promise<T> {
    for (;;)
      try {
        return await work();
      } catch (error) {
        if (!TRY_AGAIN.includes((error as { code: string }).code)) throw error;
        await sleep(100);
      }
  }

  #shown(requested: Message): void {
    const view = requested['contract'];
    const { pubnonce } = shareOf(readPsbt(requested['psbt'].update), 0, keysOf(view), view.payee_pubkey);
    const text = JSON.stringify(requested);
    expect(this.#nonces.get(pubnonce!) ?? text, 'a nonce is shown by one message').toBe(text);
    this.#nonces.set(pubnonce!, text);
  }

  #took(id: string, amount: bigint): void {
    this.#paid.get(id)!.paid += amount;
    this.counts.accepted += 1;
  }

  /** The steps of one contract, one after another whoever asks for them. */
  #inTurn(step: () => Promise<void>): () => Promise<void> {
    let last = Promise.resolve();
    return () => (last = last.then(step));
  }

  /** Two amounts are requested and signed at once: one is accepted, the other is stale. */
  #plainUpdate(contract: string): () => Promise<void> {
    const { payee, payer } = this.#both;
    const old: { text: string; line: string }[] = [];
    let ahead = 0n;
    return this.#inTurn(async () => {
      // A payer that has signed more than was taken signs that again, before it signs more.
      const amounts = ahead > 0n ? [ahead] : [1_000n + BigInt(Math.floor(Math.random() * 400)), 600n];
      const signed: string[] = [];
      for (const amount of amounts) {
        const requested = await this.#atHome(() => payee.run(signUpdate, { input: { contract, amount } }));
        this.#shown(requested.message);
        signed.push((await payer.run(signUpdate, { on: requested.text, max: 1_000_000n })).text);
      }
      const replies = await Promise.all(shuffled(signed).map((text) => this.#send(text)));
      const accepted = replies.filter((reply) => reply['step'] === 'accepted');
      expect(accepted).toHaveLength(1);
      for (const { error } of replies.filter((reply) => reply['error'])) {
        expect(error.code).toBe('state-moved-on');
        this.counts.stale += 1;
      }
      const took = BigInt(accepted[0]!['paid_sat']) - this.#paid.get(contract)!.paid;
      ahead = amounts[0]! - took;
      this.#took(contract, took);
      if (old.length > 0) {
        const { text, line } = pick(old);
        this.counts.stale += 1;
        expect((await this.#ask(text)).line, 'an old update gets its old answer').toBe(line);
      }
      const winner = signed.find((text) => JSON.parse(text).paid_sat === accepted[0]!['paid_sat'])!;
      old.push({ text: winner, line: (await this.#ask(winner)).line });
    });
  }

  /** The customer asks, pays, and gets ecash for it. */
  #ecashUpdate(contract: string): () => Promise<void> {
    const { payer } = this.#both;
    return this.#inTurn(async () => {
      const amount = 1_000n + BigInt(Math.floor(Math.random() * 1_000));
      const asked = await payer.run(signUpdate, { input: { contract, amount } });
      const requested = await this.#send(asked.text);
      expect(requested['error']).toBeUndefined();
      this.#shown(requested);
      const signed = await payer.run(signUpdate, { on: requested, input: { ecash: true } });
      const accepted = await this.#send(signed.text);
      expect(accepted['step'], JSON.stringify(accepted['error'])).toBe('accepted');
      expect((await payer.run(signUpdate, { on: accepted })).message['step']).toBe('received');
      this.#took(contract, amount);
    });
  }

  /** What the store holds is what the customers know. @returns sums, for a line */
  async check(): Promise<{ paid: bigint; issued: bigint; nonces: number }> {
    const kernel = await judge();
    let [paid, issued] = [0n, 0n];
    for (const [id, known] of this.#paid) {
      const c = (await this.#both.payee.record(id)) as PayeeCredit;
      const { issuedSat } = await this.#both.payee.ledger(id);
      expect([c.paidSat, issuedSat]).toEqual([known.paid, known.ecash ? known.paid : 0n]);
      await this.#exits(c, kernel);
      paid += c.paidSat;
      issued += issuedSat;
    }
    kernel?.close();
    const { store } = this.#both.payee.home;
    expect((await store.list('credit')).length).toBe(this.#size.contracts + (this.#size.others ?? 0));
    await expectSums(this.#both.payee.home);
    return { paid, issued, nonces: this.#nonces.size };
  }

  /** Its exit pays what was paid, and consensus takes it. */
  async #exits({ exit, terms, paidSat }: PayeeCredit, kernel: Judge | undefined): Promise<void> {
    const tx = Transaction.fromRaw(hexToBytes(exit!), { allowUnknownVersion: true });
    const script = hexToBytes(keysOf(terms).script);
    const hash = tx.preimageWitnessV1(0, [script], 0, [terms.capacity_sat]);
    expect(tx.getOutput(0).amount).toBe(paidSat);
    expect(schnorr.verify(tx.getInput(0).finalScriptWitness![0]!, hash, script.subarray(2))).toBe(true);
    if (kernel)
      expect(await kernel.scripts(exit!, [{ sat: terms.capacity_sat, script: keysOf(terms).script }])).toBe(true);
  }

  /**
   * The database is lost: a new one is made of the backup and of the journals of all workers, without their last lines. What
   * those lines did not touch is there to the satoshi; for every contract, what was issued can be exited or is flagged.
   * @returns how many contracts are behind
   */
  async restore(missing: number): Promise<{ behind: number; lines: number }> {
    const { payee } = this.#both;
    for (const worker of this.#workers) worker.kill();
    const key = await payee.home.journalKey();
    const files = payee.journal().map((path) => ({ path, lines: [...readJournal(path, key).lines] }));
    const touched = new Set<string>();
    for (let n = 0; n < missing; n += 1) {
      const last = files.reduce((a, b) => (newestIn(b.lines.at(-1)) > newestIn(a.lines.at(-1)) ? b : a));
      for (const { name } of last.lines.pop()!.records) touched.add(name);
      writeFileSync(
        last.path,
        readFileSync(last.path, 'utf8')
          .split('\n')
          .slice(0, last.lines.length + 1)
          .join('\n') + '\n',
      );
    }
    const dir = join(payee.dir, '..', 'elsewhere');
    await restoreHome({ from: (await this.#backup)!, dir, store: await this.#cluster.database() });
    const home = await openHome({ dir, kinds: allKinds });
    try {
      expect(home.restored).toBe(true);
      const { gathered } = await home.reconcile(files.map(({ path }) => path));
      const kernel = await judge();
      let behind = 0;
      for (const [id, known] of this.#paid) {
        const c = creditKind.parse((await home.store.byName(id))[0]?.record) as PayeeCredit;
        const hit = (await home.store.load([ledgerClaim(id)])).found.get(ledgerClaim(id));
        const l = payeeLedger(c, hit && ledgerKind.parse(hit.record));
        const what = `contract ${id}, paid ${known.paid}`;
        expect(c.restored && l.unconfirmed, what).toBe(true);
        expect(c.paidSat <= known.paid && issuedOf(l) >= l.issuedSat, what).toBe(true);
        if (c.exit) await this.#exits(c, kernel);
        if (!touched.has(id))
          expect([c.paidSat, l.issuedSat], what).toEqual([known.paid, known.ecash ? known.paid : 0n]);
        else if (c.paidSat < known.paid) behind += 1;
      }
      kernel?.close();
      return { behind, lines: gathered.lines };
    } finally {
      home.close();
    }
  }
}

/** Plays it, and prints the counts. */
export async function playFleet(size: FleetSize): Promise<Fleet['counts']> {
  const fleet = await Fleet.start(size);
  try {
    const start = performance.now();
    await fleet.run();
    const seconds = ((performance.now() - start) / 1000).toFixed(0);
    const { paid, issued, nonces } = await fleet.check();
    const { accepted, sent, duplicates, stale, again, kills, restarts } = fleet.counts;
    console.log(
      `fleet: ${size.workers} workers, ${size.contracts} contracts, ${accepted} updates accepted in ${seconds} s; ${sent} messages sent, ` +
        `${duplicates} of them twice, ${stale} stale, ${again} sent again; ${kills} workers killed, ${restarts} restart of the database; ` +
        `${paid} sat paid, ${issued} sat issued, ${nonces} nonces, none shown twice`,
    );
    const over = await fleet.failedOver();
    if (over)
      console.log(`fleet: a standby took over among ${over.records} contracts: ${over.behind} lack an update by then`);
    const { behind, lines } = await fleet.restore(20);
    console.log(
      `fleet: restored from a backup of its middle and ${lines} journal lines, 20 missing: ${behind} contracts behind and flagged`,
    );
    return fleet.counts;
  } finally {
    await fleet.end();
  }
}
