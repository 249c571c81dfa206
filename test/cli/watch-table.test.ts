/**
 * What `watch` does in each state of a record, for each thing that the chain shows, with money for fees and without: every
 * cell is filled by running the real look against a chain whose mempool weighs replacements as a node does. The table is
 * beside this file; an empty cell, a missing one and one that has changed fail.
 *
 *   *  with a child   !  exit code 3   ·  nothing to do   -  the state has no such transaction
 */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { outputsOf, txidOfHex } from '../../src/lib/bitcoin/transaction.ts';
import { withChildren } from '../../src/commands/credit/exit.ts';
import { bundlePost } from '../../src/lib/engine/watch-bundle.ts';
import { homePost } from '../../src/lib/engine/watch-home.ts';
import type { Post } from '../../src/lib/engine/watch.ts';
import { closeCredit, exitCredit } from '../../src/lib/ecash/credit.ts';
import { isFunded, paidOf, type FundedCredit } from '../../src/lib/credit/records.ts';
import { payoutScript } from '../../src/lib/credit/terms.ts';
import { contractInput } from '../../src/lib/credit/transactions.ts';
import type { FakeChain } from '../support/chain.ts';
import { opened, pair, payMessages, rollMessages, type Pair } from '../support/credit.ts';
import type { TestParty } from '../support/party.ts';
import { unwritten } from '../support/watched.ts';
import { BUDGETS, chainWith, tableNode, unsigned, type Cell, type Shown } from '../support/watch-table.ts';

const TABLE = join(import.meta.dirname, 'watch-table.txt');

/** The transactions of a contract that can lie in a mempool or block. */
interface Known {
  refund: string;
  exit?: string;
  /** Before the last payment. */
  older?: string;
  /** After it, from the journal of a home that was restored without. */
  better?: string;
  close?: string;
  rollover?: string;
}
interface State {
  party: TestParty;
  /** Watched without a home. */
  file?: string;
  c: FundedCredit;
  known: Known;
}

let seed = 100;
const open: Pair[] = [];
const exitOf = async (both: Pair, id: string): Promise<string> =>
  ((await both.payee.record(id)) as { exit: string }).exit;

/** A contract that was paid over twice, then whatever the state takes. */
async function made(role: 'payee' | 'payer', more: (both: Pair, id: string) => Promise<Partial<Known>>, paid = true) {
  const both = await pair((seed += 2));
  open.push(both);
  const id = await opened(both);
  const known: Partial<Known> = {};
  if (paid) {
    await payMessages(both, id, 200_000n);
    known.older = await exitOf(both, id);
    await payMessages(both, id, 400_000n);
    known.exit = await exitOf(both, id);
  }
  Object.assign(known, { refund: ((await both.payer.record(id)) as { refund: string }).refund });
  Object.assign(known, await more(both, id));
  const c = await both[role].record(id);
  if (!isFunded(c)) throw new Error('not funded');
  return { party: both[role], c, known: known as Known };
}
const nothing = async () => ({});
const proposed = (by: 'payee' | 'payer') => async (both: Pair, contract: string) => {
  await both[by].run(closeCredit, { input: { contract } });
  return {};
};
const closed = (by: 'payee' | 'payer') => async (both: Pair, contract: string) => {
  // Not at the exit's feerate: then it would be the exit.
  both.payee.chain.feerate = both.payer.chain.feerate = 3_000;
  const proposal = await both[by].run(closeCredit, { input: { contract } });
  const signed = await both[by === 'payee' ? 'payer' : 'payee'].run(closeCredit, { on: proposal.message });
  return { close: (await both[by].run(closeCredit, { on: signed.message })).message['hex'] as string };
};
const rolled = async (both: Pair, id: string) => ({
  rollover: (await rollMessages(both, id)).at(-1)!['hex'] as string,
});

/** An export, before the last payment, or the copy of a refund, in the hands of somebody without a key. */
async function tower(role: 'payee' | 'payer', children: readonly number[]): Promise<State> {
  const file = join(mkdtempSync(join(tmpdir(), 'spillway-tower-')), 'exit.json');
  let c: FundedCredit;
  const state = await made(role, async (both, contract) => {
    c = (await both[role].record(contract)) as FundedCredit;
    const [copy] = both.payer.home.copies().copies;
    const { text } = await both.payee.run(exitCredit, { input: { contract, export: true } });
    writeFileSync(
      file,
      role === 'payer' ? JSON.stringify(copy!.body) : await withChildren(both.payee.home, text, children, true),
    );
    await payMessages(both, contract, 100_000n);
    return { better: await exitOf(both, contract) };
  });
  return { ...state, c: c!, file };
}

