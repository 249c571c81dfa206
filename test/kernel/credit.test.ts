/** Every finished transaction of the credit contract, judged by Bitcoin Core's consensus code. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { readPsbt } from '../../src/lib/bitcoin/psbt.ts';
import { parseTransaction, txidOfHex, type Spent } from '../../src/lib/bitcoin/transaction.ts';
import { closeCredit, exitCredit } from '../../src/lib/ecash/credit.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import type { Credit, FundedCredit, PayeeCredit, PayerCredit } from '../../src/lib/credit/records.ts';
import { defaultPolicy, keysOf, type Policy, type Role } from '../../src/lib/credit/terms.ts';
import { exitFee, maxPaid, minPaid } from '../../src/lib/credit/transactions.ts';
import { opened, openMessages, ownCoin, pair, payMessages, rollMessages, type Pair } from '../support/credit.ts';
import { expectJudged, known } from '../support/judged.ts';
import { judge } from '../support/kernel.ts';

const kernel = await judge();
afterAll(() => kernel?.close());

const contractCoin = (c: FundedCredit): Spent => ({
  ...c.outpoint,
  sat: c.terms.capacity_sat,
  script: keysOf(c.terms).script,
});

const payerOf = async (both: Pair, id: string): Promise<PayerCredit> => (await both.payer.record(id)) as PayerCredit;
const payeeOf = async (both: Pair, id: string): Promise<PayeeCredit> => (await both.payee.record(id)) as PayeeCredit;
const finalHex = (psbt: string): string => {
  const tx = readPsbt(psbt);
  return bytesToHex(tx.extract());
};

describe.skipIf(!kernel)('scripts and signatures', () => {
  const by = kernel!;
  let both: Pair;
  beforeAll(async () => {
    both = await pair(51);
  });
  afterAll(() => both?.close());

  it('the refund, and the exit after each payment', async () => {
    const coins = [await ownCoin(both.payer, 700_000n), await ownCoin(both.payer, 600_000n)];
    const id = await opened(both, { utxo: coins });
    const payer = await payerOf(both, id);
    const { template, witnesses } = payer.funding!;
    expect(template.inputs).toHaveLength(2);
    expect(Object.keys(witnesses)).toHaveLength(2);
    const own = known(contractCoin(payer));
    await expectJudged(by, payer.refund, own);
    const max = maxPaid(payer.terms);
    const step: [string, bigint, number][] = [
      ['the least', minPaid(payer.terms), 2],
      ['some', 200_000n, 2],
      ['all but what is no dust', max - 330n, 2],
      ['all but dust', max - 329n, 1],
      ['all but a satoshi', max - 1n, 1],
      ['all', max, 1],
    ];
    let paid = 0n;
    for (const [name, target, outputs] of step) {
      await payMessages(both, id, target - paid);
      paid = target;
      const { exit } = await payeeOf(both, id);
      expect(parseTransaction(exit!).outputs, name).toHaveLength(outputs);
      await expectJudged(by, exit!, own);
    }
  });

  it('the funding', async () => {
    const coins = [await ownCoin(both.payer, 900_000n), await ownCoin(both.payer, 600_000n)];
    const messages = await openMessages(both, { utxo: coins });
    const hex = finalHex(messages[3]!['psbt'].funding);
    expect(txidOfHex(hex)).toBe(messages[3]!['txid']);
    await expectJudged(by, hex, known(...coins));
  });

  it.each<[Role, bigint]>([
    ['payer', 0n],
    ['payer', 400_000n],
    ['payee', 400_000n],
  ])('a close by the %s with %i sat paid', async (opener, paid) => {
    const id = await opened(both);
    if (paid > 0n) await payMessages(both, id, paid);
    const [first, second] = opener === 'payer' ? [both.payer, both.payee] : [both.payee, both.payer];
    const proposed = await first.run(closeCredit, { input: { contract: id } });
    const signed = await second.run(closeCredit, { on: proposed.message });
    const complete = await first.run(closeCredit, { on: signed.message });
    await expectJudged(by, complete.message['hex'], known(contractCoin(await payerOf(both, id))));
  });

  it.each([
    ['without', false],
    ['with', true],
  ])('a rollover %s new coins, the refund of the next contract, and its first exit', async (_, added) => {
    const id = await opened(both);
    await payMessages(both, id, 300_000n);
    const utxo = added ? [await ownCoin(both.payer, 500_000n), await ownCoin(both.payer, 400_000n)] : undefined;
    const messages = await rollMessages(both, id, utxo ? { utxo, amount: 1_600_000n } : {});
    const { hex, next_contract, change } = messages[4]!;
    expect(parseTransaction(hex).inputs).toHaveLength(added ? 3 : 1);
    expect(change !== null).toBe(added);
    await expectJudged(by, hex, known(contractCoin(await payerOf(both, id)), ...(utxo ?? [])));
    const next = await payerOf(both, next_contract.id);
    expect(next.outpoint.txid).toBe(txidOfHex(hex));
    await expectJudged(by, next.refund, known(contractCoin(next)));
    await payMessages(both, next.id, 5_000n);
    await expectJudged(by, (await payeeOf(both, next.id)).exit!, known(contractCoin(next)));
  });
});

describe.skipIf(!kernel)('on a chain', () => {
  const by = kernel!;
  const policy: Policy = { ...defaultPolicy('regtest'), min_blocks: 20, freeze_blocks: 10, margin_blocks: 5 };
  const sat = 1_000_000n;

  /** A contract whose funding is in a block, expiring 21 blocks after the chain's height. */
  async function onChain(seed: number) {
    const both = await pair(seed);
    const chain = await by.chain();
    const [address] = await both.payer.home.store.fresh(1);
    await both.payer.home.store.addAddresses([address!]);
    const { script } = await (await both.payer.home.keys()).address(address!);
    const [mined] = await chain.mine(1, script);
    await chain.mine(100);
    const tip = () => (both.payer.chain.tip = both.payee.chain.tip = chain.height());
    tip();
    const offered = await both.payee.run(openCredit, { input: { as: 'payee', policy } });
    const input = { utxo: [{ ...mined!, script }], amount: sat, expires: { blocks: 21 } };
    const proposed = await both.payer.run(openCredit, { on: offered.message, input });
    const accepted = await both.payee.run(openCredit, { on: proposed.message });
    const ready = await both.payer.run(openCredit, { on: accepted.message });
    const funding = finalHex(ready.message['psbt'].funding);
    const id = ready.message['contract'].id as string;
    const payer = (await both.payer.record(id)) as Credit & PayerCredit;
    return { both, chain, tip, id, payer, funding };
  }

  it('the refund waits for the block after expiry', async () => {
    const { both, chain, tip, id, payer, funding } = await onChain(61);
    const { expiry } = payer.terms;
    expect(await chain.block(payer.refund)).toBe(false);
    expect(await chain.block(funding)).toBe(true);
    await chain.mine(expiry - 1 - chain.height());
    tip();
    expect((await both.payer.run(exitCredit, { input: { contract: id } })).message).toMatchObject({
      verdict: 'early',
      valid_from_height: expiry + 1,
    });
    // The block at height = expiry cannot hold it.
    expect(await chain.block(payer.refund)).toBe(false);
    expect(chain.height()).toBe(expiry - 1);
    expect(await chain.block()).toBe(true);
    tip();
    const printed = (await both.payer.run(exitCredit, { input: { contract: id } })).message;
    expect(printed).toMatchObject({ verdict: 'due', hex: payer.refund });
    expect(await chain.block(payer.refund)).toBe(true);
    expect(chain.height()).toBe(expiry + 1);
    expect(await chain.block(payer.refund)).toBe(false);
    both.close();
  });

  it('an exit that is confirmed first leaves the refund nothing', async () => {
    const { both, chain, tip, id, payer, funding } = await onChain(71);
    const paid = 640_000n;
    expect(await chain.block(funding)).toBe(true);
    tip();
    await payMessages(both, id, paid);
    const { exit } = await payeeOf(both, id);
    // No locktime: the exit is valid in the very next block, and pays what was paid.
    expect(
      parseTransaction(exit!)
        .outputs.map((o) => o.amount)
        .sort(),
    ).toEqual([paid, sat - paid - exitFee(payer.terms)].sort());
    expect(await chain.block(exit!)).toBe(true);
    await chain.mine(payer.terms.expiry - chain.height());
    expect(await chain.block(payer.refund)).toBe(false);
    expect(await chain.block()).toBe(true);
    both.close();
  });

  it('a refund that is confirmed first leaves the exit nothing, and no block holds both', async () => {
    const { both, chain, tip, id, payer, funding } = await onChain(81);
    expect(await chain.block(funding)).toBe(true);
    tip();
    await payMessages(both, id, 640_000n);
    const { exit } = await payeeOf(both, id);
    await chain.mine(payer.terms.expiry - chain.height());
    expect(await chain.block(exit!, payer.refund)).toBe(false);
    expect(await chain.block(payer.refund, exit!)).toBe(false);
    expect(await chain.block(payer.refund)).toBe(true);
    expect(await chain.block(exit!)).toBe(false);
    both.close();
  });
});
