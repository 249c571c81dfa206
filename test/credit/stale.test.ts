/** Messages of a rollover that another one, an update or a restore has overtaken: refused on both sides, and the newer goes on. */
import { describe, expect, it } from 'vitest';
import { closeCredit, rollover, signUpdate } from '../../src/lib/ecash/credit.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import { idClaim } from '../../src/lib/protocol/claims.ts';
import { opened, ownCoin, payMessages, rollMessages } from '../support/credit.ts';
import type { Message, TestParty } from '../support/party.ts';
import { parties, payeeOf, payerOf, policy, refused, sealedAs } from './helpers.ts';

const expires = { blocks: 4_320 };

/** A contract with payments, and a rollover of it that the payee has accepted. */
async function accepted() {
  const both = await parties();
  const { payee, payer } = both;
  const contract = await opened(both);
  await payMessages(both, contract, 50_000n);
  const offer = async () => (await payee.run(rollover, { input: { contract, policy } })).message;
  const offered = await offer();
  const propose = async (on = offered) => (await payer.run(rollover, { on, input: { expires } })).message;
  const proposed = await propose();
  const on = (await payee.run(rollover, { on: proposed })).message;
  return { both, payee, payer, contract, offer, offered, propose, proposed, on };
}

describe('a stale rollover', () => {
  it('is not signed by a payer that has proposed another since', async () => {
    const { both, payer, payee, contract, offer, propose, on } = await accepted();
    const second = await propose(await offer());
    await refused(() => payer.run(rollover, { on }), 'unknown-contract', payer);
    const newer = await payee.run(rollover, { on: second });
    const signed = await payer.run(rollover, { on: newer.message });
    await payee.run(rollover, { on: signed.message });
    expect((await payeeOf(both, contract)).state).toBe('rolled');
  });

  it('is not signed by a payer that has signed an update since, whether it arrived or not', async () => {
    const { payer, payee, contract, on } = await accepted();
    const requested = await payee.run(signUpdate, { input: { contract, amount: 2_100n } });
    const update = await payer.run(signUpdate, { on: requested.message, amount: 2_100n });
    await refused(() => payer.run(rollover, { on }), 'update-in-flight', payer);
    await payee.run(signUpdate, { on: update.message });
    await refused(() => payer.run(rollover, { on }), 'update-in-flight', payer);
  });

  it('is not completed by a payee that has accepted another since, and the other is', async () => {
    const { both, payer, payee, contract, offer, propose, on } = await accepted();
    const backup = await payer.backUp();
    const old = await payer.run(rollover, { on });
    await payer.lose(backup);
    const second = await propose(await offer());
    const newer = await payee.run(rollover, { on: second });
    const error = await refused(() => payee.run(rollover, { on: old.message }), 'paid-moved', payee);
    expect(error.hint).toBe('offer again');
    const signed = await payer.run(rollover, { on: newer.message });
    await payee.run(rollover, { on: signed.message });
    expect((await payeeOf(both, contract)).state).toBe('rolled');
    expect((await payerOf(both, contract)).state).toBe('rolled');
  });

  it('a key that was bound to the first refund binds to no other, whatever the payer forgets', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const contract = await opened(both);
    await payMessages(both, contract, 50_000n);
    const offered = (await payee.run(rollover, { input: { contract, policy } })).message;
    const backup = await payer.backUp();
    const first = await payer.run(rollover, { on: offered, input: { expires } });
    await payee.run(rollover, { on: first.message });
    await payer.lose(backup);
    const other = await payer.run(rollover, { on: offered, input: { expires: { blocks: 4_000 } } });
    await refused(() => payee.run(rollover, { on: other.message }), 'key-bound', payee);
    expect((await payeeOf(both, contract)).rolling).not.toBeNull();
  });
});

describe('a cancel', () => {
  it('of another action over a record ends nothing of it', async () => {
    const { both, payer, payee, contract } = await accepted();
    const over = idClaim(contract);
    for (const party of [payer, payee]) {
      await refused(() => party.run(openCredit, { cancel: true, over }), 'too-late-to-cancel', party);
      await refused(() => party.run(closeCredit, { cancel: true, over }), 'too-late-to-cancel', party);
    }
    await refused(() => payee.run(signUpdate, { cancel: true, over }), 'too-late-to-cancel', payee);
    expect((await payeeOf(both, contract)).rolling).not.toBeNull();
  });

  it('and then the same proposal: what was given up is not confirmed again', async () => {
    const { both, payer, payee, contract, proposed, on } = await accepted();
    for (const party of [payer, payee]) await party.run(rollover, { input: { contract }, cancel: true });
    await refused(() => payee.run(rollover, { on: proposed }), 'wrong-state', payee);
    await refused(() => payer.run(rollover, { on }), 'unknown-contract', payer);
    await rollMessages(both, contract);
  });

  it('and then the same close: the payee, which has signed, repeats; the payer, whose nonce is gone, completes nothing', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const contract = await opened(both);
    await payMessages(both, contract, 50_000n);
    const proposed = await payer.run(closeCredit, { input: { contract } });
    const signed = await payee.run(closeCredit, { on: proposed.message });
    await payer.run(closeCredit, { input: { contract }, cancel: true });
    await refused(() => payer.run(closeCredit, { on: signed.message }), 'state-moved-on', payer);
    expect((await payee.run(closeCredit, { on: proposed.message })).text).toBe(signed.text);
    await refused(() => payee.run(signUpdate, { input: { contract, amount: 900n } }), 'wrong-state', payee);
  });
});

