/**
 * What `watch` does in each state of a statecoin's record, for each thing that the chain shows, with money for fees and
 * without: every cell is filled by running the real look against a chain whose mempool weighs replacements as a node does. The
 * table is beside this file; an empty cell, a missing one and one that has changed fail.
 *
 *   *  with a child   !  exit code 3   ·  nothing to do   -  the state has no such transaction
 */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { txidOfHex, unsignedHex, type Spent } from '../../src/lib/bitcoin/transaction.ts';
import { bundlePost } from '../../src/lib/engine/watch-bundle.ts';
import { homePost } from '../../src/lib/engine/watch-home.ts';
import { printJson } from '../../src/lib/protocol/json.ts';
import { exitStatechain } from '../../src/lib/statechain/exit.ts';
import type { OwnerRecord, Statecoin } from '../../src/lib/statechain/records.ts';
import { spentCoin } from '../../src/lib/statechain/terms.ts';
import { backup, PAYOUT_VOUT, withdraw } from '../../src/lib/statechain/transactions.ts';
import { exitingAs } from '../../src/lib/statechain/watch.ts';
import { withdrawStatechain } from '../../src/lib/statechain/withdraw.ts';
import { ADDRESSES } from '../credit/things.ts';
import type { FakeChain } from '../support/chain.ts';
import type { TestParty } from '../support/party.ts';
import { cast, coinOf, opened, transferMessages, withdrawMessages, type Cast } from '../support/statechain.ts';
import { BUDGETS, chainWith, tableNode, unsigned, type Cell, type Shown } from '../support/watch-table.ts';
import { unwritten } from '../support/watched.ts';
import { step } from './helpers.ts';
import { FORMER, OWN, ownerOf, rewrite, SAT } from './watching.ts';

const TABLE = join(import.meta.dirname, 'watch-table.txt');

/** Transactions of a coin that can lie in a mempool or block. */
type Known = 'exit' | 'former' | 'next' | 'withdrawal';
interface State {
  party: TestParty;
  file?: string;
  id: string;
  coin: Spent;
  known: Partial<Record<Known, string>>;
}

let seed = 3;
const open: Cast[] = [];
async function made(
  who: 'operator' | 'alice' | 'bob' | 'carol',
  more: (all: Cast, id: string) => Promise<string | void> = async () => {},
  owners = 2,
): Promise<State> {
  const all = await cast((seed = (seed + 4) % 240));
  open.push(all);
  const id = await opened(all);
  if (owners > 1) await transferMessages(all.operator, all.alice, all.bob, id);
  const holder = owners > 1 ? all.bob : all.alice;
  const before = await ownerOf(holder, id);
  const file = await more(all, id);
  const after = (await coinOf(holder, id)) as OwnerRecord & { to?: { address: string } };
  const { entries } = before;
  const at = (i: number): string => unsignedHex(backup(before, entries[i]!));
  const next = after.to?.address ?? ADDRESSES.p2tr;
  const { address, feeSat } = after.withdrawals.at(-1) ?? {};
  return {
    party: all[who],
    ...(file && { file }),
    id,
    coin: spentCoin(before),
    known: {
      exit: before.backups.at(-1)!,
      ...(owners > 1 && { former: at(0) }),
      next: unsignedHex(backup(before, { address: next, locktime: entries.at(-1)!.locktime - 100 })),
      ...(address !== undefined && { withdrawal: unsignedHex(withdraw(before, address, feeSat!)) }),
    },
  };
}
const written = (document: object): string => {
  const file = join(mkdtempSync(join(tmpdir(), 'spillway-tower-')), 'bundle.json');
  writeFileSync(file, printJson(document));
  return file;
};
const copyOf = (party: TestParty): string =>
  written(party.home.copies().copies.find(({ body }) => 'coin' in body)!.body);

