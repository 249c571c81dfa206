/** The payer's first step: it agrees by asking, once, to one amount, for ten minutes. */
import { describe, expect, it } from 'vitest';
import { ASKED_LIMITS, ASKED_SECONDS } from '../../src/lib/credit/asked.ts';
import { freezeHeight } from '../../src/lib/credit/checks.ts';
import { maxPaid } from '../../src/lib/credit/transactions.ts';
import { signUpdate } from '../../src/lib/ecash/credit.ts';
import { opened, payMessages, type Pair } from '../support/credit.ts';
import type { Message } from '../support/party.ts';
import { backUp, parties, payeeOf, payerOf, refused, restore, sealedAs, tip } from './helpers.ts';
import { key } from './things.ts';

const ask = async (both: Pair, contract: string, amount: bigint): Promise<Message> =>
  (await both.payer.run(signUpdate, { input: { contract, amount } })).message;
const request = async (both: Pair, on: Message): Promise<Message> => (await both.payee.run(signUpdate, { on })).message;
const sign = async (both: Pair, on: Message): Promise<Message> => (await both.payer.run(signUpdate, { on })).message;
const accept = async (both: Pair, on: Message): Promise<Message> => (await both.payee.run(signUpdate, { on })).message;
const later = (both: Pair, seconds: number): void => {
  for (const party of [both.payee, both.payer]) party.chain.now += seconds;
};

describe('a wish', () => {
  it.each([
    ['of nothing', 0n, 0, 'amount-not-growing'],
    ['of less than nothing', -5n, 0, 'amount-not-growing'],
    ['of more than there is left', 1_197_593n, 0, 'over-capacity'],
    ['at the freeze', 50n, 1, 'frozen'],
  ] as const)('%s is not sent', async (_, amount, late, code) => {
    const both = await parties();
    const id = await opened(both);
    await payMessages(both, id, 2_100n);
    const { terms } = await payerOf(both, id);
    expect(maxPaid(terms) - 2_100n).toBe(1_197_592n);
    tip(both, freezeHeight(terms) - 1 + late);
    await refused(() => ask(both, id, amount), code, both.payer);
    // The largest that there can be, in the last block.
    tip(both, freezeHeight(terms) - 1);
    expect((await ask(both, id, 1_197_592n))['amount_sat']).toBe(1_197_592);
  });
});

describe('a wish for a quote of a running mint', () => {
  it.each([
    ['paid meanwhile', { paidSat: 1n }, 'quote-used'],
    ['issued meanwhile', { issuedSat: 1n }, 'quote-used'],
    ['not locked any more', { pubkey: null }, 'quote-unlocked'],
    ['for another amount now', { amountSat: 2_101n }, 'quote-amount'],
    ['forgotten by the mint', 'unknown', 'quote-unknown'],
    ['at a mint that does not answer', 'not-checked', 'mint-unavailable'],
  ] as const)('is not accepted where that is %s', async (_, found, code) => {
    const both = await parties();
    const { payee, payer } = both;
    const id = await opened(both, { offer: { ecash: 'cdk', mint: 'https://mint.example.com' } });
    const free = { id: 'a-quote', amountSat: 2_100n, pubkey: key(9), paidSat: 0n, issuedSat: 0n, expiry: null };
    payee.askMint = async () => free;
    const asked = await payer.run(signUpdate, { input: { contract: id, amount: 2_100n, quote: 'a-quote' } });
    const signed = await sign(both, await request(both, asked.message));
    payee.askMint = async () => (typeof found === 'string' ? found : { ...free, ...found });
    await refused(() => accept(both, signed), code, payee);
    payee.askMint = async () => free;
    expect(await accept(both, signed)).toMatchObject({ step: 'accepted', paid_sat: 2_100 });
  });
});

it.each(['none', 'home'] as const)(
  'a wish for a quote is taken up over no contract with ecash %s, though the mint has such a quote',
  async (ecash) => {
    const both = await parties();
    const { payee, payer } = both;
    const id = await opened(both, { offer: { ecash } });
    const asked = await ask(both, id, 2_100n);
    const on = await sealedAs(payer, asked, { asked: { ...asked['asked'], quote: 'a-quote' } });
    const free = { amountSat: 2_100n, pubkey: key(9), paidSat: 0n, issuedSat: 0n, expiry: null };
    payee.askMint = async () => ({ id: 'a-quote', ...free });
    await refused(() => request(both, on), 'no-ecash', payee);
    expect(await request(both, asked)).toMatchObject({ step: 'requested', asked: { quote: null } });
  },
);

