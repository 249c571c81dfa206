/** The commands of pledges in process: from a campaign to its transaction, with and without a home. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import Coins from '../../src/commands/home/coins.ts';
import Init from '../../src/commands/home/init.ts';
import Status from '../../src/commands/home/status.ts';
import PledgeCampaign from '../../src/commands/pledge/campaign.ts';
import PledgeCheck from '../../src/commands/pledge/check.ts';
import PledgeComplete from '../../src/commands/pledge/complete.ts';
import PledgeJoin from '../../src/commands/pledge/join.ts';
import PledgeMake from '../../src/commands/pledge/make.ts';
import PledgeRevoke from '../../src/commands/pledge/revoke.ts';
import { inspect } from '../../src/commands/tools/inspection.ts';
import { outpointText } from '../../src/lib/bitcoin/outpoint.ts';
import { parseTransaction, sumSat, txidOfHex, unsignedHex } from '../../src/lib/bitcoin/transaction.ts';
import { documentIn, sendable, settlement } from '../../src/lib/engine/documents.ts';
import type { Campaign } from '../../src/lib/pledge/campaign.ts';
import { withSats } from '../../src/lib/protocol/json.ts';
import { fakeNode } from '../chain/node.ts';
import { FakeChain } from '../support/chain.ts';
import { command, type Ended, type Made } from '../support/command.ts';
import { signAll } from '../support/wallet.ts';
import { writePsbt } from '../../src/lib/bitcoin/psbt.ts';
import { pledgeTemplate } from '../../src/lib/pledge/pledge.ts';
import { ACP, coin, messageOf, NETWORK, ownPledge, pledged } from './things.ts';

let dir: string;
const at = (name: string): string => join(dir, name);
const file = (name: string, text: string): string => {
  writeFileSync(at(name), text);
  return at(name);
};
const run = (Command: object, ...argv: string[]): Promise<Ended> => command(Command as Made, argv);
const printed = ({ stdout }: Ended): Record<string, any>[] =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, any>);
let campaign: Campaign;
let id: string;

beforeAll(async () => {
  process.env['SPILLWAY_TIP'] = '1000';
  dir = mkdtempSync(join(tmpdir(), 'spillway-pledge-'));
  for (const home of ['bridge', 'alice']) {
    expect((await run(Init, '--home', at(home), '--network', 'regtest')).exit).toBe(0);
    const { stdout } = await run(Coins, '--home', at(home), '--pretend', '900000');
    file(`${home}.json`, stdout);
  }
  const made = await run(
    PledgeCampaign,
    '--home',
    at('bridge'),
    '--output',
    '1000000',
    '--feerate',
    '1',
    '--title',
    'a bridge',
  );
  expect(made.message).toBe('');
  file('campaign.json', made.stdout);
  campaign = withSats(printed(made)[0]!['campaign']) as Campaign;
  ({ id } = campaign);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('gathering', () => {
  it('takes lines in any order, tells each that is refused, and ends with 3 until the goal is reached', async () => {
    const lines = [
      messageOf(campaign, pledged(campaign, 1, 300_000n)),
      '{"type":"pledge"}',
      messageOf(campaign, { ...pledged(campaign, 2, 1n), sat: 2n }),
      messageOf(campaign, pledged(campaign, 3, 300_000n, 'p2wpkh')),
      messageOf(campaign, pledged(campaign, 1, 300_000n)),
    ];
    const all = await run(PledgeJoin, '--home', at('bridge'), '--batch', file('lines', lines.join('\n')));
    expect(printed(all).map((one) => one['missing_sat'] ?? one['error'].code)).toEqual([
      700_112,
      'unknown-version',
      'below-minimum',
      400_180,
      400_180,
    ]);
    expect(all.exit).toBe(65);
    // Without the refused ones: each was taken before, and the goal is still open.
    const good = file('good', [lines[0], lines[3]].join('\n'));
    const again = await run(PledgeJoin, '--home', at('bridge'), '--batch', good);
    expect(again.exit).toBe(3);
    expect(printed(again).map((one) => one['pledges'])).toEqual([2, 2]);
    // The same without a home, which keeps nothing.
    const checked = await run(PledgeCheck, '--campaign', at('campaign.json'), '--batch', at('lines'));
    expect(printed(checked).map((one) => one['missing_sat'])).toEqual(printed(all).map((one) => one['missing_sat']));
    expect(checked.exit).toBe(65);
  });
  it('reads the PSBT that a wallet has signed, with its campaign named', async () => {
    const { key, coin: spent } = coin(5, 1_000n);
    const psbt = file('signed.psbt', writePsbt(signAll(pledgeTemplate(campaign, NETWORK, [spent]), [key], ACP)));
    expect((await run(PledgeJoin, '--home', at('bridge'), psbt)).code).toBe('usage');
    const joined = await run(PledgeJoin, '--home', at('bridge'), '--contract', id.slice(0, 8), psbt);
    expect(printed(joined)[0]).toMatchObject({ pledges: 3, worth_sat: 942 });
    expect(joined.exit).toBe(3);
    expect((await run(PledgeCheck, '--campaign', at('campaign.json'), psbt)).exit).toBe(3);
  });
  it('refuses a campaign that was altered', async () => {
    const raised = file('raised.json', readFileSync(at('campaign.json'), 'utf8').replace('"a bridge"', '"a tunnel"'));
    expect((await run(PledgeCheck, '--campaign', raised, at('good'))).code).toBe('bad-seal');
    expect((await run(PledgeCheck, '--campaign', at('good'), at('good'))).code).toBe('malformed-json');
  });
});

describe('completing', () => {
  it('says what is missing, and which coin is worth that', async () => {
    const short = await run(PledgeComplete, '--home', at('bridge'), '--contract', id);
    expect(printed(short)[0]).toMatchObject({ step: 'underfunded', pledges: 3, missing_sat: 399_238 });
    expect(short.exit).toBe(3);
    expect(short.stderr).toContain('399296 sat is worth that');
  });
  it('with what the collector adds binds the transaction, and leaves out what is named', async () => {
    const make = ['--home', at('bridge'), '--amount', '399296', '--utxo', at('bridge.json'), at('campaign.json')];
    const split = await run(PledgeMake, ...make);
    expect(printed(split)[0]!['step']).toBe('split');
    expect(split.exit).toBe(3);
    const own = file('own.pledge', (await run(PledgeMake, ...make)).stdout);
    const joined = await run(PledgeJoin, '--home', at('bridge'), own);
    expect(joined).toMatchObject({ exit: 0, code: undefined });
    const { pledge } = JSON.parse(readFileSync(own, 'utf8')) as { pledge: { txid: string; vout: number } };
    const complete = await run(PledgeComplete, '--home', at('bridge'), '--contract', id);
    expect(printed(complete)[0]).toMatchObject({
      step: 'complete',
      excess_sat: 0,
      pledges: 4,
      checks: { txid: 'can-change' },
    });
    const locked = await run(PledgeComplete, '--home', at('bridge'), '--contract', id, '--lock', outpointText(pledge));
    expect(printed(locked)[0]!['checks'].txid).toBe('locked');
    const { hex, txid } = printed(locked)[0] as { hex: string; txid: string };
    expect(txidOfHex(hex)).toBe(txid);
    expect((await sendable(documentIn(Buffer.from(locked.stdout)))).txs).toEqual([hex]);
    const sizes = parseTransaction(hex).witnesses!.map(([first]) => first!.length);
    expect(sizes.filter((size) => size === 64)).toHaveLength(1);
    const without = ['--without', `${'0'.repeat(63)}3:3`];
    const less = await run(PledgeComplete, '--home', at('bridge'), '--contract', id, ...without);
    expect(printed(less)[0]!['step']).toBe('underfunded');
    for (const wrong of [
      ['--without', 'x'],
      ['--lock', 'x'],
    ])
      expect((await run(PledgeComplete, '--home', at('bridge'), '--contract', id, ...wrong)).code).toBe('usage');
    const notOurs = ['--lock', `${'0'.repeat(63)}1:1`];
    expect((await run(PledgeComplete, '--home', at('bridge'), '--contract', id, ...notOurs)).code).toBe(
      'unknown-contract',
    );
    expect((await run(Status, '--home', at('bridge'))).stdout).toContain('"state":"completed"');
  });
  it('of a split that the collector has not sent: it is given up by the id of its own campaign', async () => {
    const utxo = file('more.json', (await run(Coins, '--home', at('bridge'), '--pretend', '700000')).stdout);
    const make = ['--home', at('bridge'), '--amount', '50000', '--utxo', utxo, at('campaign.json')];
    const split = await run(PledgeMake, ...make);
    expect(printed(split)[0]!['step']).toBe('split');
    const give = (...more: string[]) => run(PledgeMake, '--home', at('bridge'), '--contract', id, ...more, '--cancel');
    const several = await give();
    expect([several.code, several.hint]).toEqual(['usage', expect.stringContaining(`${printed(split)[0]!['txid']}:0`)]);
    const given = await give('--coin', `${printed(split)[0]!['txid']}:0`);
    expect(given).toMatchObject({ exit: 0, code: undefined });
    expect(printed(given)[0]).toMatchObject({ type: 'pledge', step: 'cancelled' });
    const [line] = printed(await run(Status, '--home', at('bridge'), '--contract', id)).filter(
      ({ state }) => state === 'cancelled',
    );
    expect([line!['role'], line!['verdict']]).toEqual(['pledger', undefined]);
    // The campaign goes on, and what was pledged with it is printed again.
    expect(printed(await run(PledgeCampaign, '--home', at('bridge'), '--contract', id, '--again'))[0]!['step']).toBe(
      'campaign',
    );
    expect(printed(await run(PledgeMake, '--home', at('bridge'), '--contract', id, '--again'))[0]!['step']).toBe(
      'pledged',
    );
    expect((await give('--coin', `${printed(split)[0]!['txid']}:0`)).stdout).toBe(given.stdout);
    for (const more of [[], ['--quote']])
      expect(
        (
          await run(
            PledgeRevoke,
            '--home',
            at('bridge'),
            '--contract',
            id,
            '--coin',
            `${printed(split)[0]!['txid']}:0`,
            ...more,
          )
        ).code,
      ).toBe('wrong-state');
  });
  it('needs no home where somebody has the pledges; lines that do not count are left out', async () => {
    const many = [300_000n, 500_000n, 250_000n].map((sat, i) => messageOf(campaign, ownPledge(campaign, 20 + i, sat)));
    const lines = file('many', [...many, many[0], '{}', ''].join('\n'));
    const over = await run(PledgeComplete, '--campaign', at('campaign.json'), lines);
    expect(over.code).toBe('overfunded');
    const paid = await run(PledgeComplete, '--campaign', at('campaign.json'), '--allow-fee', lines);
    expect(printed(paid)[0]).toMatchObject({ pledges: 3, fee_sat: 50_000 });
    expect(paid.stderr).toContain('line 5 is left out');
    const { outputs } = parseTransaction(printed(paid)[0]!['hex']);
    expect(sumSat(outputs.map(({ amount }) => ({ sat: amount })))).toBe(1_000_000n);
    expect((await run(PledgeComplete, at('many'))).code).toBe('usage');
  });
});

it('a completed campaign is dropped with its seats once its coins are spent', async () => {
  const { openHome } = await import('../../src/lib/home/home.ts');
  const { allKinds } = await import('../../src/lib/families.ts');
  const home = await openHome({ dir: at('bridge'), kinds: allKinds });
  const { pruneAll } = await import('../support/prune.ts');
  const names = async () => (await home.store.byName(id)).map(({ kind }) => kind);
  expect(new Set(await names())).toEqual(new Set(['campaign', 'pledge-seat', 'pledge']));
  const chain = { tip: 1_000, now: Math.floor(Date.now() / 1000) };
  await pruneAll({ home, chain } as never);
  // The own pledge of the collector stays: nobody has said that it was used.
  expect(await names()).toEqual(['pledge']);
  home.close();
});

describe('taking back', () => {
  it('prints the transaction that was kept with the pledge; the pledge is not printed again', async () => {
    const make = ['--home', at('alice'), '--amount', '400000', '--utxo', at('alice.json'), at('campaign.json')];
    expect((await run(PledgeMake, ...make)).exit).toBe(3);
    expect((await run(PledgeRevoke, '--home', at('alice'), '--contract', id)).code).toBe('wrong-state');
    expect((await run(PledgeMake, ...make)).exit).toBe(0);
    expect(printed(await run(PledgeCheck, '--home', at('alice')))[0]).toMatchObject({
      state: 'made',
      verdict: 'unknown',
    });
    const back = await run(PledgeRevoke, '--home', at('alice'), '--contract', id);
    expect(back).toMatchObject({ exit: 0, code: undefined });
    const [document] = printed(back);
    const found = await settlement(document!);
    expect(found.spends).toEqual([expect.objectContaining({ sat: 400_000n })]);
    expect((await run(PledgeRevoke, '--home', at('alice'), '--contract', id)).stdout).toBe(back.stdout);
    expect((await run(PledgeMake, ...make)).code).toBe('revoked');
    expect((await run(PledgeMake, '--home', at('alice'), '--contract', id, '--again')).code).toBe('revoked');
    expect((await run(Status, '--home', at('alice'))).stdout).toContain('"state":"revoked"');
    const copy = readFileSync(join(at('alice.refunds'), `pledge-${document!['coin'].replace(':', '-')}.json`));
    expect((await sendable(documentIn(copy))).txs).toEqual([document!['hex']]);
    expect(
      (await run(PledgeRevoke, '--home', at('alice'), '--contract', id, '--coin', `${'ab'.repeat(32)}:0`)).code,
    ).toBe('unknown-contract');
  });
  it('names the coins where several are pledged', async () => {
    for (const sat of ['100000', '120000']) {
      const make = [
        '--home',
        at('alice'),
        '--amount',
        sat,
        '--utxo',
        file(`${sat}.json`, (await run(Coins, '--home', at('alice'), '--pretend', '300000')).stdout),
        at('campaign.json'),
      ];
      await run(PledgeMake, ...make);
      expect((await run(PledgeMake, ...make)).exit).toBe(0);
    }
    const several = await run(PledgeRevoke, '--home', at('alice'), '--contract', id);
    expect(several.code).toBe('usage');
    expect(several.hint).toContain('--coin');
  });
});

it('completing asks a node for each coin, names what is gone, frees its place, and refuses a lock that is gone', async () => {
  const chain = new FakeChain(1_000);
  const { url } = await fakeNode(chain.answers());
  const home = ['--home', at('bridge')];
  const begun = await run(PledgeCampaign, '--home', at('bridge'), '--output', '900000', '--feerate', '1');
  const to = withSats(printed(begun)[0]!['campaign']) as Campaign;
  const [there, gone] = [ownPledge(to, 61, 500_000n), ownPledge(to, 62, 300_000n)];
  for (const one of [there, gone]) chain.give(one);
  process.env['SPILLWAY_CHAIN'] = url;
  const lines = file('two', [there, gone].map((one) => messageOf(to, one)).join('\n'));
  const joined = printed(await run(PledgeJoin, ...home, '--batch', lines));
  expect(joined.map((one) => [one['pledges'], one['checks'].coin])).toEqual([
    [1, 'confirmed'],
    [2, 'confirmed'],
  ]);
  const spend = unsignedHex({
    version: 2,
    locktime: 0,
    inputs: [{ ...gone, sequence: 0 }],
    outputs: [{ sat: 290_000n, script: gone.script }],
  });
  expect(chain.accept([spend])).toBeUndefined();
  const complete = () => run(PledgeComplete, ...home, '--contract', to.id);
  const stands = async () => (await run(Status, ...home, '--contract', to.id)).stdout;
  const pending = await complete();
  expect(pending.stderr).toContain(`inputs-spent: the pledged coin ${outpointText(gone)}`);
  // Its spender may still be replaced: the place is kept.
  expect([printed(pending)[0]!['pledges'], await stands()]).toEqual([1, expect.stringContaining('2 pledges')]);
  chain.mine();
  await complete();
  expect(await stands()).toContain('"1 pledge"');
  delete process.env['SPILLWAY_CHAIN'];
  const spare = [
    '--home',
    at('bridge'),
    '--amount',
    '350000',
    '--utxo',
    at('spare.json'),
    file('second', begun.stdout),
  ];
  file('spare.json', (await run(Coins, '--home', at('bridge'), '--pretend', '850000')).stdout);
  await run(PledgeMake, ...spare);
  const own = file('spare.pledge', (await run(PledgeMake, ...spare)).stdout);
  await run(PledgeJoin, '--home', at('bridge'), own);
  const { pledge } = JSON.parse(readFileSync(own, 'utf8')) as { pledge: { txid: string; vout: number } };
  process.env['SPILLWAY_CHAIN'] = url;
  const locked = await run(PledgeComplete, ...home, '--contract', to.id, '--lock', outpointText(pledge));
  delete process.env['SPILLWAY_CHAIN'];
  expect(locked.code).toBe('inputs-spent');
});

it('outputs are ADDRESS=SAT or SAT, and inspect reads every document', async () => {
  for (const wrong of ['x', '-1', 'a b=1', '1.5'])
    expect((await run(PledgeCampaign, '--home', at('bridge'), '--output', wrong)).code).toBe('usage');
  expect((await run(PledgeCampaign, '--home', at('bridge'))).code).toBe('usage');
  expect((await run(PledgeCampaign, '--home', at('bridge'), '--output', 'nonsense=1000')).code).toBe(
    'malformed-address',
  );
  for (const name of ['campaign.json', 'own.pledge']) {
    const { of, checks } = await inspect(documentIn(readFileSync(at(name))), undefined);
    expect(of).toContain('pledge at');
    expect(checks.every(([, , failed]) => failed === undefined)).toBe(true);
  }
});
