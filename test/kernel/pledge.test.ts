/** Completed campaigns and pledges taken back, judged by Bitcoin Core's consensus code. */
import { afterAll, describe, expect, it } from 'vitest';
import { hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { parseTransaction, sumSat } from '../../src/lib/bitcoin/transaction.ts';
import { completeCampaign, pledgeRevocation } from '../../src/lib/pledge/complete.ts';
import { campaignOf, campaignOutputs, type Campaign } from '../../src/lib/pledge/campaign.ts';
import type { Pledge } from '../../src/lib/pledge/pledge.ts';
import { pledgeOfPsbt } from '../../src/lib/pledge/psbt.ts';
import { Gate } from '../../src/lib/pledge/gather.ts';
import { expectJudged, known } from '../support/judged.ts';
import { judge, type Judge, type Prevout } from '../support/kernel.ts';
import { bitcoinjsPledge } from '../pledge/bitcoinjs.ts';
import { campaign, coin, NETWORK, ownPledge, pledged } from '../pledge/things.ts';

const kernel = await judge();
afterAll(() => kernel?.close());

const bridge = campaign();
const completed = (
  to: Campaign,
  pledges: readonly Pledge[],
  more: Partial<Parameters<typeof completeCampaign>[2]> = {},
) => {
  const made = completeCampaign(new Gate(to, NETWORK), pledges, { allowExcess: true, ...more });
  if (!('finished' in made)) throw new Error(`${made.missing} sat missing`);
  return made.finished;
};
const spent = (
  hex: string,
  pledges: readonly { txid: string; vout: number; sat: bigint; script: string }[],
): Prevout[] =>
  parseTransaction(hex).inputs.map(({ txid, index }) =>
    pledges.find((p) => p.txid === Buffer.from(txid).toString('hex') && p.vout === index)!,
  );

/** Every byte that a signature covers: flipped one by one. */
async function eachByteCounts(by: Judge, hex: string, prevouts: readonly Prevout[]): Promise<void> {
  const bytes = hexToBytes(hex);
  for (let at = 0; at < bytes.length; at++) {
    const altered = Buffer.from(bytes);
    altered[at]! ^= 1;
    // Bytes that cannot be parsed any more are no transaction.
    const valid = await by.scripts(altered.toString('hex'), prevouts).catch(() => false);
    if (valid) throw new Error(`byte ${at} of ${bytes.length} is covered by nothing`);
  }
}

describe.skipIf(!kernel)('a completed campaign', () => {
  const by = kernel!;
  const byBitcoinjs = (n: number, sat: bigint, type: 'p2tr' | 'p2wpkh'): Pledge => {
    const { key, coin: one } = coin(n, sat, type);
    return pledgeOfPsbt(bridge, NETWORK, bitcoinjsPledge(campaignOutputs(bridge, NETWORK), one, key));
  };
  const pledges = [
    ownPledge(bridge, 1, 400_000n),
    pledged(bridge, 2, 350_000n, 'p2wpkh'),
    pledged(bridge, 3, 300_000n),
    ownPledge(bridge, 4, 700_000n),
  ];
  it('of pledges by this project, @scure and bitcoinjs, of both types, is valid', async () => {
    const all = [pledges[0]!, pledges[1]!, byBitcoinjs(5, 200_000n, 'p2tr'), byBitcoinjs(6, 51_000n, 'p2wpkh')];
    const { hex, inputs } = completed(bridge, all);
    expect([inputs, await by.scripts(hex, spent(hex, all))]).toEqual([4, true]);
  });

  it('of pledges by this project and another wallet, of both types, is valid', async () => {
    const { hex } = completed(bridge, pledges.slice(0, 3));
    expect(await by.scripts(hex, spent(hex, pledges))).toBe(true);
    await eachByteCounts(by, hex, spent(hex, pledges));
  });
  it('is valid with any set of pledges that pays the outputs', async () => {
    let valid = 0;
    for (let set = 1; set < 2 ** pledges.length; set++) {
      const some = pledges.filter((_, i) => set & (1 << i));
      if (sumSat(some) < 1_000_500n) continue;
      const { hex } = completed(bridge, some);
      expect(await by.scripts(hex, spent(hex, pledges))).toBe(true);
      valid += 1;
    }
    expect(valid).toBe(7);
  });
  it('with a lock is valid, and not with another pledge in place of one', async () => {
    const { coin: own, key } = coin(9, 300_200n);
    const lock = { ...ownPledge(bridge, 9, 300_200n), secret: key.secret, aux: new Uint8Array(32) };
    const { hex } = completed(bridge, [pledges[3]!], { lock });
    const all = [...pledges, own];
    expect(await by.scripts(hex, spent(hex, all))).toBe(true);
    // The same two inputs with a third: the pledges are still valid, the lock is not.
    const open = completed(bridge, [pledges[3]!, pledged(bridge, 9, 300_200n)]).hex;
    expect(await by.scripts(open, spent(open, all))).toBe(true);
    const parts = parseTransaction(hex);
    const more = parseTransaction(completed(bridge, pledges).hex);
    const third = more.inputs.findIndex(({ index }) => index === 1);
    const { RawTx } = await import('@scure/btc-signer/script.js');
    const exchanged = Buffer.from(
      RawTx.encode({
        ...parts,
        inputs: [...parts.inputs, more.inputs[third]!],
        witnesses: [...parts.witnesses!, more.witnesses![third]!],
      }),
    ).toString('hex');
    expect(await by.scripts(exchanged, spent(exchanged, all))).toBe(false);
  });
  it('can be paid a second time by a pledge that was left over', async () => {
    const left = ownPledge(bridge, 5, 600_000n);
    const first = completed(bridge, pledges.slice(0, 3)).hex;
    const second = completed(bridge, [left, pledged(bridge, 6, 401_000n)]).hex;
    const all = [...pledges, left, pledged(bridge, 6, 401_000n)];
    expect(await by.scripts(first, spent(first, all))).toBe(true);
    expect(await by.scripts(second, spent(second, all))).toBe(true);
  });
  it('of 1,000 pledges and many outputs is valid', async () => {
    const outputs = [...bridge.outputs, { ...bridge.outputs[0]!, sat: 5_000n }];
    const { auth, title, until, feerate } = bridge;
    const wide = campaignOf({ auth, title, until, feerate, min_sat: 0n, outputs }, NETWORK);
    const many = Array.from({ length: 1_000 }, (_, i) => ownPledge(wide, i + 1, 1_064n));
    const { hex, inputs } = completed(wide, many);
    expect(inputs).toBe(1_000);
    expect(await by.scripts(hex, spent(hex, many))).toBe(true);
  });
});

it.skipIf(!kernel)('a pledge taken back is valid, of version 3, and signs everything', async () => {
  const { coin: own, key } = coin(21, 300_200n);
  const to = coin(22, 1n).key.script;
  const { hex, feeSat } = pledgeRevocation(own, { secret: key.secret, script: to, aux: new Uint8Array(32) }, 2_000);
  expect(parseTransaction(hex).version).toBe(3);
  expect(parseTransaction(hex).outputs[0]!.amount).toBe(300_200n - feeSat);
  await expectJudged(kernel!, hex, known(own));
});
