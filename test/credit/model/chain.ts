/**
 * The chain of the model: every transaction that a home has printed as final or would send by itself, of which one spends a
 * contract's coin. Once it has, both homes are told as `watch` tells them, and every word that they said of it must be true.
 */
import { expect } from 'vitest';
import { bytesToHex } from '../../../src/lib/bitcoin/bytes.ts';
import { outpointText } from '../../../src/lib/bitcoin/outpoint.ts';
import { taprootSighash } from '../../../src/lib/bitcoin/sighash.ts';
import { parseTransaction, sumSat, txidOfHex, type Template } from '../../../src/lib/bitcoin/transaction.ts';
import {
  creditKind,
  isFunded,
  settledAs,
  type Credit,
  type FundedCredit,
  type Settled,
} from '../../../src/lib/credit/records.ts';
import { standingOf } from '../../../src/lib/credit/standing.ts';
import { statusOf } from '../../../src/lib/credit/status.ts';
import { keysOf, payoutScript } from '../../../src/lib/credit/terms.ts';
import { judged, waysOf } from '../../../src/lib/credit/watched.ts';
import { outputsOf } from '../../../src/lib/bitcoin/transaction.ts';
import { change } from '../../../src/lib/home/change.ts';
import { idClaim } from '../../../src/lib/protocol/claims.ts';
import { verifies } from '../../../src/lib/signing/bip340.ts';
import type { Message } from '../../support/party.ts';
import type { Who } from './commands.ts';
import type { World } from './world.ts';

const UNSEEN = { tip: 1_000, coins: 'not-checked', known: 'not-checked' } as const;

export class Chain {
  /** Contracts whose coin is there. */
  readonly #funded = new Set<string>();
  readonly #spent = new Map<string, string>();
  /** By contract: what was printed, to be broadcast. */
  readonly #printed = new Map<string, Set<string>>();
  /** By txid of a rollover, the contract that it funds. */
  readonly #next = new Map<string, string>();

  fund(id: string): void {
    this.#funded.add(id);
  }
  isSpent = (id: string): boolean => this.#spent.has(id);
  hears(m: Message): void {
    if (m['type'] === 'open-credit' && m['step'] === 'ready') this.fund(m['contract'].id);
    if (typeof m['hex'] !== 'string') return;
    const { id } = m['contract'];
    this.#printed.set(id, (this.#printed.get(id) ?? new Set()).add(m['hex']));
    if (m['type'] === 'rollover') this.#next.set(txidOfHex(m['hex']), m['next_contract'].id);
  }

  async settle(world: World, id: string, pick: number): Promise<void> {
    if (!this.#funded.has(id) || this.#spent.has(id)) return;
    const records = await Promise.all(([0, 1] as const).map((i) => world.records(i)));
    const mine = records.map((all) => all.find((c) => 'id' in c && c.id === id));
    const funded = mine.filter((c): c is FundedCredit => c !== undefined && isFunded(c));
    const payee = funded.find((c) => c.role === 'payee');
    const payer = funded.find((c) => c.role === 'payer');
    if (!payee || !payer) return;
    const printed = [...(this.#printed.get(id) ?? [])];
    // The payee's watcher is awake: the refund has its turn where nothing was paid.
    const own = payee.exit !== null ? [payee.exit] : printed.length > 0 ? [] : [payer.refund];
    const all = [...printed, ...own];
    const hex = all[pick % all.length]!;
    expect(isGood(payee, hex), 'what was printed to be broadcast').toBe(true);
    this.#spent.set(id, txidOfHex(hex));
    const next = this.#next.get(txidOfHex(hex));
    if (next) this.fund(next);
    for (const i of [0, 1] as const) if (mine[i]) await tell(world, i, id, hex, records[i]!);
    const settled = (await Promise.all(([0, 1] as const).map((i) => world.records(i)))).map((list) =>
      list.find((c) => 'id' in c && c.id === id),
    );
    for (const i of [0, 1] as const) {
      const c = settled[i];
      if (c && isFunded(c)) this.#words(world, i, c, hex, next !== undefined);
    }
  }

  /** What a home says of a contract that is settled is what the chain shows. */
  #words(world: World, i: Who, c: FundedCredit, hex: string, rolled: boolean): void {
    const { is, by, settledSat, lostSat } = standingOf(c, UNSEEN);
    const { verdict, notes } = statusOf(c.id, c, UNSEEN);
    world.count(`settled by ${by}`);
    const paysSat = (role: 'payee' | 'payer') =>
      sumSat(outputsOf(hex).filter((o) => o.script === payoutScript(c.terms, role)));
    // A restored home that has not read its journal may have lost that it ever rolled over.
    const knows = !(rolled && by === 'other' && world.homes[i].home.restored);
    if (knows) expect(by === 'rollover', `${by} of ${c.role}`).toBe(rolled);
    expect(['done', 'lost']).toContain(verdict);
    if (c.role === 'payer') {
      const gave = rolled ? 0n : paysSat('payee');
      const signed = world.truth.signedOver(c.id);
      expect(gave, 'no more is paid than was signed for').toBeLessThanOrEqual(signed);
      return;
    }
    const paid = world.truth.paidOver(c.id);
    if (!world.homes[i].home.restored) expect(c.paidSat, 'paid').toBeGreaterThanOrEqual(paid);
    expect(is, `paid ${c.paidSat}, got ${paysSat('payee')}`).toBe(paysSat('payee') < c.paidSat ? 'lost' : 'settled');
    expect(settledSat).toBeLessThanOrEqual(paysSat('payee'));
    expect(settledSat + lostSat).toBeGreaterThanOrEqual(c.paidSat);
    expect(notes.some((note) => note.includes('are lost'))).toBe(is === 'lost');
    // Both parties were honest, so nothing is lost but by a store that did not know better.
    if (is === 'lost') expect(world.truth.hasForgotten(i), 'a loss').toBe(true);
  }
}

async function tell(world: World, i: Who, id: string, hex: string, all: readonly Credit[]): Promise<void> {
  await change<{ contract: Credit }, void>(
    world.homes[i].home.store,
    { contract: creditKind },
    () => ({ contract: idClaim(id) }),
    ({ contract: c }) => {
      if (!c || !isFunded(c) || c.settled) return { writes: {}, result: undefined };
      const key = c.rolling?.nextKey;
      const next = all.find((n) => 'terms' in n && 'outpoint' in n && n.terms.payee_pubkey === key);
      const txid = txidOfHex(hex);
      const ways = waysOf(c, next && 'outpoint' in next ? next : undefined);
      const way = ways.get(txid) ?? judged(c, hex, payoutScript(c.terms, c.role));
      return { writes: { contract: settledAs(c, { ...way, txid } as Settled) }, result: undefined };
    },
  );
}

/** Does it spend the contract's coin, by its key? */
function isGood({ terms, outpoint }: FundedCredit, hex: string): boolean {
  const { inputs, outputs, witnesses, version, lockTime } = parseTransaction(hex);
  const { script } = keysOf(terms);
  const [input] = inputs;
  const spends = { txid: bytesToHex(input!.txid!), vout: input!.index! };
  const template: Template = {
    version: version as 2 | 3,
    locktime: lockTime,
    inputs: [{ ...spends, sat: terms.capacity_sat, script, sequence: input!.sequence! }],
    outputs: outputs.map((o) => ({ sat: o.amount, script: bytesToHex(o.script) })),
  };
  return (
    outpointText(spends) === outpointText(outpoint) &&
    verifies(bytesToHex(witnesses![0]![0]!), taprootSighash(template, 0), script.slice(4))
  );
}
