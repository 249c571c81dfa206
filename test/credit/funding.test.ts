/** The funding transaction: inputs whose signing cannot change its id, one output to the contract, a fee that is meant. */
import { describe, expect, it } from 'vitest';
import { payContract, readPayment } from '../../src/lib/bitcoin/funding.ts';
import { readPsbt, templateOf, writePsbt } from '../../src/lib/bitcoin/psbt.ts';
import { toTransaction, type Spent, type Template } from '../../src/lib/bitcoin/transaction.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import { keysOf } from '../../src/lib/credit/terms.ts';
import { contractOutpoint, fundingOutput } from '../../src/lib/credit/transactions.ts';
import { ownCoin } from '../support/credit.ts';
import type { Message } from '../support/party.ts';
import { parties, policy, refused, tip } from './helpers.ts';
import { fundingFor } from './scenes.ts';
import { rewrite, TEMPLATES } from './alter.ts';
import { ADDRESSES, termsWith } from './things.ts';

const terms = termsWith();
const { script } = keysOf(terms);
const coin: Spent = { txid: 'bb'.repeat(32), vout: 0, sat: 1_300_000n, script: '0014' + '11'.repeat(20) };
const change = { sat: 99_000n, script: '0014' + '22'.repeat(20) };
const base: Template = {
  version: 2,
  locktime: 900,
  inputs: [{ ...coin, sequence: 0xfffffffd }],
  outputs: [change, { sat: 1_200_000n, script }],
};
const psbt = (t: Template = base): string => writePsbt(toTransaction(t));
const paying = (coins: readonly Spent[]) =>
  payContract(fundingOutput(terms), {
    coins,
    change: ADDRESSES.p2tr,
    feerate: 2_000,
    network: terms.network,
    allowFee: false,
  });
const unsafe = expect.objectContaining({ code: 'unsafe-funding', exit: 76 });

describe('a funding PSBT of another wallet', () => {
  it('is read whatever the order of its outputs', () => {
    for (const outputs of [base.outputs, [...base.outputs].reverse()]) {
      const read = readPayment(fundingOutput(terms), psbt({ ...base, outputs }), false);
      expect(contractOutpoint(terms, read).vout).toBe(outputs.findIndex((o) => o.script === script));
    }
  });
  it.each<[string, string]>([
    ['p2pkh', '76a914' + '11'.repeat(20) + '88ac'],
    ['p2sh (perhaps wrapped segwit)', 'a914' + '11'.repeat(20) + '87'],
    ['a bare script', '21' + '02' + '11'.repeat(32) + 'ac'],
    ['an anchor', '51024e73'],
    ['a later witness version', '5220' + '11'.repeat(32)],
  ])('not with an input of %s', (_, s) => {
    expect(() =>
      readPayment(fundingOutput(terms), psbt({ ...base, inputs: [{ ...base.inputs[0]!, script: s }] }), false),
    ).toThrow(unsafe);
  });
  it('not one that does not say what an input spends', () => {
    const bare = toTransaction({ ...base, inputs: [] });
    bare.addInput({ txid: coin.txid, index: 0, sequence: 0xfffffffd });
    expect(() => readPayment(fundingOutput(terms), writePsbt(bare), false)).toThrow('does not say what input 0 spends');
    expect(() => readPayment(fundingOutput(terms), writePsbt(bare), false)).toThrow(unsafe);
  });
  it.each<[string, Partial<Template>]>([
    ['that pays too little', { outputs: [change, { sat: 1_199_999n, script }] }],
    ['that pays too much', { outputs: [change, { sat: 1_200_001n, script }] }],
    [
      'that pays twice',
      {
        outputs: [
          { sat: 1_200_000n, script },
          { sat: 1_000n, script },
        ],
      },
    ],
    ['that pays another', { outputs: [{ sat: 1_200_000n, script: '5120' + '00'.repeat(32) }] }],
    ['of version 1', { version: 1 as never }],
    [
      'that makes money',
      {
        outputs: [
          { sat: 200_000n, script: change.script },
          { sat: 1_200_000n, script },
        ],
      },
    ],
  ])('not one %s', (_, other) => {
    expect(() => readPayment(fundingOutput(terms), psbt({ ...base, ...other }), false)).toThrow(unsafe);
  });
  it.each([-1n, 0n, 1n])('whose fee is %i sat', (fee) => {
    const outputs = [{ ...change, sat: 100_000n - fee }, base.outputs[1]!];
    const work = () => readPayment(fundingOutput(terms), psbt({ ...base, outputs }), false);
    if (fee < 0n) expect(work).toThrow(unsafe);
    else expect(work().outputs).toEqual(outputs);
  });
  it('not one whose fee is above a tenth, unless that is meant', () => {
    const dear = psbt({ ...base, inputs: [{ ...base.inputs[0]!, sat: 1_500_000n }] });
    expect(() => readPayment(fundingOutput(terms), dear, false)).toThrow(
      expect.objectContaining({ code: 'fee-too-high' }),
    );
    expect(readPayment(fundingOutput(terms), dear, true).outputs.length).toBe(2);
  });
  it('not one whose input is not described', () => {
    const tx = toTransaction(base);
    tx.updateInput(0, { witnessUtxo: undefined } as never, true);
    expect(() => readPayment(fundingOutput(terms), writePsbt(tx), false)).toThrow(
      expect.objectContaining({ exit: 76 }),
    );
  });
});

