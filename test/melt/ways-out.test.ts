/**
 * A mint's debt to a merchant always has a way out: where updates have ended, the close that the mint's home proposes and a
 * rollover pay all of it, and the merchant keeps its record until the mint has stated that nothing is left.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import CloseCredit from '../../src/commands/credit/close.ts';
import CreditInvoice from '../../src/commands/ecash/credit-invoice.ts';
import Rollover from '../../src/commands/credit/rollover.ts';
import SignUpdate from '../../src/commands/credit/sign-update.ts';
import Status from '../../src/commands/home/status.ts';
import { outputsOf, parseTransaction, txidOfHex } from '../../src/lib/bitcoin/transaction.ts';
import { Rpc } from '../../src/lib/chain/rpc.ts';
import { factSource } from '../../src/lib/chain/source.ts';
import { changeRecord, lapseAll } from '../../src/lib/engine/upkeep.ts';
import { homePost } from '../../src/lib/engine/watch-home.ts';
import { look, type WatchEvent } from '../../src/lib/engine/watch.ts';
import {
  creditKind,
  settledAs,
  type Credit,
  type FundedCredit,
  type PayeeCredit,
  type PayerCredit,
  type Settled,
} from '../../src/lib/credit/records.ts';
import { freezeHeight, meltsEndHeight } from '../../src/lib/credit/checks.ts';
import { payoutScript } from '../../src/lib/credit/terms.ts';
import { contractInput } from '../../src/lib/credit/transactions.ts';
import { change } from '../../src/lib/home/change.ts';
import { confirmOwed } from '../../src/lib/mint/confirm.ts';
import { idClaim } from '../../src/lib/protocol/claims.ts';
import { Melts } from '../../src/lib/cdk/melts.ts';
import { fakeNode } from '../chain/node.ts';
import { sealedAs } from '../credit/helpers.ts';
import { FakeChain } from '../support/chain.ts';
import { command, type Ended, type Made } from '../support/command.ts';
import { Market } from '../support/mint-home.ts';
import type { TestParty } from '../support/party.ts';
import { DAY, pruneAt } from '../support/prune.ts';

const SEED = 700;
let market: Market;
let reverse: string;
let dir: string;
let heights: { meltsEnd: number; freeze: number; expiry: number };
let tip: number;
beforeEach(async () => {
  market = await Market.make(SEED);
  dir = mkdtempSync(join(tmpdir(), 'spillway-ways-'));
  reverse = await market.reverse(1_200_000n, 1_500);
  await market.show(reverse);
  const { terms } = await market.payer(reverse);
  heights = { meltsEnd: meltsEndHeight(terms), freeze: freezeHeight(terms), expiry: terms.expiry };
  at(1_000);
});
afterEach(async () => {
  await market.close();
  rmSync(dir, { recursive: true });
});

/** The chain comes to this height. */
function at(height: number): void {
  tip = height;
  for (const party of [market.operator, market.merchant]) party.chain.tip = height;
}
async function run(who: 'operator' | 'merchant', Command: Made, argv: readonly string[], on?: Ended): Promise<Ended> {
  const seed = Buffer.alloc(32, (SEED + (who === 'operator' ? 0 : 2)) & 255).toString('hex');
  const file = join(dir, 'message');
  if (on) writeFileSync(file, on.stdout);
  const flags = ['--home', market[who].dir, '--insecure-seed', seed, '--tip', String(tip)];
  return command(Command, [...flags, ...argv, ...(on ? [file] : [])]);
}
async function ok(...given: Parameters<typeof run>): Promise<Ended> {
  const ended = await run(...given);
  expect(ended.message).toBe('');
  return ended;
}
/** A customer pays an invoice of the merchant. */
async function sell(amount: bigint): Promise<string> {
  const { operator, mint, source } = market;
  const melts = new Melts({ home: operator.home, mint: mint.url, source, point: () => {} });
  const line = await market.invoice(reverse, amount);
  const quote = `melt-${amount}`;
  await melts.quote(quote, line, undefined);
  return (await melts.pay(quote, line, true, () => {})).status;
}
const paysMerchant = async (hex: string): Promise<bigint> => {
  const c = (await market.merchant.record(reverse)) as PayeeCredit;
  const script = payoutScript(c.terms, 'payee');
  return outputsOf(hex)
    .filter((o) => o.script === script)
    .reduce((sum, { sat }) => sum + sat, 0n);
};
const check = async (): Promise<Ended> => {
  const asked = await ok('merchant', CreditInvoice, ['--contract', reverse, '--check']);
  return ok('merchant', CreditInvoice, [], await ok('operator', CreditInvoice, [], asked));
};
const status = async (who: 'operator' | 'merchant') =>
  JSON.parse((await ok(who, Status, ['--contract', reverse])).stdout) as { notes: string[] };
