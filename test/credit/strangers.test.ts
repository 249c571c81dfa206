/** Somebody who has opened a contract and funded nothing: what it can make a payee keep, without end. */
import { describe, expect, it } from 'vitest';
import { addKeyset, keysetsOf } from '../../src/commands/ecash/keysets.ts';
import { ecashRestore } from '../../src/lib/ecash/restore.ts';
import { rollover } from '../../src/lib/ecash/credit.ts';
import type { Policy } from '../../src/lib/credit/terms.ts';
import { HOME_MINT, opened, payMessages } from '../support/credit.ts';
import type { Message } from '../support/party.ts';
import { parties, payeeOf, refused, show } from './helpers.ts';

/** A contract of a mint whose coin nobody has seen. */
async function unfunded() {
  const both = await parties();
  await addKeyset(both.payee.home, undefined);
  const contract = await opened(both, { offer: HOME_MINT });
  show(both, await payeeOf(both, contract), 'missing');
  return { both, ...both, contract };
}

describe('a contract that nobody has funded', () => {
  it('is offered no rollover: each offer would be a record and an address', async () => {
    const { both, payee, payer, contract } = await unfunded();
    for (let i = 0; i < 3; i++) {
      const asked = await payer.run(rollover, { input: { contract } });
      await refused(() => payee.run(rollover, { on: asked.message, served: {} }), 'funding-missing', payee);
    }
    show(both, await payeeOf(both, contract));
    const asked = await payer.run(rollover, { input: { contract } });
    expect((await payee.run(rollover, { on: asked.message, served: {} })).message['step']).toBe('offered');
  });
});

describe('a contract with one customer who asks for a rollover again and again', () => {
  async function scene() {
    const both = await parties();
    const contract = await opened(both);
    const ask = async (input: object = {}) => {
      const asked = await both.payer.run(rollover, { input: { contract } });
      return both.payee.run(rollover, { on: asked.message, served: {}, input });
    };
    return { both, ...both, contract, ask };
  }

  it('has one live offer, which is said again: no record more, no address and no reply', async () => {
    const { both, payee, contract, ask } = await scene();
    const first = await ask();
    const before = await payee.state();
    for (let i = 0; i < 20; i++) expect((await ask()).message['offer']).toEqual(first.message['offer']);
    expect(await payee.state()).toEqual(before);
    await payMessages(both, contract, 1_000n);
    expect((await ask()).message).toMatchObject({ paid_sat: 1_000, offer: first.message['offer'] });
  });

  it('has a later end for it once it has ended, and the policy of the day; the payer takes it up, and the next is another', async () => {
    const { payee, payer, ask } = await scene();
    const first = await ask({ offerExpiry: 3_600 });
    const policy = { ...(first.message['offer'] as { policy: Policy }).policy, margin_blocks: 150 };
    payee.chain.now += 3_601;
    const again = await ask({ offerExpiry: 3_600, policy });
    expect(again.message['offer']).toEqual({ ...(first.message['offer'] as object), policy });
    const take = (on: Message) => payer.run(rollover, { on, input: { expires: { blocks: 4_320 } } });
    const late = await take(first.message);
    await refused(() => payee.run(rollover, { on: late.message }), 'out-of-policy', payee);
    await payer.run(rollover, { on: late.message, cancel: true });
    const proposed = await take(again.message);
    expect((await payee.run(rollover, { on: proposed.message })).message['step']).toBe('accepted');
    const next = await ask();
    expect((next.message['offer'] as { pubkey: string }).pubkey).not.toBe(
      (first.message['offer'] as { pubkey: string }).pubkey,
    );
  });

  it('has another one where the payee names an address, in place of the first', async () => {
    const { payee, payer, contract, ask } = await scene();
    const first = await ask();
    const payout = 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080';
    const named = await payee.run(rollover, { input: { contract, payout } });
    expect(named.message['offer']).toMatchObject({ address: payout });
    const take = (on: Message) => payer.run(rollover, { on, input: { expires: { blocks: 4_320 } } });
    const proposed = await take(first.message);
    await refused(() => payee.run(rollover, { on: proposed.message }), 'unknown-contract', payee);
    expect((await ask()).message['offer']).toEqual(named.message['offer']);
    await payee.run(rollover, { input: { contract }, cancel: true });
    expect((await ask()).message['offer']).not.toMatchObject({ address: payout });
  });
});

describe('a search for lost ecash', () => {
  it('is answered the same each time, and nothing of it is kept', async () => {
    const { payee, payer, contract } = await unfunded();
    const { keyset } = (await keysetsOf(payee.home))[0]!;
    const asked = await payer.run(ecashRestore, { input: { contract, keyset: keyset.id } });
    const before = await payee.state();
    const answered = await payee.run(ecashRestore, { on: asked.message, served: {} });
    expect((await payee.run(ecashRestore, { on: asked.message, served: {} })).text).toBe(answered.text);
    expect(await payee.state()).toEqual(before);
    expect((await payer.run(ecashRestore, { on: answered.message })).message['search']).toBe('complete');
  });
});