describe('own coins', () => {
  it('that are not native segwit are refused', () => {
    for (const s of ['76a914' + '11'.repeat(20) + '88ac', 'a914' + '11'.repeat(20) + '87'])
      expect(() => paying([{ ...coin, script: s }])).toThrow(unsafe);
  });
  it('that do not reach are too few', () => {
    expect(() => paying([{ ...coin, sat: 1_200_050n }])).toThrow(expect.objectContaining({ code: 'not-enough-coins' }));
  });
  it('reserved by one proposal cannot fund another', async () => {
    const { payee, payer } = await parties();
    const input = { utxo: [await ownCoin(payer, 1_300_000n)], amount: 1_200_000n, expires: { blocks: 4_320 } };
    const offers: Message[] = [];
    for (let i = 0; i < 2; i++) offers.push((await payee.run(openCredit, { input: { as: 'payee', policy } })).message);
    await payer.run(openCredit, { on: offers[0]!, input });
    await refused(() => payer.run(openCredit, { on: offers[1]!, input }), 'coin-reserved', payer);
    await payer.run(openCredit, { on: offers[0]!, cancel: true });
    await payer.run(openCredit, { on: offers[1]!, input });
  });
});

describe('coins of the home in the PSBT of another wallet', () => {
  const asked = async () => {
    const both = await parties();
    const offered = async () => (await both.payee.run(openCredit, { input: { as: 'payee', policy } })).message;
    const input = { amount: 1_200_000n, expires: { blocks: 4_320 } };
    const addressed = (await both.payer.run(openCredit, { on: await offered(), input })).message;
    return { ...both, input, offered, addressed };
  };

  it('are held by nothing else, are there, and are held from then on', async () => {
    const { payee, payer, input, offered, addressed } = await asked();
    const own = await ownCoin(payer, 1_306_000n);
    const funding = fundingFor(addressed, own, 105_000n);
    const fund = () => payer.run(openCredit, { on: addressed, input: { funding } });
    const first = await payer.run(openCredit, { on: await offered(), input: { ...input, utxo: [own] } });
    await refused(fund, 'coin-reserved', payer);
    await payer.run(openCredit, { on: first.message, cancel: true });
    payer.chain.coins = new Map();
    await refused(fund, 'coin-missing', payer);
    payer.chain.coins = new Map([[`${own.txid}:${own.vout}`, { ...own, confirmations: 6 }]]);
    const proposed = await fund();
    expect(proposed.message['checks']).toMatchObject({ coins: 'confirmed' });
    const other = { on: await offered(), input: { ...input, utxo: [own] } };
    await refused(() => payer.run(openCredit, other), 'coin-reserved', payer);
    const accepted = await payee.run(openCredit, { on: proposed.message });
    expect((await payer.run(openCredit, { on: accepted.message })).exit).toBe(0);
  });

  it.each([
    ['all that is left', 105_000n, undefined],
    ['one satoshi less', 104_999n, 'unsafe-funding'],
  ] as const)('pay nobody else: with %s for the home', async (_, homeSat, code) => {
    const { payer, addressed } = await asked();
    const [own, theirs] = [await ownCoin(payer, 1_306_000n), await ownCoin((await parties()).payer, 50_000n)];
    const template = templateOf(readPsbt(fundingFor(addressed, own, homeSat)));
    const funding = psbt({
      ...template,
      inputs: [...template.inputs, { ...theirs, sequence: 0xfffffffd }],
      // The fee stays what it was.
      outputs: [...template.outputs, { sat: 50_000n + 105_000n - homeSat, script: theirs.script }],
    });
    const fund = () => payer.run(openCredit, { on: addressed, input: { funding } });
    if (code) await refused(fund, code, payer);
    else expect((await fund()).message['step']).toBe('proposed');
  });
});

