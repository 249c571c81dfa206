/** broadcast, bump, inspect and status on the documents of a whole contract, in process where no door is needed. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { feerateOf } from '../../src/lib/bitcoin/fee.ts';
import { parseTransaction, txidOfHex, vsizeOfHex } from '../../src/lib/bitcoin/transaction.ts';
import { sendTransactions } from '../../src/lib/chain/send.ts';
import { Rpc } from '../../src/lib/chain/rpc.ts';
import { bump, stuckOf } from '../../src/lib/engine/bump.ts';
import { sendable, settlement } from '../../src/lib/engine/documents.ts';
import { inspect, inText, sequence } from '../../src/commands/tools/inspection.ts';
import { statusTable } from '../../src/commands/home/status.ts';
import { fundingPsbt, signFunding } from '../../src/lib/bitcoin/funding.ts';
import { readPsbt, templateOf } from '../../src/lib/bitcoin/psbt.ts';
import { closeCredit, exitCredit } from '../../src/lib/ecash/credit.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import { statusOf } from '../../src/lib/credit/status.ts';
import { fakeNode } from '../chain/node.ts';
import { opened, openMessages, ownCoin, pair, payMessages, rollMessages, type Pair } from '../support/credit.ts';
import type { Message } from '../support/party.ts';

let both: Pair;
let open: Message[];
let paid: Message[];
let rolled: Message[];
let exit: Message;
let refund: Message;
beforeAll(async () => {
  both = await pair(81);
  open = await openMessages(both);
  paid = await payMessages(both, open[3]!['contract'].id, 2_100n);
  rolled = await rollMessages(both, open[3]!['contract'].id, {
    amount: 1_500_000n,
    utxo: [await ownCoin(both.payer, 1_000_000n)],
  });
  const next = rolled[4]!['next_contract'].id as string;
  await payMessages(both, next, 400_000n);
  exit = (await both.payee.run(exitCredit, { input: { contract: next } })).message;
  both.payer.chain.tip = 6_000;
  refund = (await both.payer.run(exitCredit, { input: { contract: next } })).message;
});
afterAll(() => both.close());

describe('what broadcast sends', () => {
  it('the finished transaction of each document, by its id', async () => {
    expect(txidOfHex((await sendable({ document: open[3]! })).txs[0]!)).toBe(open[3]!['txid']);
    expect(txidOfHex((await sendable({ document: rolled[4]! })).txs[0]!)).toBe(rolled[4]!['txid']);
    expect(await sendable({ document: exit })).toEqual({ network: 'regtest', txs: [exit['hex']] });
    expect((await sendable({ document: refund })).txs).toEqual([refund['hex']]);
    expect((await sendable({ psbt: open[3]!['psbt'].funding })).txs.map(txidOfHex)).toEqual([open[3]!['txid']]);
    expect(
      (await sendable({ document: { type: 'bump', network: 'regtest', package: [exit['hex'], refund['hex']] } })).txs,
    ).toHaveLength(2);
  });

  it.each([
    ['a message without a transaction', () => ({ document: paid[0]! }), 'malformed-message'],
    ['a refund that is not valid yet', () => ({ document: { ...refund, hex: undefined } }), 'not-final'],
    ['an unsigned funding', () => ({ psbt: open[1]!['psbt'].refund }), 'not-signed'],
    ['a transaction that is none', () => ({ hex: 'ff00' }), 'malformed-transaction'],
    ['a document that lacks its contract', () => ({ document: { ...exit, contract: undefined } }), 'malformed-message'],
  ])('%s is refused', async (_, read, code) => {
    await expect(sendable(read() as never)).rejects.toMatchObject({ code });
  });

  const info = JSON.stringify({
    chain: 'regtest',
    blocks: 1,
    bestblockhash: '00'.repeat(32),
    initialblockdownload: false,
    time: 1,
  });
  const node = async (answers: object) =>
    new Rpc({ url: (await fakeNode({ getblockchaininfo: info, ...answers })).url });
  it('once or twice is the same', async () => {
    const known = await node({
      sendrawtransaction: { error: { code: -27, message: 'Transaction already in block chain' } },
    });
    expect(await sendTransactions(known, 'regtest', [exit['hex']])).toEqual([exit['txid']]);
  });
  it.each([
    [-26, 'non-final', 'not-final'],
    [-25, 'bad-txns-inputs-missingorspent', 'inputs-spent'],
    [-26, 'min relay fee not met', 'node-refused'],
    [-22, 'TX decode failed', 'chain-unavailable'],
  ])('the node says %d %s: %s', async (code, message, expected) => {
    const rpc = await node({ sendrawtransaction: { error: { code, message } } });
    await expect(sendTransactions(rpc, 'regtest', [exit['hex']])).rejects.toMatchObject({ code: expected });
  });
  it('a package whose child is refused is refused', async () => {
    const results = { a: { txid: '11'.repeat(32) }, b: { txid: '22'.repeat(32), error: 'min relay fee not met' } };
    const rpc = await node({
      submitpackage: JSON.stringify({ package_msg: 'transaction failed', 'tx-results': results }),
    });
    await expect(sendTransactions(rpc, 'regtest', [exit['hex'], refund['hex']])).rejects.toMatchObject({
      code: 'node-refused',
    });
  });
  it.each([
    ['nothing of its transactions', {}],
    ['of none of them why', { a: { txid: '11'.repeat(32) }, b: { txid: '22'.repeat(32) } }],
  ])('a package that is refused is refused, also where the node says %s', async (_, results) => {
    const rpc = await node({
      submitpackage: JSON.stringify({ package_msg: 'package-mempool-limits', 'tx-results': results }),
    });
    const sent = sendTransactions(rpc, 'regtest', [exit['hex'], refund['hex']]);
    await expect(sent).rejects.toMatchObject({
      code: 'node-refused',
      message: expect.stringContaining('package-mempool-limits') as string,
    });
  });
  it('a package that the node has already is no error', async () => {
    const results = { a: { txid: '11'.repeat(32), error: 'txn-already-known' } };
    const rpc = await node({
      submitpackage: JSON.stringify({ package_msg: 'transaction failed', 'tx-results': results }),
    });
    expect(await sendTransactions(rpc, 'regtest', [exit['hex'], refund['hex']])).toEqual([
      exit['txid'],
      refund['txid'],
    ]);
  });
  it('a node of another network gets nothing', async () => {
    await expect(sendTransactions(await node({}), 'mainnet', [exit['hex']])).rejects.toMatchObject({
      code: 'wrong-network',
    });
  });
});

// Satoshis of its inputs beyond those of its outputs.
it.each([-1n, 0n, 1n])('a document whose transaction pays %i sat of fee', async (fee) => {
  const { hex, ...settled } = await settlement(exit);
  const sat = parseTransaction(hex).outputs.reduce((all, { amount }) => all + amount, fee);
  const stuck = () => stuckOf({ ...settled, hex, spends: [{ ...settled.spends[0]!, sat }] });
  if (fee < 0n) expect(stuck).toThrow(expect.objectContaining({ code: 'malformed-message' }));
  else expect(stuck()).toEqual({ network: 'regtest', hex, feeSat: fee });
});

describe('bump', () => {
  const options = { coins: [], merged: [], feerate: 20_000, payTo: undefined, allowFee: false };
  it('makes a TRUC child of the own output, so that both reach the fee rate', async () => {
    const { complete, document } = await bump(both.payee.home, stuckOf(await settlement(exit)), options);
    expect(complete).toBe(true);
    const [parent, child] = document.package!;
    const tx = parseTransaction(child!);
    expect([parent, tx.version, bytesToHex(tx.inputs[0]!.txid)]).toEqual([exit['hex'], 3, exit['txid']]);
    expect(vsizeOfHex(child!)).toBeLessThanOrEqual(1_000);
    const rate = feerateOf(document.package_fee_sat, vsizeOfHex(parent!) + vsizeOfHex(child!));
    expect(rate).toBeGreaterThanOrEqual(20_000);
    expect(rate).toBeLessThan(20_200);
  });
  it('adds coins where the own output is too small; those of another wallet are waited for', async () => {
    const contract = await opened(both);
    await payMessages(both, contract, 3_000n);
    const small = stuckOf(await settlement((await both.payee.run(exitCredit, { input: { contract } })).message));
    await expect(bump(both.payee.home, small, options)).rejects.toMatchObject({ code: 'not-enough-coins' });
    const foreign = { ...options, coins: [await ownCoin(both.payer, 500_000n)] };
    const waits = await bump(both.payee.home, small, foreign);
    expect([waits.complete, waits.document.package]).toEqual([false, undefined]);
    const signed = await signedBy(both.payer, waits.psbt);
    const { document } = await bump(both.payee.home, small, { ...foreign, merged: [signed] });
    expect(document.txids![0]).toBe(txidOfHex(small.hex));
    await expect(
      bump(both.payee.home, small, { ...foreign, merged: [open[1]!['psbt'].refund] }),
    ).resolves.toMatchObject({ complete: false });
  });
  it('burns no tenth of the inputs unless that is allowed', async () => {
    const greedy = { ...options, feerate: 200_000 };
    await expect(bump(both.payee.home, stuckOf(await settlement(exit)), greedy)).rejects.toMatchObject({
      code: 'fee-too-high',
    });
    await expect(
      bump(both.payee.home, stuckOf(await settlement(exit)), { ...greedy, allowFee: true }),
    ).resolves.toMatchObject({
      complete: true,
    });
  });
  it('refuses a transaction that pays this home nothing', async () => {
    await expect(bump(both.payee.home, stuckOf(await settlement(refund)), options)).rejects.toMatchObject({
      code: 'nothing-to-bump',
    });
  });
});

describe('inspect', () => {
  it('finds every message of the contract true, and says who is next', async () => {
    for (const document of [...open, ...paid, ...rolled]) {
      const found = await inspect({ document }, undefined);
      expect(found.checks.filter(([, , failed]) => failed !== undefined)).toEqual([]);
      expect(inText(found)).toContain(`${document['type']} at '${document['step']}'`);
    }
    const { next } = await inspect({ document: paid[0]! }, undefined);
    expect(next).toEqual(['payer: signed: checks what it agreed to, counts it, and signs last']);
    expect((await inspect({ document: paid[2]! }, undefined)).next).toEqual([
      'payer: received (of a payment that became ecash): checks and unblinds the ecash: prints the token, which is money',
    ]);
  });
  it('sees an altered amount, and a PSBT of other terms', async () => {
    const altered = { ...paid[0]!, paid_sat: 2_200, amount_sat: 2_200 };
    const { checks } = await inspect({ document: altered }, undefined);
    expect(checks.find(([label]) => label === 'seal')![2]).toBe('bad-seal');
    expect(checks.find(([label]) => label === 'psbt.update')![1]).toMatch(/^no: .*amount of output/);
  });
  it('reads exits, PSBTs and transactions', async () => {
    expect((await inspect({ document: exit }, undefined)).facts).toContainEqual(['pays', '400000 sat']);
    const psbt = await inspect({ psbt: paid[0]!['psbt'].update }, 'regtest');
    expect(psbt.facts.at(-1)![1]).toBe('not signed, MuSig2 of 2: 1 nonces, 0 partial signatures');
    expect((await inspect({ hex: refund['hex'] }, 'regtest')).facts).toContainEqual([
      'locktime',
      'valid from block 5321 on',
    ]);
  });
  it.each([
    [{ type: 'sign-update', version: 1, step: 'requested' }, 'malformed-message'],
    [{ version: 1 }, 'unknown-type'],
    [{ type: 'other', hex: '00' }, 'malformed-transaction'],
  ])('refuses %j', async (document, code) => {
    await expect(inspect({ document }, undefined)).rejects.toMatchObject({ code });
  });
  it('draws what was and what is to come', () => {
    expect(sequence(openCredit, 'proposed')).toBe(`sequenceDiagram
  participant payer
  participant payee
  payer-->>payee: asked (with --as payer)
  payee->>payer: offered
  payer-->>payer: addressed (without --utxo)
  payer->>payee: proposed
  payer->>payee: proposed (with --utxo)
  payee-->>payer: accepted
  payer-->>payer: ready`);
    expect(sequence(closeCredit, null)).not.toMatch(/[^-]->>/);
  });
});

describe('status', () => {
  const facts = { tip: 1_000, coins: 'not-checked', known: 'not-checked' } as const;
  it('says how each contract stands', async () => {
    const id = open[3]!['contract'].id as string;
    expect(statusOf(id, await both.payee.record(id), facts)).toMatchObject({
      state: 'rolled',
      role: 'payee',
      paid_sat: 2_100n,
      notes: ['rolled over'],
    });
    const fresh = await opened(both);
    const line = statusOf(fresh, await both.payer.record(fresh), facts);
    expect(line).toMatchObject({ state: 'open', paid_sat: 0n, left_sat: 1_200_000n, verdict: 'early' });
    expect((await statusTable([line])).split('\n')).toHaveLength(2);
    expect(await statusTable([])).toBe('no contracts');
    const float = { tokens_sat: 2_800n, percent: 0, wanted_percent: 5, swap_sat: 57_200n };
    expect(await statusTable([{ ...line, float }])).toMatch(/ 2800 sat in tokens: 0 percent, 57200 sat more for 5$/);
    expect(await statusTable([{ ...line, float: { ...float, swap_sat: -3n } }])).toMatch(/, 3 sat too much for 5$/);
  });
  it('tells a funding that never was from one that was replaced and one that is spent', async () => {
    const id = await opened(both);
    const record = await both.payer.record(id);
    if (!('funding' in record) || !('outpoint' in record)) throw new Error('not open');
    const coin = { sat: 1n, script: '51', confirmations: 1 };
    const at = `${record.outpoint.txid}:${record.outpoint.vout}`;
    const input = record.funding!.template.inputs[0]!;
    const verdict = (inputs: 'missing' | typeof coin, known: boolean) =>
      statusOf(id, record, {
        tip: 1_000,
        coins: new Map([
          [at, 'missing' as const],
          [`${input.txid}:${input.vout}`, inputs],
        ]),
        known: new Map([[record.outpoint.txid, known]]),
        ...(inputs === 'missing' && {
          spends: new Map([[`${input.txid}:${input.vout}`, { txid: 'ee'.repeat(32), hex: null, confirmations: 6 }]]),
        }),
      }).verdict;
    expect([verdict(coin, false), verdict('missing', false), verdict(coin, true)]).toEqual([
      'unfunded',
      'dead',
      'pending',
    ]);
  });
});

/** The PSBT with the other home's signatures, as a wallet gives it back. */
async function signedBy(party: Pair['payer'], psbt: string): Promise<string> {
  const template = templateOf(readPsbt(psbt));
  const ours = await party.home.store.ours(template.inputs.map((i) => i.script));
  const hand = {
    keys: (await party.home.keys()).keysWith([]),
    merged: [],
    random: await party.home.random(),
    network: 'regtest',
    restored: false,
    mayRepeat: false,
  };
  return fundingPsbt(signFunding(hand, { template, witnesses: {} }, ours));
}