/** Taken: 30,000 sat; owed besides: 900,000 sat, from one block before melts end. */
async function indebted(): Promise<void> {
  expect(await sell(30_000n)).toBe('PAID');
  await market.settle(reverse, 30_000n);
  at(heights.meltsEnd - 1);
  expect(await sell(900_000n)).toBe('PAID');
}
/** The home proposes the close, the merchant signs it, the home completes it. */
async function closedByHome(): Promise<{ hex: string; paid_sat: number }> {
  const proposed = await ok('operator', CloseCredit, ['--contract', reverse]);
  const signed = await ok('merchant', CloseCredit, [], proposed);
  return JSON.parse((await ok('operator', CloseCredit, [], signed)).stdout);
}

describe('a debt that was not taken before updates ended', () => {
  beforeEach(async () => {
    await indebted();
    at(heights.freeze);
  });

  it('is refused by an update, and what refuses it says what pays it', async () => {
    const refused = await run('merchant', SignUpdate, ['--contract', reverse, '--amount', '900000']);
    expect(refused).toMatchObject({ code: 'frozen', hint: expect.stringContaining('pays all that is owed') });
    const checked = await check();
    expect([checked.exit, JSON.parse(checked.stdout).owed_sat]).toEqual([3, 930_000]);
    expect(checked.stderr).toContain('close-credit --contract');
    const proposed = await ok('merchant', CloseCredit, ['--contract', reverse]);
    const ended = await run('operator', CloseCredit, [], proposed);
    expect(ended).toMatchObject({ code: 'owed-unsettled', hint: expect.stringContaining('pays all that is owed') });
    // The merchant's own proposal stands in nobody's way.
    expect((await closedByHome()).paid_sat).toBe(930_000);
  });

  it('stays what the home has stated at most, should it state less afterwards', async () => {
    await check();
    const asked = await ok('merchant', CreditInvoice, ['--contract', reverse, '--check']);
    const stated = await ok('operator', CreditInvoice, [], asked);
    const less = await sealedAs(market.operator, JSON.parse(stated.stdout), { owed_sat: 30_000, invoices: [] });
    const checked = await run('merchant', CreditInvoice, [], { ...stated, stdout: JSON.stringify(less) });
    expect(checked.exit).toBe(3);
    expect(checked.stderr).toContain('900000 sat are due');
    expect(await market.merchant.record(reverse)).toMatchObject({ owedStatedSat: 930_000n });
  });

  it('is paid by the close that the home proposes', async () => {
    expect((await status('operator')).notes).toContain('900000 sat are owed and not signed');
    const { hex } = await closedByHome();
    expect(await paysMerchant(hex)).toBe(930_000n);
    expect((await status('operator')).notes).not.toContain('900000 sat are owed and not signed');
    expect(parseTransaction(hex).inputs).toHaveLength(1);
  });

  it('stays a debt where the older exit is settled instead of that close', async () => {
    await closedByHome();
    await settle('operator', { by: 'exit', txid: 'ab'.repeat(32), paysSat: 0n });
    expect((await status('operator')).notes).toContain('900000 sat are owed and not signed');
  });

  it.each([
    ['the merchant offers', ['--contract']],
    ['the home asks for', ['--contract']],
  ])('is paid by a rollover that %s', async (who, [flag]) => {
    const begun = [flag!, reverse];
    const offered =
      who === 'the merchant offers'
        ? await ok('merchant', Rollover, begun)
        : await ok('merchant', Rollover, [], await ok('operator', Rollover, begun));
    const proposed = await ok('operator', Rollover, ['--expires', '+4320'], offered);
    expect(JSON.parse(offered.stdout).paid_sat).toBe(30_000);
    const accepted = await ok('merchant', Rollover, [], proposed);
    const signed = await ok('operator', Rollover, [], accepted);
    const complete = JSON.parse((await ok('merchant', Rollover, [], signed)).stdout) as { hex: string };
    expect(await paysMerchant(complete.hex)).toBe(930_000n);
    expect((await status('operator')).notes).not.toContain('900000 sat are owed and not signed');
    await settle('merchant', { by: 'rollover', txid: 'ab'.repeat(32), paysSat: 930_000n });
    expect((await status('merchant')).notes).toContain('settled by rollover: 930000 sat');
    const checked = await check();
    expect([checked.exit, checked.stderr]).toEqual([0, '']);
  });

  it('a rollover of a proposal from before a further invoice was paid is not signed', async () => {
    at(heights.meltsEnd - 1);
    const offered = await ok('merchant', Rollover, ['--contract', reverse]);
    const proposed = await ok('operator', Rollover, ['--expires', '+4320'], offered);
    expect(await sell(1_000n)).toBe('PAID');
    const accepted = await ok('merchant', Rollover, [], proposed);
    expect(await run('operator', Rollover, [], accepted)).toMatchObject({ code: 'owed-unsettled' });
  });
});

