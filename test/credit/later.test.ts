/** Of two versions of one record the later one's word holds, where they know different things of the same. */
import { describe, expect, it } from 'vitest';
import { rollover } from '../../src/lib/credit/rollover.ts';
import { opened, payMessages } from '../support/credit.ts';
import type { TestParty } from '../support/party.ts';
import { parties, payeeOf, payerOf, policy } from './helpers.ts';

const expires = { blocks: 4_320 };

describe('a rollover that took the place of others', () => {
  it.each(['payer', 'payee'] as const)('is the one that a restored %s knows', async (role) => {
    const both = await parties();
    const contract = await opened(both);
    await payMessages(both, contract, 50_000n);
    const backup = await both[role].backUp();
    const sighashes: string[] = [];
    let next = '';
    while (sighashes.length < 5) {
      const offered = await both.payee.run(rollover, { input: { contract, policy } });
      const proposed = await both.payer.run(rollover, { on: offered.message, input: { expires } });
      const accepted = await both.payee.run(rollover, { on: proposed.message });
      sighashes.push((await payerOf(both, contract)).rolling!.sighash);
      next = proposed.message['next_contract'].id;
      if (sighashes.length < 5) continue;
      const signed = await both.payer.run(rollover, { on: accepted.message });
      await both.payee.run(rollover, { on: signed.message });
    }
    // What would decide by their bytes is seen.
    expect(sighashes.some((sighash) => sighash > sighashes.at(-1)!)).toBe(true);
    const party: TestParty = both[role];
    const { state } = await party.record(next);
    await party.lose(backup);
    await party.home.reconcile(party.journal());
    const after = role === 'payer' ? await payerOf(both, contract) : await payeeOf(both, contract);
    expect(after).toMatchObject({ state: 'rolled', rolling: { sighash: sighashes.at(-1)! } });
    expect(await party.record(next)).toMatchObject({ state });
  });
});