describe('a cancel by an older message ends nothing that is newer', () => {
  it('of a close: another amount, another fee, or only another nonce', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const contract = await opened(both);
    const propose = async () => (await payer.run(closeCredit, { input: { contract } })).message;
    const cancel = (on: Message) => payer.run(closeCredit, { on, cancel: true });
    const first = await propose();
    await cancel(first);
    await payMessages(both, contract, 50_000n);
    const second = await propose();
    await cancel(second);
    payer.chain.feerate = 5_000;
    const dearer = await propose();
    payer.chain.feerate = 2_000;
    const third = await propose();
    const signed = (await payee.run(closeCredit, { on: second })).message;
    const theirs = (await payee.run(closeCredit, { input: { contract } })).message;
    for (const on of [first, second, dearer, signed, theirs]) {
      const error = await refused(() => cancel(on), 'state-moved-on', payer);
      expect(error.hint).toBe(`close-credit --contract ${contract.slice(0, 8)} --cancel ends that one`);
    }
    await cancel(third);
    expect((await payerOf(both, contract)).closing).toBeNull();
  });

  it('of a request for the same sum', async () => {
    const both = await parties();
    const { payee } = both;
    const contract = await opened(both);
    const ask = async (amount: bigint) => (await payee.run(signUpdate, { input: { contract, amount } })).message;
    const cancel = (on: Message) => payee.run(signUpdate, { on, cancel: true });
    const first = await ask(50_000n);
    await cancel(first);
    const second = await ask(50_000n);
    await refused(() => cancel(first), 'too-late-to-cancel', payee);
    await cancel(second);
    expect((await payeeOf(both, contract)).live).toEqual([]);
  });

  it('of a rollover: of another offer, of a wish; and an offer that was not answered ends beside it', async () => {
    const { both, payer, payee, contract, offer, propose } = await accepted();
    const cancel = (party: TestParty, on: Message) => party.run(rollover, { on, cancel: true });
    const second = await propose(await offer());
    const [mine, theirs] = [await payerOf(both, contract), (await payee.run(rollover, { on: second })).message];
    const unanswered = await offer();
    const asked = (await payer.run(rollover, { input: { contract } })).message;
    const third = await propose(await offer());
    for (const on of [second, theirs, asked]) await refused(() => cancel(payer, on), 'state-moved-on', payer);
    expect((await payerOf(both, contract)).rolling!.nextKey).not.toBe(mine.rolling!.nextKey);
    await cancel(payee, unanswered);
    expect((await payeeOf(both, contract)).rolling).not.toBeNull();
    await cancel(payer, third);
    expect((await payerOf(both, contract)).rolling).toBeNull();
  });
});

describe('two contracts of the same parties', () => {
  it('a message of one is no message of the other, under whatever seal', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const [a, b] = [await opened(both), await opened(both, { utxo: [await ownCoin(payer, 1_300_000n)] })];
    const asked = async (contract: string) =>
      (await payee.run(signUpdate, { input: { contract, amount: 2_100n } })).message;
    const [ra, rb] = [await asked(a), await asked(b)];
    const mixed = await sealedAs(payee, ra, { psbt: rb['psbt'] });
    await refused(() => payer.run(signUpdate, { on: mixed, amount: 2_100n }), 'transaction-differs', payer);
    const signed = (await payer.run(signUpdate, { on: ra, amount: 2_100n })).message;
    const other = (await payer.run(signUpdate, { on: rb, amount: 2_100n })).message;
    const wrong = await sealedAs(payer, other, { receipt: signed['receipt'] });
    await refused(() => payee.run(signUpdate, { on: wrong }), 'bad-receipt', payee);
    const named = await sealedAs(payer, other, { psbt: signed['psbt'], receipt: signed['receipt'] });
    await refused(() => payee.run(signUpdate, { on: named }), 'bad-receipt', payee);
    await payee.run(signUpdate, { on: signed });
    await payee.run(signUpdate, { on: other });
  });
});