const STATES: Record<string, () => Promise<State>> = {
  'first owner': () => made('alice', undefined, 1),
  owner: () => made('bob'),
  'owner offers it': () =>
    made(
      'bob',
      async ({ operator, bob, carol }, id) => void (await transferMessages(operator, bob, carol, id, 'offered')),
    ),
  'owner has sent it': () =>
    made(
      'bob',
      async ({ operator, bob, carol }, id) => void (await transferMessages(operator, bob, carol, id, 'sent')),
    ),
  'owner has handed it on': () =>
    made('bob', async ({ operator, bob, carol }, id) => {
      const said = await transferMessages(operator, bob, carol, id, 'moved');
      await step(bob, said.at(-1));
    }),
  'owner asks for a withdrawal': () =>
    made('bob', async ({ bob }, contract) => void (await bob.run(withdrawStatechain, { input: { contract } }))),
  'owner has withdrawn it': () =>
    made('bob', async ({ operator, bob }, id) => void (await withdrawMessages(operator, bob, id))),
  'owner has withdrawn it to another wallet': () =>
    made('bob', async ({ operator, bob }, contract) => {
      const requested = await bob.run(withdrawStatechain, { input: { contract, to: ADDRESSES.p2wpkh } });
      const signed = await operator.run(withdrawStatechain, { on: requested.message });
      await bob.run(withdrawStatechain, { on: signed.message });
    }),
  'owner exits': () =>
    made('bob', async ({ bob }, id) => rewrite(bob, id, (c: Statecoin) => exitingAs(c, { by: 'exit' }))),
  'owner restored': () => made('bob', async ({ bob }) => bob.lose(await bob.backUp())),
  'owner restored, journal whole': () =>
    made('bob', async ({ bob }) => {
      await bob.lose(await bob.backUp());
      await bob.home.reconcile(bob.journal(), { complete: true });
    }),
  'receiver half way': () =>
    made('carol', async ({ operator, bob, carol }, id) => {
      await transferMessages(operator, bob, carol, id, 'received');
    }),
  'operator open': () => made('operator'),
  'operator frozen': () =>
    made('operator', async ({ operator, bob, carol }, id) => {
      await transferMessages(operator, bob, carol, id, 'opened');
    }),
  'operator has signed a withdrawal': () =>
    made('operator', async ({ operator, bob }, id) => void (await withdrawMessages(operator, bob, id))),
  bundle: () =>
    made('bob', async ({ bob }, contract) =>
      written((await bob.run(exitStatechain, { input: { contract, bundle: true } })).message),
    ),
  'copy of a first owner': () => made('alice', async ({ alice }) => copyOf(alice), 1),
};

const HALF = OWN + 51;
const CHAIN: Record<string, Shown<Known>> = {
  early: { tip: 1_000 },
  'before the next owner can exit': { tip: OWN - 101 },
  'one block early': { tip: OWN - 1 },
  'at its height': { tip: OWN },
  'at its height, fees rise': { tip: OWN, feerate: 40_000 },
  'at its height, mempool full': { tip: OWN, feerate: 2_000, least: 12_000 },
  halfway: { tip: HALF },
  'at the deadline': { tip: FORMER },
  'exit waits': { tip: OWN, tx: 'exit', childSat: 600n },
  'exit waits, fees rise': { tip: OWN, tx: 'exit', childSat: 600n, feerate: 40_000 },
  'former owner waits': { tip: FORMER, tx: 'former', childSat: 600n },
  'former owner, heavy child': { tip: FORMER, tx: 'former', childSat: 30_000n },
  'former owner, before its time': { tip: OWN - 1, tx: 'former', childSat: 600n },
  'next owner waits': { tip: OWN - 100, tx: 'next', childSat: 600n },
  'next owner waits, fees rise': { tip: OWN, tx: 'next', childSat: 600n, feerate: 40_000 },
  'withdrawal waits': { tip: 1_000, tx: 'withdrawal' },
  'withdrawal waits, fees rise': { tip: 1_000, tx: 'withdrawal', feerate: 40_000 },
  'withdrawal hangs': { tip: HALF, tx: 'withdrawal', feerate: 40_000 },
  'stranger waits': { tip: 1_000, tx: 'stranger' },
  'stranger waits, at the deadline': { tip: FORMER, tx: 'stranger' },
  'exit in a block': { tip: OWN, tx: 'exit', childSat: 600n, deep: 1 },
  'exit final': { tip: OWN, tx: 'exit', childSat: 600n, deep: 6 },
  'former owner in a block': { tip: FORMER, tx: 'former', childSat: 600n, deep: 1 },
  'former owner final': { tip: FORMER + 6, tx: 'former', childSat: 600n, deep: 6 },
  'next owner final': { tip: OWN, tx: 'next', childSat: 600n, deep: 6 },
  'withdrawal final': { tip: 1_000, tx: 'withdrawal', deep: 6 },
  'stranger final': { tip: 1_000, tx: 'stranger', deep: 6 },
  'stranger final, no index': { tip: 1_000, tx: 'stranger', deep: 6, index: false },
  'funding gone': { tip: OWN, gone: true },
  'funding gone, no index': { tip: OWN, gone: true, index: false },
};
function chainOf({ coin, known }: State, shown: Shown<Known>): FakeChain | undefined {
  const hex = shown.tx === 'stranger' ? unsigned(coin, coin.sat - 400n) : shown.tx && known[shown.tx];
  if (hex === undefined) return shown.tx ? undefined : chainWith(shown, coin, []);
  // A backup pays none itself: it comes as a package with its child.
  const payout = { txid: txidOfHex(hex), vout: PAYOUT_VOUT, sat: coin.sat, script: '' };
  const child = shown.childSat === undefined ? [] : [unsigned(payout, coin.sat - shown.childSat)];
  return chainWith(shown, coin, [[hex, ...child]]);
}

