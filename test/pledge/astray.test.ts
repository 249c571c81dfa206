/** What is brought to the wrong place: another kind of input, another campaign or network, a home that was restored. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import Backup from '../../src/commands/home/backup.ts';
import Coins from '../../src/commands/home/coins.ts';
import Init from '../../src/commands/home/init.ts';
import Restore from '../../src/commands/home/restore.ts';
import PledgeCampaign from '../../src/commands/pledge/campaign.ts';
import PledgeCheck from '../../src/commands/pledge/check.ts';
import PledgeComplete from '../../src/commands/pledge/complete.ts';
import PledgeJoin from '../../src/commands/pledge/join.ts';
import PledgeMake from '../../src/commands/pledge/make.ts';
import { writePsbt } from '../../src/lib/bitcoin/psbt.ts';
import { outpointText } from '../../src/lib/bitcoin/outpoint.ts';
import { playAgain } from '../../src/lib/engine/play.ts';
import type { Campaign } from '../../src/lib/pledge/campaign.ts';
import { Gate } from '../../src/lib/pledge/gather.ts';
import { pledgeTemplate } from '../../src/lib/pledge/pledge.ts';
import { ownClaim, pledgeKind } from '../../src/lib/pledge/records.ts';
import { pledge as table } from '../../src/lib/pledge/table.ts';
import { withSats } from '../../src/lib/protocol/json.ts';
import { outcome } from '../support/attack.ts';
import { command, type Made } from '../support/command.ts';
import { TestParty, type Message } from '../support/party.ts';
import { signAll } from '../support/wallet.ts';
import { ADDRESSES } from '../credit/things.ts';
import { ACP, coin, messageOf, NETWORK, ownPledge } from './things.ts';

let dir: string;
let collector: TestParty;
let on: Message;
let campaign: Campaign;

beforeAll(async () => {
  process.env['SPILLWAY_TIP'] = '1000';
  dir = mkdtempSync(join(tmpdir(), 'spillway-astray-'));
  collector = await TestParty.make(390);
  collector.chain.feerate = 1000;
  on = (await collector.run(table, { input: { outputs: [{ address: ADDRESSES.p2tr, sat: 1_000_000n }] } })).message;
  campaign = withSats(on['campaign']) as Campaign;
  file('campaign', JSON.stringify(on));
});
afterAll(() => {
  collector.close();
  rmSync(dir, { recursive: true, force: true });
});

const file = (name: string, text: string): string => {
  writeFileSync(join(dir, name), text);
  return join(dir, name);
};
/** Makes a home of this name. */
async function made(name: string): Promise<string> {
  expect(await code(Init, '--home', join(dir, name), '--network', 'regtest')).toBe(undefined);
  return join(dir, name);
}
const code = async (Command: object, ...argv: string[]): Promise<string | undefined> =>
  (await command(Command as Made, argv)).code;
const pledged = (change: object = {}, n = 1): string => messageOf(campaign, ownPledge(campaign, n, 300_000n), change);
const check = (text: string, ...more: string[]) =>
  code(PledgeCheck, '--campaign', join(dir, 'campaign'), ...more, file('input', text));

