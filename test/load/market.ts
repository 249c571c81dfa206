/**
 * A mint's home behind `serve --http`, a chain, and customers with funded contracts who pay over HTTP as honest wallets do:
 * they ask, sign, hand over, and try again after a 503. Strangers come from `strangers.ts`.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { PayeeCredit, PayerCredit } from '../../src/lib/credit/records.ts';
import { keysOf } from '../../src/lib/credit/terms.ts';
import { signUpdate } from '../../src/lib/ecash/credit.ts';
import { opened, type Pair } from '../support/credit.ts';
import { FakeChain } from '../support/chain.ts';
import { startFakeNode, type FakeNode } from '../support/fake-node.ts';
import { TestParty } from '../support/party.ts';
import { Server, type Replied } from '../support/server.ts';
import { bytesBelow, percentile, residentBytes } from './measure.ts';

export const CAPACITY = 90_000_000n;
const PAYMENT = 1_000n;

/** Of one stretch of load. */
export interface Measured {
  seconds: number;
  accepted: number;
  /** Milliseconds of each answer to a customer. */
  answers: number[];
  /** Times that a customer was told to come again (503). */
  waits: number;
  /** Codes with which a customer was refused all the same, which should be none. */
  refused: Map<string, number>;
  /** Bytes that memory and the home's files have grown by. */
  memory: number;
  files: number;
}

export class Market {
  readonly both: Pair;
  readonly chain: FakeChain;
  readonly node: FakeNode;
  /** Of the customers that pay now. */
  contracts: string[] = [];
  server!: Server;
  readonly #argv: readonly string[];
  /** Sat that each contract's payer has seen accepted. */
  readonly paid = new Map<string, bigint>();

  private constructor(both: Pair, chain: FakeChain, node: FakeNode, argv: readonly string[]) {
    this.both = both;
    this.chain = chain;
    this.node = node;
    this.#argv = argv;
  }

  /** @param argv more flags of the server */
  static async open(customers: number, argv: readonly string[]): Promise<Market> {
    const [payee, payer] = [await TestParty.make(), await TestParty.make()];
    const both = { payee, payer, close: () => (payee.close(), payer.close()) };
    const chain = new FakeChain(1_000);
    const market = new Market(both, chain, await startFakeNode(chain.answers()), argv);
    await market.welcome(customers);
    await market.start();
    return market;
  }

  /** So many customers with new funded contracts, in place of those before. */
  async welcome(customers: number): Promise<void> {
    this.contracts = [];
    while (this.contracts.length < customers) {
      const id = await opened(this.both, { amount: CAPACITY });
      const { terms, outpoint } = (await this.both.payer.record(id)) as PayerCredit;
      this.chain.give({ ...outpoint, sat: CAPACITY, script: keysOf(terms).script });
      this.contracts.push(id);
    }
  }

  async start(): Promise<void> {
    const argv = ['--home', this.both.payee.dir, '--http', '0', '--proxy', '127.0.0.1', ...this.#argv];
    this.server = await Server.start(argv, { SPILLWAY_CHAIN: this.node.url });
  }

  /** The server dies and another one is started on its home. */
  async kill(): Promise<void> {
    await this.server.stop('SIGKILL');
    await this.start();
  }

  async close(): Promise<void> {
    await this.server.stop();
    this.node.close();
    this.both.close();
  }

  /** All customers pay, one payment after the other each, until the time is over. */
  async pay(seconds: number): Promise<Measured> {
    const memory = (): number => residentBytes(this.server.child.pid!);
    const measured: Measured = {
      seconds,
      accepted: 0,
      answers: [],
      waits: 0,
      refused: new Map(),
      memory: -memory(),
      files: -this.#files(),
    };
    const start = performance.now();
    const end = start + seconds * 1000;
    await Promise.all(
      this.contracts.map(async (contract) => {
        while (performance.now() < end) await this.#payOnce(contract, measured);
      }),
    );
    measured.seconds = (performance.now() - start) / 1000;
    measured.memory += memory();
    measured.files += this.#files();
    return measured;
  }

  #files(): number {
    const { dir, home } = this.both.payee;
    return bytesBelow(dir) + bytesBelow(home.journalDir);
  }

  async #payOnce(contract: string, measured: Measured): Promise<void> {
    const { payer } = this.both;
    const asked = await payer.run(signUpdate, { input: { contract, amount: PAYMENT } });
    const requested = await this.#ask(asked.text, measured);
    if (!requested) return;
    const signed = await payer.run(signUpdate, { on: requested });
    if (!(await this.#ask(signed.text, measured))) return;
    measured.accepted += 1;
    this.paid.set(contract, (this.paid.get(contract) ?? 0n) + PAYMENT);
  }

  /** The answer, as often as the server asks for patience; undefined where it is a refusal, which is counted. */
  async #ask(text: string, measured: Measured): Promise<string | undefined> {
    for (;;) {
      const start = performance.now();
      const reply = await this.server.post(text).catch((): Replied | undefined => undefined);
      if (reply && reply.status < 300) {
        measured.answers.push(performance.now() - start);
        return reply.text;
      }
      if (reply && reply.status !== 503) {
        const code = String(reply.message['error']?.code ?? reply.status);
        measured.refused.set(code, (measured.refused.get(code) ?? 0) + 1);
        return undefined;
      }
      measured.waits += 1;
      await sleep(50 + Math.random() * 200);
    }
  }

  /** What the home has taken is what the payers have seen accepted. @throws where it is not */
  async check(): Promise<bigint> {
    let sum = 0n;
    for (const [contract, paid] of this.paid) {
      const { paidSat } = (await this.both.payee.record(contract)) as PayeeCredit;
      if (paidSat !== paid) throw new Error(`contract ${contract}: ${paidSat} sat taken, ${paid} paid`);
      sum += paid;
    }
    return sum;
  }
}

/** One line of figures; with a calm stretch to compare with, as ratios to it. */
export function lineOf(name: string, m: Measured, calm?: Measured): string {
  const rate = (of: Measured): number => of.accepted / of.seconds;
  const against = (value: number, than: number | undefined, digits = 2): string =>
    than ? ` (×${(value / than).toFixed(digits)})` : '';
  const [half, late] = [0.5, 0.99].map((share) => percentile(m.answers, share));
  const refusals = [...m.refused].map(([code, times]) => `${code} ${times}×`).join(', ') || 'none';
  return [
    `${name}: ${rate(m).toFixed(1)} accepted a second${against(rate(m), calm && rate(calm))}`,
    `p50 ${half!.toFixed(0)} ms${against(half!, calm && percentile(calm.answers, 0.5))}`,
    `p99 ${late!.toFixed(0)} ms${against(late!, calm && percentile(calm.answers, 0.99))}`,
    `${m.waits} told to wait, refused: ${refusals}`,
    `memory ${(m.memory / 1e6).toFixed(1)} MB more`,
    `files ${(m.files / 1e3).toFixed(0)} kB more, ${(m.files / 1e3 / Math.max(1, m.accepted)).toFixed(1)} kB a payment`,
  ].join('; ');
}
