/**
 * An invoice that was quoted before the operator's home was lost, and that nobody knows whether it was paid: it is resolved by
 * the whole journal, by a receipt, or by the operator's word, and until then the ecash of its customer stays locked.
 */
import { dirname } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import EcashQuote from '../../src/commands/ecash/quote.ts';
import Reconcile from '../../src/commands/home/reconcile.ts';
import { parseInvoice } from '../../src/lib/mint/invoice.ts';
import { creditInvoice } from '../../src/lib/mint/settle.ts';
import { command, type Ended } from '../support/command.ts';
import type { TestMint } from '../support/mint.ts';
import { Market } from '../support/mint-home.ts';

const SEED = 720;
let market: Market;
let reverse: string;
let other: string;
let forward: string;
let backup: string;
beforeEach(async () => {
  market = await Market.make(SEED);
  reverse = await market.reverse();
  other = await market.reverse(60_000n);
  forward = await market.forward();
  await market.show(reverse);
  backup = await market.operator.backUp();
});
afterEach(() => market.close());

const run = (Command: typeof EcashQuote | typeof Reconcile, ...argv: string[]): Promise<Ended> => {
  const seed = Buffer.alloc(32, SEED & 255).toString('hex');
  return command(Command, ['--home', market.operator.dir, '--insecure-seed', seed, ...argv]);
};
const confirm = (...argv: string[]) => run(EcashQuote, '--confirm', '--contract', reverse, ...argv);
const said = ({ stdout, message }: Ended): Record<string, any> => {
  expect(message).toBe('');
  return JSON.parse(stdout);
};
/** The home comes back of its backup, with what its journal says or without it. */
async function lost(journal: 'whole' | 'read' | 'gone'): Promise<void> {
  const folder = dirname(market.operator.journal()[0]!);
  await market.stop();
  await market.operator.lose(backup);
  if (journal === 'gone') await market.operator.home.acceptRestore();
  else {
    const ended = await run(Reconcile, '--journal', folder, ...(journal === 'whole' ? ['--complete'] : []));
    expect(ended.message).toBe('');
    await market.operator.reopen();
  }
  await market.start();
}
type MeltQuote = Awaited<ReturnType<TestMint['newMelt']>>;
/** The customer sends its ecash, again where the mint has it still. */
async function send(melt: MeltQuote): Promise<string> {
  const { state } = market.mint;
  if (melt.state === 'UNPAID') await market.mint.melt(melt, ['coin']);
  else await market.mint.recover();
  const where = state.spent.includes('coin') ? 'spent' : state.pending.includes('coin') ? 'locked' : 'back';
  return `${melt.state}, ${where}`;
}

describe('an invoice that was quoted before the loss and sent after it', () => {
  let line: string;
  let melt: MeltQuote;
  beforeEach(async () => {
    line = await market.invoice(reverse, 80_000n);
    melt = await market.mint.newMelt(line);
  });

  it('is paid where the whole journal was read: nothing else can have paid it', async () => {
    await lost('whole');
    expect(await send(melt)).toBe('PAID, spent');
    expect(await market.payer(reverse)).toMatchObject({ owedSat: 80_000n, restored: false });
  });

  it('is refused by the word of the operator, who is told of it; then it is quoted anew', async () => {
    await lost('read');
    expect(await send(melt)).toBe('PENDING, locked');
    const { id } = parseInvoice(line);
    expect(said(await confirm())).toMatchObject({ owed_sat: 0, doubted: [{ id, amount_sat: 80_000 }] });
    expect(await send(melt)).toBe('PENDING, locked');
    await expect(market.mint.newMelt(line)).rejects.toThrow('contract-restored');
    expect(said(await confirm('--unpaid', id))).toMatchObject({ owed_sat: 0, doubted: [] });
    expect(await send(melt)).toBe('UNPAID, back');
    expect(await send(await market.mint.newMelt(line))).toBe('PAID, spent');
    expect(await market.payer(reverse)).toMatchObject({ owedSat: 80_000n });
  });

  it('is refused by its line where the journal is gone too', async () => {
    await lost('gone');
    expect(await send(melt)).toBe('PENDING, locked');
    expect(said(await confirm())).toMatchObject({ doubted: [] });
    expect(await send(melt)).toBe('PENDING, locked');
    expect(said(await confirm('--unpaid', line))).toMatchObject({ owed_sat: 0, doubted: [] });
    expect(await send(melt)).toBe('UNPAID, back');
  });

  it('stays paid where a receipt shows it, whatever the operator says, and is owed once', async () => {
    expect(await send(melt)).toBe('PAID, spent');
    await lost('gone');
    said(await confirm('--unpaid', line));
    const input = { contract: reverse, shown: { text: line, receipt: melt.proof! } };
    for (let i = 0; i < 2; i++) {
      const queried = await market.merchant.run(creditInvoice, { input });
      await market.operator.run(creditInvoice, { on: queried.message, served: {} });
    }
    expect(await market.payer(reverse)).toMatchObject({ owedSat: 80_000n });
    expect(await confirm('--unpaid', line)).toMatchObject({ code: 'invoice-paid', exit: 75, stdout: '' });
  });

  it('is refused only over its own contract, as the merchant has signed it, and once the journal was read', async () => {
    const foreign = await market.invoice(other, 1_000n);
    const altered = JSON.stringify({ ...JSON.parse(line), amount_sat: 1 });
    for (const [unpaid, code] of [
      [foreign, 'not-an-invoice'],
      [altered, 'bad-seal'],
      ['{"type":"invoice"}', 'malformed-invoice'],
      ['ab'.repeat(16), 'malformed-invoice'],
    ] as const)
      expect([unpaid, (await confirm('--unpaid', unpaid)).code]).toEqual([unpaid, code]);
    const over = await run(EcashQuote, '--confirm', '--contract', forward, '--unpaid', line);
    expect(over).toMatchObject({ code: 'wrong-state', stdout: '' });
    await market.stop();
    await market.operator.lose(backup);
    expect(await confirm('--unpaid', line)).toMatchObject({ code: 'home-restored', stdout: '' });
    await market.start();
  });
});