describe('a payer that asks', () => {
  it('needs no second consent, for exactly that amount', async () => {
    const both = await parties();
    const id = await opened(both);
    const requested = await request(both, await ask(both, id, 2_100n));
    expect(requested).toMatchObject({ amount_sat: 2_100, paid_sat: 2_100, asked: { quote: null } });
    const accepted = await accept(both, await sign(both, requested));
    expect(accepted).toMatchObject({ step: 'accepted', paid_sat: 2_100, asked: requested['asked'] });
    expect((await payerOf(both, id)).signedMaxSat).toBe(2_100n);
  });

  it('a payee that turns it into another amount, quote or time is refused: asked-unknown', async () => {
    const both = await parties();
    const id = await opened(both);
    const asked = await ask(both, id, 2_100n);
    for (const change of [{ quote: 'theirs' }, { until: asked['asked'].until + 1 }, { id: 'ab'.repeat(16) }]) {
      const requested = await sealedAs(both.payee, await request(both, asked), {
        asked: { ...asked['asked'], ...change },
      });
      await refused(() => sign(both, requested), 'asked-unknown', both.payer);
    }
  });

  it('is asked for no more than it wished: another amount under its wish is asked-unknown', async () => {
    const both = await parties();
    const id = await opened(both);
    const asked = await ask(both, id, 2_100n);
    const more = await both.payee.run(signUpdate, { input: { contract: id, amount: 2_101n } });
    const requested = await sealedAs(both.payee, more.message, { asked: asked['asked'] });
    await refused(() => sign(both, requested), 'asked-unknown', both.payer);
  });

  it('is asked in the end where the payee names no wish of it: not-agreed', async () => {
    const both = await parties();
    const asked = await ask(both, await opened(both), 2_100n);
    const requested = await sealedAs(both.payee, await request(both, asked), { asked: null });
    await refused(() => sign(both, requested), 'not-agreed', both.payer);
  });

  it('has asked once: what it has signed for it is repeated, and nothing beyond', async () => {
    const both = await parties();
    const id = await opened(both);
    const asked = await ask(both, id, 2_100n);
    const requested = await request(both, asked);
    const signed = await sign(both, requested);
    expect(await sign(both, requested)).toEqual(signed);
    await accept(both, signed);
    // The payee makes the same wish into a second payment.
    const again = await both.payee.run(signUpdate, { input: { contract: id, amount: 2_100n } });
    const second = await sealedAs(both.payee, again.message, { asked: asked['asked'] });
    await refused(() => sign(both, second), 'asked-unknown', both.payer);
  });

  it('still knows the wish that it signed for last once it has wished for more', async () => {
    const both = await parties();
    const id = await opened(both);
    const first = await ask(both, id, 2_100n);
    await sign(both, await request(both, first));
    await ask(both, id, 900n);
    // What it had signed was lost on its way, and the payee has begun anew.
    await both.payee.run(signUpdate, { input: { contract: id }, cancel: true });
    const signed = await sign(both, await request(both, first));
    expect(signed).toMatchObject({ step: 'signed', paid_sat: 2_100, asked: first['asked'] });
    expect((await payerOf(both, id)).signedMaxSat).toBe(2_100n);
  });

  it('signs the same sum for a new nonce of the payee', async () => {
    const both = await parties();
    const id = await opened(both);
    const requested = await request(both, await ask(both, id, 2_100n));
    await sign(both, requested);
    await both.payee.run(signUpdate, { input: { contract: id }, cancel: true });
    const anew = await both.payee.run(signUpdate, { input: { contract: id, amount: 2_100n } });
    const signed = await sign(both, await sealedAs(both.payee, anew.message, { asked: requested['asked'] }));
    expect(signed['paid_sat']).toBe(2_100);
    expect((await payerOf(both, id)).signedMaxSat).toBe(2_100n);
  });

  it('wants it within ten minutes: asked-expired, at the payee and at the payer', async () => {
    const both = await parties();
    const id = await opened(both);
    const [one, two] = [await ask(both, id, 2_100n), await ask(both, id, 3_000n)];
    const requested = await request(both, one);
    later(both, ASKED_SECONDS + 1);
    await refused(() => request(both, two), 'asked-expired', both.payee);
    await refused(() => sign(both, requested), 'asked-expired', both.payer);
    // What has lapsed blocks nothing.
    const anew = await both.payee.run(signUpdate, { input: { contract: id, amount: 2_100n } });
    expect(anew.message).toMatchObject({ asked: null, paid_sat: 2_100 });
    expect((await payeeOf(both, id)).live).toHaveLength(1);
  });

  it.each([
    // seconds after the wish
    [ASKED_SECONDS - 1, true],
    [ASKED_SECONDS, true],
    [ASKED_SECONDS + 1, false],
  ])('holds to it %i seconds later: %s', async (seconds, holds) => {
    const both = await parties();
    const id = await opened(both);
    const [one, two] = [await ask(both, id, 2_100n), await ask(both, id, 3_000n)];
    const requested = await request(both, one);
    later(both, seconds);
    // What has lapsed is forgotten with the next wish, at the payer, and with the next request, at the payee.
    await ask(both, id, 4_000n);
    expect((await payerOf(both, id)).asked).toHaveLength(holds ? 3 : 1);
    await both.payee.run(signUpdate, { input: { contract: id, amount: 5_000n } });
    expect((await payeeOf(both, id)).live).toHaveLength(holds ? 2 : 1);
    if (holds) {
      await request(both, two);
      expect((await sign(both, requested))['step']).toBe('signed');
    } else {
      await refused(() => request(both, two), 'asked-expired', both.payee);
      await refused(() => sign(both, requested), 'asked-unknown', both.payer);
    }
  });

  it('whose home was restored has asked nothing: asked-unknown', async () => {
    const both = await parties();
    const id = await opened(both);
    const requested = await request(both, await ask(both, id, 2_100n));
    const backup = backUp(both.payer);
    await restore(both.payer, backup);
    await both.payer.home.acceptRestore();
    await refused(() => sign(both, requested), 'asked-unknown', both.payer);
  });

  it('and asks twice for one sum has it paid once', async () => {
    const both = await parties();
    const id = await opened(both);
    const [one, two] = [await ask(both, id, 2_100n), await ask(both, id, 2_100n)];
    const first = await request(both, one);
    const second = await request(both, two);
    const signed = await sign(both, second);
    await accept(both, signed);
    expect((await payeeOf(both, id)).paidSat).toBe(2_100n);
    // Signed for the first wish too, it is the same update: it costs nothing, and pays nothing.
    await sign(both, first);
    expect((await payerOf(both, id)).signedMaxSat).toBe(2_100n);
    const third = await request(both, await ask(both, id, 2_100n));
    await accept(both, await sign(both, third));
    expect((await payeeOf(both, id)).paidSat).toBe(4_200n);
  });

  it('cannot fill the payee’s store with wishes', async () => {
    const both = await parties();
    const id = await opened(both);
    for (let i = 0n; i < 24n; i++) await request(both, await ask(both, id, 1_000n + i));
    const { live } = await payeeOf(both, id);
    // The newest, and so many before it.
    expect(live.map((l) => l.paidSat)).toEqual(
      Array.from({ length: ASKED_LIMITS.waiting.most + 1 }, (_, i) => 1_007n + BigInt(i)),
    );
    const { nonces } = await both.payee.home.store.load([`id:${id}`]);
    expect(nonces.length).toBe(live.length);
  });

  it('a request of the payee for that sum is another one: same-transaction', async () => {
    const both = await parties();
    const id = await opened(both);
    await payMessages(both, id, 1_000n);
    await request(both, await ask(both, id, 2_100n));
    await refused(
      () => both.payee.run(signUpdate, { input: { contract: id, amount: 2_100n } }),
      'same-transaction',
      both.payee,
    );
  });
});