it('a transaction, another step, another network or another campaign is no pledge that counts', async () => {
  expect(await check(pledged())).toBe(undefined);
  expect(await check('00'.repeat(60))).toBe('malformed');
  expect(await check(JSON.stringify(on))).toBe('unknown-step');
  for (const network of ['signet', 'moon']) expect(await check(pledged({ network }))).toBe('wrong-network');
  expect(await check(pledged({ campaign: 'ab'.repeat(32) }))).toBe('unknown-contract');
});
it('a line that is too long is refused, and the next one is read', async () => {
  const ran = await command(PledgeCheck as unknown as Made, [
    '--campaign',
    join(dir, 'campaign'),
    '--batch',
    file('input', `"${'x'.repeat(1_100_000)}"\n${pledged()}\n`),
  ]);
  const [long, good] = ran.stdout.trim().split('\n');
  expect(JSON.parse(long!)).toMatchObject({ error: { code: 'too-large' } });
  expect(JSON.parse(good!)).toMatchObject({ step: 'gathered', pledges: 1 });
});
it('a pledge is no campaign, and no campaign is of an unknown network', async () => {
  const bad = [pledged(), JSON.stringify({ ...on, network: 'moon' })];
  for (const text of bad)
    expect(await code(PledgeCheck, '--campaign', file('bad', text), join(dir, 'input'))).toBe('unknown-step');
});
it('a coin with the stated amount and another script is not the pledged one', () => {
  const gate = new Gate(campaign, NETWORK);
  const offered = ownPledge(campaign, 1, 300_000n);
  const shown = (change: object) => {
    const coins = new Map([[outpointText(offered), { ...offered, confirmations: 6, ...change }]]);
    return () => gate.check(offered, { tip: 1000, coins }, false);
  };
  expect(shown({})()).toBe('confirmed');
  for (const change of [{ script: `5120${'11'.repeat(32)}` }, { sat: 299_999n }])
    expect(shown(change)).toThrow(expect.objectContaining({ code: 'unsafe-funding' }));
});
it('the signed PSBT of another coin, amount or script of the same wallet is not the one that was asked for', async () => {
  const alice = await TestParty.make(391);
  const { coin: asked } = coin(41, 400_000n);
  const others = [coin(42, 400_000n), coin(41, 400_001n), coin(41, 400_000n, 'p2wpkh')];
  for (const { key, coin: spent } of others) {
    const at = { ...spent, ...(spent.script === asked.script ? {} : { txid: asked.txid, vout: asked.vout }) };
    const signed = writePsbt(signAll(pledgeTemplate(campaign, NETWORK, [at]), [key], ACP));
    const input = { utxo: [asked], coin: outpointText(asked) };
    expect(await outcome(alice.run(table, { on, input, merged: [signed] }))).toBe('transaction-differs');
  }
  const elsewhere = { ...asked, vout: 9 };
  const signed = writePsbt(signAll(pledgeTemplate(campaign, NETWORK, [elsewhere]), [coin(41, 400_000n).key], ACP));
  const input = { utxo: [asked], coin: outpointText(asked) };
  expect(await outcome(alice.run(table, { on, input, merged: [signed] }))).toBe('transaction-differs');
  alice.close();
});
it('a split that waits for another wallet is no pledge yet, also where its last message is asked for', async () => {
  const alice = await TestParty.make(392);
  const { coin: foreign } = coin(43, 900_000n);
  const waits = await alice.run(table, { on, input: { utxo: [foreign], amount: 400_000n } });
  expect([waits.exit, waits.message['step']]).toEqual([3, 'waiting']);
  const [listed] = await alice.home.store.list('pledge');
  const claim = ownClaim(pledgeKind.parse(listed!.record));
  expect(await outcome(playAgain(table, claim, alice.ports()))).toBe('not-signed');
  alice.close();
});
it('a home that was restored gathers no single pledge either', async () => {
  const other = await TestParty.make(393);
  other.chain.feerate = 1000;
  const begun = await other.run(table, { input: { outputs: [{ address: ADDRESSES.p2tr, sat: 700_000n }] } });
  await other.lose(await other.backUp());
  const to = withSats(begun.message['campaign']) as Campaign;
  const message = JSON.parse(messageOf(to, ownPledge(to, 1, 300_000n))) as Message;
  expect(await outcome(other.run(table, { on: message, input: {} }))).toBe('home-restored');
  other.close();
});
it('a pledger without the campaign completes none, and a lock is a pledge that was gathered', async () => {
  const [alice, utxo] = [await made('alice'), join(dir, 'coins')];
  const coins = await command(Coins as unknown as Made, ['--home', alice, '--pretend', '400000']);
  writeFileSync(utxo, coins.stdout);
  const make = ['--home', alice, '--amount', '400000', '--utxo', utxo, join(dir, 'campaign')];
  expect(await code(PledgeMake, ...make)).toBe(undefined);
  expect(await code(PledgeComplete, '--home', alice, '--contract', campaign.id)).toBe('unknown-contract');
  expect(await code(PledgeComplete, '--home', alice, '--contract', campaign.id, file('x', ''))).toBe('usage');
  const bridge = await made('bridge');
  const begun = await command(PledgeCampaign as unknown as Made, ['--home', bridge, '--output', '500000']);
  const { id } = (JSON.parse(begun.stdout) as { campaign: Campaign }).campaign;
  const lock = ['--lock', `${'ab'.repeat(32)}:0`];
  expect(await code(PledgeComplete, '--home', bridge, '--contract', id, ...lock)).toBe('unknown-contract');
  expect(await code(PledgeJoin, '--home', bridge, file('input', pledged()))).toBe('unknown-contract');
});
it('a restored home begins no campaign, gathers nothing and completes nothing', async () => {
  const [lost, again, kept] = [await made('lost'), join(dir, 'again'), join(dir, 'kept')];
  const begun = await command(PledgeCampaign as unknown as Made, ['--home', lost, '--output', '500000']);
  const { id } = (JSON.parse(begun.stdout) as { campaign: Campaign }).campaign;
  expect(await code(Backup, '--home', lost, '--to', kept)).toBe(undefined);
  expect(await code(Restore, '--from', kept, '--home', again)).toBe(undefined);
  expect(await code(PledgeCampaign, '--home', again, '--output', '600000')).toBe('home-restored');
  expect(await code(PledgeJoin, '--home', again, file('input', pledged({ campaign: id })))).toBe('home-restored');
  expect(await code(PledgeComplete, '--home', again, '--contract', id)).toBe('home-restored');
});
