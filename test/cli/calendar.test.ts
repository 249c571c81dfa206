/** The calendar of `watch --dry-run`: what would be sent, from when, by when, at which fee; and that nothing is sent or written. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { statusTable } from '../../src/commands/home/status.ts';
import { calendarTable } from '../../src/commands/tools/watch.ts';
import { Rpc } from '../../src/lib/chain/rpc.ts';
import { factSource } from '../../src/lib/chain/source.ts';
import { contractInput } from '../../src/lib/credit/transactions.ts';
import { settledAs, type PayeeCredit } from '../../src/lib/credit/records.ts';
import { closeCredit } from '../../src/lib/ecash/credit.ts';
import { calendar } from '../../src/lib/engine/calendar.ts';
import { changeRecord } from '../../src/lib/engine/upkeep.ts';
import { statusLines } from '../../src/lib/engine/status.ts';
import { idClaim } from '../../src/lib/protocol/claims.ts';
import { bundlePost } from '../../src/lib/engine/watch-bundle.ts';
import { homePost } from '../../src/lib/engine/watch-home.ts';
import type { Post, WatchEvent } from '../../src/lib/engine/watch.ts';
import { printJson } from '../../src/lib/protocol/json.ts';
import { exitStatechain } from '../../src/lib/statechain/exit.ts';
import { statecoinKind } from '../../src/lib/statechain/records.ts';
import { fakeNode } from '../chain/node.ts';
import { FakeChain } from '../support/chain.ts';
import { opened, pair, payMessages } from '../support/credit.ts';
import { warm as spillway } from '../support/host.ts';
import { cast, opened as openCoin, transferMessages } from '../support/statechain.ts';
import type { TestParty } from '../support/party.ts';
import { creditKind } from '../../src/lib/credit/records.ts';

const closing: (() => void)[] = [];
afterEach(() => closing.splice(0).forEach((close) => close()));

let seed = 20;
async function coins() {
  const all = await cast((seed += 4));
  closing.push(all.close);
  const id = await openCoin(all);
  await transferMessages(all.operator, all.alice, all.bob, id);
  return { all, id };
}
async function credit() {
  const both = await pair((seed += 4));
  closing.push(() => both.close());
  const id = await opened(both);
  await payMessages(both, id, 50_000n);
  return { both, id };
}
const plan = async (post: Post, feeBudgetSat: bigint | null = null, feerate = 10_000): Promise<WatchEvent[]> => {
  const chain = new FakeChain(1_000);
  chain.feerate = feerate;
  const { url, asked } = await fakeNode(chain.answers());
  const rpc = new Rpc({ url });
  const node = { rpc, source: factSource({ network: 'regtest', rpc }) };
  const { tip, events } = await calendar(post, node, { confirmations: 6, feeBudgetSat });
  expect([tip, asked.filter(({ method }) => /send|submit/.test(method))]).toEqual([1_000, []]);
  return events;
};
const ofHome = (party: TestParty): Post => homePost(party.home, party.ports(), undefined);

describe('the calendar', () => {
  it('of credit contracts: the exit of a payee, the refund of a payer, and a close that was signed', async () => {
    const { both, id } = await credit();
    const before = await both.payee.state();
    const [exit] = await plan(ofHome(both.payee));
    expect(exit).toMatchObject({
      event: 'planned',
      contract: id,
      role: 'payee',
      does: 'exit',
      by: 'exit',
      from_height: 5_177,
      deadline_height: 5_320,
      worth_sat: 50_000n,
      feerate: '10',
    });
    expect(await both.payee.state()).toEqual(before);
    expect(await plan(ofHome(both.payer))).toMatchObject([
      { does: 'refund', role: 'payer', from_height: 5_321, deadline_height: null },
    ]);
    both.payee.chain.feerate = both.payer.chain.feerate = 3_000;
    const proposed = await both.payer.run(closeCredit, { input: { contract: id } });
    const signed = await both.payee.run(closeCredit, { on: proposed.message });
    await both.payer.run(closeCredit, { on: signed.message });
    expect((await plan(ofHome(both.payer))).map(({ does, by }) => [does, by])).toEqual([
      ['rebroadcast', 'close'],
      ['refund', 'refund'],
    ]);
  });
  it('begins for each record with what status names, until it is settled', async () => {
    const { both, id } = await credit();
    const { all } = await coins();
    const source = factSource({ network: 'regtest' });
    const next = async (party: TestParty) => (await statusLines(party.home, source, undefined))[0]!.next_duty;
    for (const party of [both.payee, both.payer, all.bob]) {
      const [{ does, from_height, deadline_height, why } = {} as WatchEvent] = await plan(ofHome(party));
      expect([typeof from_height, await next(party)]).toEqual(['number', { does, from_height, deadline_height, why }]);
    }
    expect(await next(all.operator)).toBeUndefined();
    // On a terminal, its cell: beside the notes all of them fit into 100 columns.
    const homes = [both.payee, both.payer, all.bob, all.operator].map((p) => statusLines(p.home, source, undefined));
    const rows = (await Promise.all(homes)).flat();
    const table = (await statusTable(rows.map((row) => ({ ...row, notes: [] })))).split('\n');
    expect(table[0]).toMatch(/ verdict +next$/);
    for (const [i, { next_duty }] of rows.entries())
      if (next_duty) expect(table[i + 1]).toMatch(new RegExp(` ${next_duty.does} ${next_duty.from_height}$`));
    expect(rows.filter(({ next_duty }) => next_duty)).toHaveLength(3);
    expect(Math.max(...table.map((row) => row.length))).toBeLessThanOrEqual(100);
    const settled = { by: 'refund', txid: '00'.repeat(32), paysSat: 0n } as const;
    await changeRecord(both.payee.home, creditKind, idClaim(id), (c) => settledAs(c as PayeeCredit, settled));
    expect(await next(both.payee)).toBeUndefined();
  });
  it('of statecoins: the exit of a later owner and its whole fee; of a first owner and an operator none', async () => {
    const { all, id } = await coins();
    const [exit, ...rest] = await plan(ofHome(all.bob));
    expect(rest).toEqual([]);
    expect(exit).toMatchObject({
      contract: id,
      role: 'owner',
      does: 'exit',
      from_height: 1_901,
      deadline_height: 2_000,
      worth_sat: 1_000_000n,
      feerate: '10',
      why: 'from height 2000 on the owner before can take the coin with its own backup',
    });
    expect(exit!['fee_sat']).toBe(2_770n);
    expect(await plan(ofHome(all.bob), 100n)).toMatchObject([{ short: 'over-budget', needs_sat: 2_770n }]);
    expect(await plan(ofHome(all.operator))).toEqual([]);
    const first = await coins();
    await openCoin(first.all);
    expect((await plan(ofHome(first.all.alice))).map(({ why }) => why)).toEqual([]);
  });
  it('says of what may be another’s by now that it is sent against an owner before alone', async () => {
    const { all } = await coins();
    await all.bob.lose(await all.bob.backUp());
    expect(await plan(ofHome(all.bob))).toMatchObject([{ does: 'exit', why: expect.stringMatching(/only against/) }]);
  });
  it('of a bundle says what is short of a child, beside what cannot be read', async () => {
    const { all, id } = await coins();
    const dir = mkdtempSync(join(tmpdir(), 'spillway-tower-'));
    const { message } = await all.bob.run(exitStatechain, { input: { contract: id, bundle: true } });
    writeFileSync(join(dir, 'good.json'), printJson(message));
    writeFileSync(join(dir, 'bad.json'), '{"type":"statechain-exit"}');
    const events = await plan(bundlePost('regtest', [dir]));
    expect(events).toMatchObject([
      { event: 'refused', file: join(dir, 'bad.json'), code: 'malformed-message' },
      { event: 'planned', contract: id, short: 'needs-bump', deadline_height: 2_000 },
    ]);
  });
  it('names a record that cannot be read', async () => {
    const { all, id } = await coins();
    const { parse } = statecoinKind;
    closing.push(() => (statecoinKind.parse = parse));
    statecoinKind.parse = () => {
      throw new SyntaxError('not a record');
    };
    expect(await plan(ofHome(all.bob))).toMatchObject([{ event: 'refused', contract: id, code: 'store-damaged' }]);
  });
  it('is a table on a terminal', async () => {
    const { all, id } = await coins();
    const table = calendarTable(await plan(ofHome(all.bob))).split('\n');
    expect(table).toHaveLength(2);
    expect(table[0]).toMatch(/^contract +role +does +from +by +fee +worth$/);
    expect(table[1]).toMatch(
      new RegExp(`^${id.slice(0, 8)} +owner +exit +1901 +2000 +2770 +1000000 +from height 2000`),
    );
    const event = 'planned';
    expect(
      calendarTable([{ event, file: 'f', after_confirmations: 5 }, { event, after_seconds: 512 }, { event }])
        .split('\n')
        .slice(1),
    ).toEqual([
      expect.stringMatching(/^f .* 5 deep$/),
      expect.stringMatching(/ 512 s old$/),
      expect.stringMatching(/ now$/),
    ]);
    expect(calendarTable([])).toBe('nothing is planned');
  });
  it('is printed a line for each, once, and stays with flags that look again out', async () => {
    const { both, id } = await credit();
    const chain = new FakeChain(1_000);
    chain.give(contractInput((await both.payee.record(id)) as PayeeCredit, 0));
    const { url } = await fakeNode(chain.answers());
    const env = { SPILLWAY_CHAIN: url, SPILLWAY_INSECURE_SEED: Buffer.alloc(32, seed).toString('hex') };
    const argv = ['watch', '--home', both.payee.dir, '--dry-run'];
    const ran = await spillway(argv, { env });
    expect([ran.code, ran.stderr]).toEqual([0, '']);
    const printed = JSON.parse(ran.stdout) as object;
    expect(printed).toMatchObject({ type: 'watch', version: 1, network: 'regtest', tip: 1_000, event: 'planned' });
    expect((await spillway([...argv, '--once'], { env })).code).toBe(2);
    expect(chain.mempool).toEqual([]);
  });
});