it('a merchant takes no rollover that pays it more without the receipt of the mint', async () => {
  await indebted();
  const offered = await ok('merchant', Rollover, ['--contract', reverse]);
  const proposed = await ok('operator', Rollover, ['--expires', '+4320'], offered);
  const { message } = { message: JSON.parse(proposed.stdout) as Record<string, unknown> };
  const altered = { ...proposed, stdout: JSON.stringify({ ...message, receipt: JSON.parse(offered.stdout).receipt }) };
  expect((await run('merchant', Rollover, [], altered)).exit).toBe(76);
});

it('a merchant that was restored makes no invoice, and is paid all by the close of the home', async () => {
  expect(await sell(30_000n)).toBe('PAID');
  await market.settle(reverse, 30_000n);
  const backup = await market.merchant.backUp();
  expect(await sell(500_000n)).toBe('PAID');
  await market.merchant.lose(backup);
  await market.merchant.home.reconcile(market.merchant.journal());
  const refused = await run('merchant', CreditInvoice, ['--contract', reverse, '--amount', '100000']);
  expect(refused).toMatchObject({ code: 'contract-restored', stdout: '' });
  const update = await run('merchant', SignUpdate, ['--contract', reverse, '--amount', '500000']);
  expect(update).toMatchObject({ code: 'contract-restored', hint: expect.stringContaining('pays all that is owed') });
  const { hex } = await closedByHome();
  expect(await paysMerchant(hex)).toBe(530_000n);
});

it('a debt that the home has learnt of again stays one where the close is settled that the merchant proposed before', async () => {
  const { operator, mint, source } = market;
  expect(await sell(30_000n)).toBe('PAID');
  await market.settle(reverse, 30_000n);
  const backup = await operator.backUp();
  const line = await market.invoice(reverse, 900_000n);
  const melts = new Melts({ home: operator.home, mint: mint.url, source, point: () => {} });
  await melts.quote('lost', line, undefined);
  const { paymentProof } = (await melts.pay('lost', line, true, () => {})) as { paymentProof: string };
  await market.stop();
  await operator.lose(backup);
  await market.start();
  const known = await changeRecord(
    operator.home,
    creditKind,
    idClaim(reverse),
    (c) => confirmOwed(c as PayerCredit, []) as Credit,
  );
  expect(known).toMatchObject({ owedSat: 30_000n, restored: false });

  const early = await ok('operator', CloseCredit, [], await ok('merchant', CloseCredit, ['--contract', reverse]));
  const shown = ['--contract', reverse, '--check', '--invoice', line, '--receipt', paymentProof];
  await ok('operator', CreditInvoice, [], await ok('merchant', CreditInvoice, shown));
  const { hex } = JSON.parse((await ok('merchant', CloseCredit, [], early)).stdout) as { hex: string };
  const proposed = await ok('operator', CloseCredit, ['--contract', reverse]);
  expect(JSON.parse(proposed.stdout)).toMatchObject({ paid_sat: 930_000 });
  await settle('operator', { by: 'close', txid: txidOfHex(hex), paysSat: 0n });
  expect((await status('operator')).notes).toContain('900000 sat are owed and not signed');
});

it('a debt up to the last satoshi that a contract can pay is closed at any fee rate', async () => {
  const c = await market.payer(reverse);
  const { maxPaid } = await import('../../src/lib/credit/transactions.ts');
  const most = maxPaid(c.terms);
  expect(await sell(most)).toBe('PAID');
  const proposed = await ok('operator', CloseCredit, ['--contract', reverse, '--feerate', '30']);
  expect(JSON.parse(proposed.stdout)).toMatchObject({ paid_sat: Number(most), fee_sat: 1_200_000 - Number(most) });
});

it('no invoice is paid in the margin before updates end', async () => {
  at(heights.meltsEnd);
  await expect(sell(1_000n)).rejects.toMatchObject({ code: 'frozen' });
  at(heights.meltsEnd - 1);
  expect(await sell(1_000n)).toBe('PAID');
});

