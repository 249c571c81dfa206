/**
 * What was signed for ecash and has not come, and what came, are sets of payments: a store that was restored, went on and then
 * read its journal has those of both, each once.
 */
import { upTo } from '../../src/lib/credit/spans.ts';
import { ledgerKind, payerLedger, type PayerLedger } from '../../src/lib/ecash/ledger.ts';
import { describe, expect, it } from 'vitest';
import { ecashRestore } from '../../src/lib/ecash/restore.ts';
import { signUpdate } from '../../src/lib/ecash/credit.ts';
import { ecashMessages, lostMessages, openedMint, payMessages, type Pair } from '../support/credit.ts';
import { parties, payerOf } from './helpers.ts';
import { contractWith } from './things.ts';

/** The payer's store is lost and brought back; its journal is read. */
async function reconcile({ payer }: Pair, backup?: string): Promise<void> {
  if (backup !== undefined) await payer.lose(backup);
  await payer.home.reconcile(payer.journal());
  await payer.reopen();
}
async function search(both: Pair, contract: string): Promise<bigint> {
  const keyset = ((await both.payee.home.store.list('keyset'))[0]!.record as { keyset: { id: string } }).keyset.id;
  const asked = await both.payer.run(ecashRestore, { input: { contract, keyset, from: 0 } });
  const answered = await both.payee.run(ecashRestore, { on: asked.message });
  return BigInt((await both.payer.run(ecashRestore, { on: answered.message })).message['token_sat']);
}

describe('ecash of a payer that was restored, paid on, and read its journal then', () => {
  it('is still awaited where its payment lies in the journal alone, and comes', async () => {
    const both = await parties();
    const id = await openedMint(both);
    const backup = await both.payer.backUp();
    const lost = await lostMessages(both, id, 600n);
    await both.payer.lose(backup);
    await payMessages(both, id, 500n);
    await reconcile(both);
    expect(await payerOf(both, id)).toMatchObject({ signedMaxSat: 1_100n });
    expect(await both.payer.ledger(id)).toMatchObject({ awaited: [{ paidSat: 600n }] });
    await both.payer.run(signUpdate, { on: lost.at(-1)! });
    expect(await both.payer.ledger(id)).toMatchObject({ awaited: [], arrived: upTo(600n) });
  });

  it('counts once each: what came before the loss, what came after it, and what came again', async () => {
    const both = await parties();
    const id = await openedMint(both);
    await ecashMessages(both, id, 400n);
    const backup = await both.payer.backUp();
    const before = await ecashMessages(both, id, 600n);
    await both.payer.lose(backup);
    await both.payer.home.acceptRestore();
    expect(await search(both, id)).toBe(1_000n);
    await ecashMessages(both, id, 500n);
    await reconcile(both, await both.payer.backUp());
    expect(await payerOf(both, id)).toMatchObject({ signedMaxSat: 1_500n });
    const come = { awaited: [], arrived: upTo(1_500n) };
    expect(await both.payer.ledger(id)).toMatchObject(come);
    await both.payer.run(signUpdate, { on: before.at(-2)! });
    expect(await both.payer.ledger(id)).toMatchObject(come);
    expect(await both.payer.status(id)).toMatchObject({ ecash_sat: 1_500n, ecash_awaited_sat: 0n });
  });
});

describe('two versions of a record', () => {
  const payer = (more: Partial<PayerLedger>): PayerLedger => ({ ...payerLedger(contractWith(), undefined), ...more });
  const both = (...[a, b]: [PayerLedger, PayerLedger]) =>
    [ledgerKind.merged!(a, b), ledgerKind.merged!(b, a)] as [PayerLedger, PayerLedger];
  const places = (fromSat: bigint, toSat: bigint) => [{ fromSat, toSat }];
  const one = { paidSat: 500n, amountSat: 500n, quote: null };
  const two = { paidSat: 900n, amountSat: 400n, quote: 'other' };

  it('know together what is under way: what one never saw the other tells, and what it saw it knows itself', () => {
    const lost = payer({ paidSat: 500n, inflight: [one], seen: places(0n, 500n) });
    const later = payer({ paidSat: 900n, inflight: [two], seen: places(500n, 900n) });
    for (const merged of both(lost, later)) expect(merged.inflight).toEqual([one, two]);
    const arrived = payer({ paidSat: 900n, inflight: [two], seen: places(0n, 900n) });
    for (const merged of both(lost, arrived)) expect(merged.inflight).toEqual([two]);
  });
});