const STATES: Record<string, () => Promise<State>> = {
  'payee open': () => made('payee', nothing),
  'payee accepted': () => made('payee', nothing, false),
  'payee offers close': () => made('payee', proposed('payee')),
  'payee signed close': () => made('payee', closed('payer')),
  'payee closed': () => made('payee', closed('payee')),
  'payee rolled': () => made('payee', rolled),
  'payee rolled, exits': () =>
    made('payee', async (both, id) => {
      const known = await rolled(both, id);
      await both.payee.run(exitCredit, { input: { contract: id } });
      return known;
    }),
  'payee exiting': () =>
    made('payee', async (both, contract) => {
      await both.payee.run(exitCredit, { input: { contract } });
      return {};
    }),
  'payee restored': () =>
    made('payee', async (both, id) => {
      const backup = await both.payee.backUp();
      await payMessages(both, id, 100_000n);
      const better = await exitOf(both, id);
      await both.payee.lose(backup);
      return { better };
    }),
  'payer open': () => made('payer', nothing),
  'payer offers close': () => made('payer', proposed('payer')),
  'payer signed close': () => made('payer', closed('payee')),
  'payer closed': () => made('payer', closed('payer')),
  'payer rolled': () => made('payer', rolled),
  'payee export': () => tower('payee', []),
  'payee export, children': () => tower('payee', [10_000, 50_000, 250_000]),
  'payer copy': () => tower('payer', []),
};

/** Freeze, halfway, deadline, half the margin, expiry. */
const [EARLY, FREEZE, HALFWAY, DEADLINE, LAST, EXPIRY] = [1_000, 5_032, 5_104, 5_176, 5_248, 5_320];
const CHAIN: Record<string, Shown<keyof Known>> = {
  early: { tip: EARLY },
  freeze: { tip: FREEZE },
  halfway: { tip: HALFWAY },
  deadline: { tip: DEADLINE },
  'deadline, fees rise': { tip: DEADLINE, feerate: 40_000 },
  'deadline, mempool full': { tip: DEADLINE, feerate: 2_000, least: 12_000 },
  'half the margin': { tip: LAST },
  expiry: { tip: EXPIRY },
  'exit waits': { tip: EARLY, tx: 'exit' },
  'exit waits, fees rise': { tip: DEADLINE, tx: 'exit', feerate: 9_000 },
  'exit is pinned': { tip: DEADLINE, tx: 'exit', childSat: 30_000n, feerate: 40_000 },
  'older exit waits': { tip: EARLY, tx: 'older' },
  'older exit, heavy child': { tip: EARLY, tx: 'older', childSat: 30_000n },
  'better exit waits': { tip: LAST, tx: 'better' },
  'better exit, fees rise': { tip: LAST, tx: 'better', feerate: 9_000 },
  'refund waits': { tip: EXPIRY, tx: 'refund' },
  'refund, heavy child': { tip: EXPIRY, tx: 'refund', childSat: 30_000n },
  'close waits': { tip: HALFWAY, tx: 'close' },
  'close hangs': { tip: DEADLINE, tx: 'close', feerate: 9_000 },
  'close hangs on': { tip: LAST, tx: 'close', feerate: 9_000 },
  'rollover waits': { tip: HALFWAY, tx: 'rollover' },
  'rollover hangs': { tip: DEADLINE, tx: 'rollover', feerate: 9_000 },
  'rollover hangs on': { tip: LAST, tx: 'rollover', feerate: 9_000 },
  'stranger waits': { tip: EARLY, tx: 'stranger' },
  'exit in a block': { tip: DEADLINE, tx: 'exit', deep: 1 },
  'exit final': { tip: DEADLINE, tx: 'exit', deep: 6 },
  'older exit in a block': { tip: EARLY, tx: 'older', deep: 1 },
  'older exit final': { tip: EARLY, tx: 'older', deep: 6 },
  'better exit final': { tip: DEADLINE, tx: 'better', deep: 6 },
  'refund in a block': { tip: EXPIRY, tx: 'refund', deep: 1 },
  'refund final': { tip: EXPIRY, tx: 'refund', deep: 6 },
  'close final': { tip: HALFWAY, tx: 'close', deep: 6 },
  'rollover final': { tip: HALFWAY, tx: 'rollover', deep: 6 },
  'stranger final': { tip: EARLY, tx: 'stranger', deep: 6 },
  'stranger final, no index': { tip: EARLY, tx: 'stranger', deep: 6, index: false },
  'funding gone': { tip: DEADLINE, gone: true },
  'funding gone, no index': { tip: DEADLINE, gone: true, index: false },
};
function chainOf({ c, known }: State, shown: Shown<keyof Known>): FakeChain | undefined {
  const coin = contractInput(c, 0);
  const hex = shown.tx === 'stranger' ? unsigned(coin, coin.sat - 400n) : shown.tx && known[shown.tx];
  if (hex === undefined) return shown.tx ? undefined : chainWith(shown, coin, []);
  return chainWith(shown, coin, [[hex], ...(shown.childSat === undefined ? [] : [[childOf(c, hex, shown.childSat)]])]);
}
/** The payer's child, over 1,000 vB. */
function childOf(c: FundedCredit, hex: string, childSat: bigint): string {
  const script = payoutScript(c.terms, 'payer');
  const outputs = outputsOf(hex);
  const vout = outputs.findIndex((o) => o.script === script);
  return unsigned({ txid: txidOfHex(hex), vout, ...outputs[vout]! }, outputs[vout]!.sat - childSat, 21);
}