describe('watch of a merchant', () => {
  async function looked(party: TestParty, height: number): Promise<WatchEvent[]> {
    at(height);
    const c = (await party.record(reverse)) as FundedCredit;
    const chain = new FakeChain(height);
    chain.give(contractInput(c, 0));
    const rpc = new Rpc({ url: (await fakeNode(chain.answers(true))).url });
    const source = factSource({ network: 'regtest', rpc });
    const events: WatchEvent[] = [];
    const post = homePost(party.home, { ...party.ports(), source }, undefined);
    // The first look notes that the contract is funded.
    for (let i = 0; i < 2; i++) {
      events.length = 0;
      await look(post, { rpc, source }, { confirmations: 6, feeBudgetSat: null }, async (_, e) => void events.push(e));
    }
    return events;
  }

  it.each(['something', 'nothing'])(
    'tells it to take what is owed while that can be taken, with %s taken so far',
    async (had) => {
      if (had === 'something') {
        expect(await sell(30_000n)).toBe('PAID');
        await market.settle(reverse, 30_000n);
      }
      expect(await looked(market.merchant, heights.meltsEnd - 1)).toEqual([]);
      expect(await looked(market.merchant, heights.meltsEnd)).toMatchObject([
        { event: 'warn', contract: reverse, take_owed_before: heights.freeze },
      ]);
      const [frozen] = await looked(market.merchant, heights.freeze);
      expect([frozen!.event, frozen!['take_owed_before']]).toEqual(['warn', undefined]);
    },
  );
});

const settle = (who: 'operator' | 'merchant', settled: Settled): Promise<void> =>
  change(
    market[who].home.store,
    { contract: creditKind },
    () => ({ contract: idClaim(reverse) }),
    ({ contract }) => ({
      writes: { contract: settledAs(contract as FundedCredit, settled) },
      result: undefined,
    }),
  );
const prune = async () => {
  await pruneAt(market.merchant, { days: 90 });
  const later = { days: 90, seconds: 91 * DAY, blocks: 91 * 144, deep: 95 * 144 };
  return (await pruneAt(market.merchant, later)).records;
};

describe("a merchant's claim", () => {
  it('outlives prune until the mint has stated, once all was over, that nothing is owed', async () => {
    expect(await sell(30_000n)).toBe('PAID');
    await market.settle(reverse, 30_000n);
    // What was stated while invoices could still be paid says nothing of the end.
    await check();
    expect(await sell(500_000n)).toBe('PAID');
    await settle('merchant', { by: 'exit', txid: 'ab'.repeat(32), paysSat: 30_000n });
    expect(await prune()).toEqual({});
    expect(JSON.parse((await check()).stdout).owed_sat).toBe(530_000);
    expect(await prune()).toEqual({});
    expect((await status('merchant')).notes.at(-1)).toContain('credit-invoice --check');
    expect(JSON.parse((await check()).stdout).owed_sat).toBe(530_000);
  });

  it('is dropped once all was paid and the mint says so', async () => {
    expect(await sell(30_000n)).toBe('PAID');
    await market.settle(reverse, 30_000n);
    await settle('merchant', { by: 'exit', txid: 'ab'.repeat(32), paysSat: 30_000n });
    expect((await status('merchant')).notes.at(-1)).toContain('credit-invoice --check');
    await check();
    expect((await status('merchant')).notes).toEqual(['settled by exit']);
    expect(await prune()).toEqual({ credit: 1 });
  });

  it('is not given up at its expiry where nothing was taken, unless nobody ever funded it', async () => {
    expect(await sell(500_000n)).toBe('PAID');
    at(heights.expiry + 1);
    const party = market.merchant;
    const facts = (known: boolean) => ({
      facts: async ({ coins, known: asked }: { coins?: readonly string[]; known?: readonly string[] }) => ({
        facts: {
          tip,
          now: 1_800_000_000,
          coins: new Map((coins ?? []).map((outpoint) => [outpoint, 'missing' as const])),
          known: new Map((asked ?? []).map((txid) => [txid, known])),
        },
        checks: {},
      }),
      spends: async () => new Map(),
    });
    expect(await lapseAll(party.home, facts(true) as never)).toEqual([]);
    expect(JSON.parse((await check()).stdout).owed_sat).toBe(500_000);
    expect(await lapseAll(party.home, facts(true) as never)).toEqual([]);
    expect(await lapseAll(party.home, facts(false) as never)).toEqual([reverse]);
  });
});
