/** Of two versions of one record the later one's word holds, where they know different things of the same. */
import { describe, expect, it } from 'vitest';
import { txidOfHex } from '../../src/lib/bitcoin/transaction.ts';
import { creditKind, settledAs, type Credit, type FundedCredit } from '../../src/lib/credit/records.ts';
import { rollover } from '../../src/lib/ecash/credit.ts';
import { change } from '../../src/lib/home/change.ts';
import { idClaim } from '../../src/lib/protocol/claims.ts';
import { opened, payMessages, rollMessages } from '../support/credit.ts';
import type { Message, TestParty } from '../support/party.ts';
import { parties, payeeOf, payerOf, policy } from './helpers.ts';

const expires = { blocks: 4_320 };

describe('a rollover that took the place of others', () => {
  it.each(['payer', 'payee'] as const)('is the one that a restored %s knows', async (role) => {
    const both = await parties();
    const contract = await opened(both);
    await payMessages(both, contract, 50_000n);
    const backup = await both[role].backUp();
    const sighashes: string[] = [];
    // Until the last is not the one that its bytes would choose.
    const isLast = () => sighashes.every((sighash) => sighash <= sighashes.at(-1)!);
    let proposed = {} as Message;
    let accepted = {} as Message;
    while (isLast()) {
      const offered = await both.payee.run(rollover, { input: { contract, policy } });
      proposed = (await both.payer.run(rollover, { on: offered.message, input: { expires } })).message;
      accepted = (await both.payee.run(rollover, { on: proposed })).message;
      sighashes.push((await payerOf(both, contract)).rolling!.sighash);
    }
    const signed = await both.payer.run(rollover, { on: accepted });
    await both.payee.run(rollover, { on: signed.message });
    const next = proposed['next_contract'].id as string;
    const party: TestParty = both[role];
    const { state } = await party.record(next);
    await party.lose(backup);
    await party.home.reconcile(party.journal());
    const after = role === 'payer' ? await payerOf(both, contract) : await payeeOf(both, contract);
    expect(after).toMatchObject({ state: 'rolled', rolling: { sighash: sighashes.at(-1)! } });
    expect(await party.record(next)).toMatchObject({ state });
  });
});

describe('what settled a contract while its home had forgotten what it was', () => {
  it('is the rollover that the journal knows, and the next contract goes on', async () => {
    const both = await parties();
    const { payee } = both;
    const contract = await opened(both);
    await payMessages(both, contract, 50_000n);
    const backup = await payee.backUp();
    const complete = (await rollMessages(both, contract))[4]!;
    const next = complete['next_contract'].id as string;
    await payee.lose(backup);
    // As `watch` does it once that is deep enough: by its outputs alone it is no exit and no close.
    const settled = { by: 'other', txid: txidOfHex(complete['hex']), paysSat: 50_000n } as const;
    const find = () => ({ contract: idClaim(contract) });
    await change<{ contract: Credit }, void>(payee.home.store, { contract: creditKind }, find, ({ contract: c }) => ({
      writes: { contract: settledAs(c as FundedCredit, settled) },
      result: undefined,
    }));
    await payee.home.reconcile(payee.journal());
    expect(await payee.record(next)).toMatchObject({ state: 'accepted' });
    expect(await payeeOf(both, contract)).toMatchObject({ state: 'exiting', settled: { ...settled, by: 'rollover' } });
  });
});