interface PaidCell extends Cell {
  /** Sum that what the look has sent pays. */
  paidSat: bigint;
}
let lookOver: Awaited<ReturnType<typeof tableNode>>;

/** One look, which changes nothing but the chain. */
async function cell(state: State, shown: Shown<Known>, feeBudgetSat: bigint): Promise<PaidCell | undefined> {
  const chain = chainOf(state, shown);
  if (!chain) return undefined;
  const real =
    state.file === undefined
      ? homePost(state.party.home, state.party.ports(), state.id)
      : bundlePost('regtest', [state.file]);
  const looked = await lookOver(chain, shown, unwritten(real), feeBudgetSat);
  const sent = chain.mempool.filter(({ txid }) => !looked.before.includes(txid));
  return { ...looked, paidSat: sent.reduce((sum, tx) => sum + chain.fee(tx), 0n) };
}

describe('the table of statecoins in watch', () => {
  const cells = new Map<string, { state: string; shown: Shown<Known>; budget: string; cell: PaidCell | undefined }>();
  const exits = new Map<string, string>();
  beforeAll(async () => {
    lookOver = await tableNode();
    for (const [name, make] of Object.entries(STATES)) {
      const state = await make();
      exits.set(name, txidOfHex(state.known.exit!));
      for (const [what, shown] of Object.entries(CHAIN))
        for (const [budget, sat] of Object.entries(BUDGETS))
          cells.set([name, what, budget].join(' | '), {
            state: name,
            shown,
            budget,
            cell: await cell(state, shown, sat),
          });
    }
    for (const all of open.splice(0)) all.close();
  });
  const told = Object.keys(STATES);
  const filled = () => [...cells].flatMap(([name, found]) => (found.cell ? [{ name, ...found, ...found.cell }] : []));

  it('has every cell, as it is written beside', () => {
    const lines = [...cells].map(([name, found]) => `${name} | ${found.cell?.text ?? '-'}`);
    expect(lines).toHaveLength(told.length * Object.keys(CHAIN).length * 2);
    if (process.env['SPILLWAY_WRITE_TABLE']) writeFileSync(TABLE, `${lines.join('\n')}\n`);
    expect(lines).toEqual(readFileSync(TABLE, 'utf8').trimEnd().split('\n'));
  });
  it('nothing is sent of a coin that another may own, unless an owner before both takes it', () => {
    const given = ['owner has sent it', 'owner has handed it on', 'owner restored', 'receiver half way'];
    const idle = [
      ...given,
      'first owner',
      'copy of a first owner',
      'bundle',
      ...told.filter((s) => s.startsWith('operator')),
    ];
    const quiet = filled().filter(({ state, shown }) => idle.includes(state) && shown.tx === undefined);
    expect(quiet.length).toBeGreaterThan(150);
    for (const { name, before, after } of quiet) expect([name, after]).toEqual([name, before]);
    for (const { name, shown, state, before, after } of filled())
      if (given.includes(state) && shown.tx !== 'former' && shown.tx !== 'exit')
        expect([name, after]).toEqual([name, before]);
  });
  it('an owner exits at its height and not before, and what takes its coin then is out of the mempool', () => {
    const live = ['owner', 'owner offers it', 'owner asks for a withdrawal', 'owner restored, journal whole'];
    const rich = filled().filter(({ state, budget }) => live.includes(state) && budget === 'rich');
    for (const { name, shown, state, after } of rich) {
      const own = after.includes(exits.get(state)!);
      const early = shown.tip < OWN;
      if (shown.tx === undefined && !shown.gone) expect([name, own]).toEqual([name, !early]);
      if ((shown.tx === 'former' || shown.tx === 'stranger') && !shown.deep && !early)
        expect([name, own]).toEqual([name, true]);
    }
  });
  it('no fee is above its budget', () => {
    for (const { name, budget, paidSat } of filled()) {
      // A withdrawal has its own fee, which its owner has signed.
      const signed = name.includes('withdrawn') ? 1_000n : 0n;
      expect([name, paidSat <= BUDGETS[budget]! + signed]).toEqual([name, true]);
    }
  });
  it('is lost to an owner before, or to a stranger, and to nobody else', () => {
    const lost = filled().filter(({ events }) => events.some(({ event }) => event === 'lost'));
    expect(lost.length).toBeGreaterThan(10);
    for (const { name, shown, events } of lost) {
      // A backup of nobody that the record knows is a stranger's.
      expect([name, ['former', 'stranger', 'next'].includes(shown.tx!) && shown.deep === 6]).toEqual([name, true]);
      expect(name).not.toMatch(/has sent it \| next|handed it on|operator|bundle|copy/);
      for (const { event, lost_sat: sat } of events) if (event === 'lost') expect([name, sat]).toEqual([name, SAT]);
    }
  });
});