describe('an address that is funded later', () => {
  it.each([
    // The shortest term of the offer, and a block less.
    [policy.min_blocks, undefined],
    [policy.min_blocks - 1, 'out-of-policy'],
  ] as const)('with %i blocks left of the term: %s', async (left, code) => {
    const both = await parties();
    const { payee, payer } = both;
    const offered = await payee.run(openCredit, { input: { as: 'payee', policy } });
    const input = { amount: 1_200_000n, expires: { blocks: 4_320 } };
    const addressed = (await payer.run(openCredit, { on: offered.message, input })).message;
    tip(both, (addressed['expiry'] as number) - left);
    const funding = fundingFor(addressed, await ownCoin((await parties()).payer, 1_206_000n));
    const fund = () => payer.run(openCredit, { on: addressed, input: { funding } });
    if (code) await refused(fund, code, payer);
    else expect((await fund()).message['step']).toBe('proposed');
  });
});

describe('the signed funding that comes back', () => {
  const waiting = async () => {
    const { payee, payer } = await parties();
    const stranger = (await parties()).payer;
    const offered = await payee.run(openCredit, { input: { as: 'payee', policy } });
    const input = { amount: 1_200_000n, expires: { blocks: 4_320 } };
    const addressed = await payer.run(openCredit, { on: offered.message, input });
    const funding = fundingFor(addressed.message, await ownCoin(stranger, 1_206_000n));
    const proposed = await payer.run(openCredit, { on: addressed.message, input: { funding } });
    const accepted = await payee.run(openCredit, { on: proposed.message });
    const ready = await payer.run(openCredit, { on: accepted.message });
    return { payer, addressed, on: accepted.message, unsigned: ready.message['psbt'].funding as string };
  };

  it('must be the one that was proposed: its id is in the refund', async () => {
    const { payer, on, unsigned } = await waiting();
    for (const [what, template] of Object.entries(TEMPLATES)) {
      const other = rewrite(unsigned, { template });
      if (other === rewrite(unsigned, {})) continue;
      const end = await payer.run(openCredit, { on, merged: [other] }).catch((e: { code: string }) => e.code);
      expect(end, what).toBe('transaction-differs');
    }
  });
  it('must hold signatures that verify', async () => {
    const { payer, on, unsigned } = await waiting();
    const put = (finalScriptWitness: Uint8Array[]) =>
      rewrite(unsigned, { fields: (f) => ({ ...f, finalScriptWitness }) });
    const forged = put([new Uint8Array(64).fill(7)]);
    await refused(() => payer.run(openCredit, { on, merged: [forged] }), 'signature-invalid', payer);
    const loose = put([Uint8Array.of(...new Uint8Array(64).fill(7), 0x83)]);
    await refused(() => payer.run(openCredit, { on, merged: [loose] }), 'sighash-refused', payer);
  });
  it('another one than proposed needs --cancel first, and none is taken once the refund is signed', async () => {
    const { payer, addressed } = await waiting();
    const another = async () => fundingFor(addressed.message, await ownCoin(payer, 1_206_000n));
    const late = await another();
    await refused(
      () => payer.run(openCredit, { on: addressed.message, input: { funding: late } }),
      'wrong-state',
      payer,
    );
    const both = await parties();
    const offered = await both.payee.run(openCredit, { input: { as: 'payee', policy } });
    const input = { amount: 1_200_000n, expires: { blocks: 4_320 } };
    const open = await both.payer.run(openCredit, { on: offered.message, input });
    const fund = async () => {
      const funding = fundingFor(open.message, await ownCoin(both.payer, 1_206_000n));
      return both.payer.run(openCredit, { on: open.message, input: { funding } });
    };
    await fund();
    await refused(fund, 'answered-otherwise');
  });
});