let lookOver: Awaited<ReturnType<typeof tableNode>>;

/** One look, which changes nothing but the chain. */
async function cell(state: State, shown: Shown<keyof Known>, feeBudgetSat: bigint): Promise<Cell | undefined> {
  const chain = chainOf(state, shown);
  if (!chain) return undefined;
  const home = () => homePost(state.party.home, state.party.ports(), state.c.id);
  const real = state.file === undefined ? home() : bundlePost('regtest', [state.file]);
  const post: Post = {
    ...unwritten(real),
    propose: async () => (state.file === undefined ? { type: 'close-credit' } : undefined),
  };
  return lookOver(chain, shown, post, feeBudgetSat);
}

describe('the table of watch', () => {
  const cells = new Map<string, { state: State; shown: Shown<keyof Known>; budget: string; cell: Cell | undefined }>();
  beforeAll(async () => {
    lookOver = await tableNode();
    for (const [name, make] of Object.entries(STATES)) {
      const state = await make();
      for (const [what, shown] of Object.entries(CHAIN))
        for (const [budget, sat] of Object.entries(BUDGETS))
          cells.set([name, what, budget].join(' | '), { state, shown, budget, cell: await cell(state, shown, sat) });
    }
    for (const both of open.splice(0)) both.close();
  });

  it('has every cell, as it is written beside', () => {
    const lines = [...cells].map(([name, found]) => `${name} | ${found.cell?.text ?? '-'}`);
    expect(lines).toHaveLength(Object.keys(STATES).length * Object.keys(CHAIN).length * 2);
    if (process.env['SPILLWAY_WRITE_TABLE']) writeFileSync(TABLE, `${lines.join('\n')}\n`);
    expect(lines).toEqual(readFileSync(TABLE, 'utf8').trimEnd().split('\n'));
    expect(lines.filter((line) => /\|\s*$/.test(line))).toEqual([]);
  });
  it('what pays the payee less is out of the mempool, or it is said what that takes', () => {
    let fought = 0;
    for (const [name, { state, budget, cell: found }] of cells) {
      const { events = [], after = [], before = [] } = found ?? {};
      if (state.c.role === 'payer' || !events.some(({ event }) => event === 'overtaken') || before.length === 0)
        continue;
      fought += 1;
      const said = events.some(
        ({ event, needs_sat: needs }) =>
          (event === 'over-budget' && typeof needs === 'bigint') || event === 'needs-bump',
      );
      if (budget === 'poor') expect([name, said || after[0] !== before[0]]).toEqual([name, true]);
      else expect([name, after.includes(before[0]!)]).toEqual([name, state.file !== undefined && said]);
      if (said) expect([name, after]).toEqual([name, before]);
    }
    expect(fought).toBeGreaterThan(40);
  });
  it('what pays the payee more stays in the mempool', () => {
    const better = [...cells.values()].filter(
      ({ shown, cell: found }) => shown.tx === 'better' && found && !shown.deep,
    );
    expect(better).toHaveLength(16);
    for (const { cell: found } of better) expect(found!.after).toContain(found!.before[0]);
  });
  it('what is final and pays less is lost, and nothing else is', () => {
    for (const [name, { state, cell: found }] of cells)
      for (const { event, pays_sat: pays, lost_sat: lost } of found?.events ?? [])
        if (event === 'lost') expect([name, (pays as bigint) + (lost as bigint)]).toEqual([name, paidOf(state.c)]);
    const told = (what: string) =>
      [...cells].filter(([name, { cell: c }]) => name.includes(what) && c?.text.includes('lost'));
    expect(told(' exit final').filter(([name]) => !name.includes('older'))).toEqual([]);
    expect(told('refund final').length).toBeGreaterThan(0);
  });
});
