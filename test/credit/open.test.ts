/** open-credit: keys, bounds and outpoints that a counterparty makes up. Altered messages: `attacks.test.ts`. */
import { describe, expect, it } from 'vitest';
import { taprootSighash } from '../../src/lib/bitcoin/sighash.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import type { Contract, Terms } from '../../src/lib/credit/terms.ts';
import { PAID_LIMITS, refund } from '../../src/lib/credit/transactions.ts';
import { seal } from '../../src/lib/signing/seal.ts';
import { xOnlyKey } from '../../src/lib/signing/bip340.ts';
import { opened, openMessages, ownCoin, type Pair } from '../support/credit.ts';
import type { Message } from '../support/party.ts';
import { FIELDS, rewrite } from './alter.ts';
import { parties, payeeOf, payerOf, policy, refused, sealedAs, tip } from './helpers.ts';
import { proposal } from './proposal.ts';
import { secret, termsWith } from './things.ts';

const start = { input: { as: 'payee', policy } };

const offer = async ({ payee }: Pair): Promise<Message> => (await payee.run(openCredit, start)).message;

describe('what a payee offers', () => {
  it.each<[string, object]>([
    ['a running mint without its URL', { ecash: 'cdk' }],
    ['a mint whose URL ends in a slash', { ecash: 'cdk', mint: 'https://mint.example/' }],
    ['a mint whose URL is of no web', { mint: 'ftp://mint.example' }],
    ['a mint whose URL is 201 characters long', { mint: `https://mint.example/${'a'.repeat(180)}` }],
  ])('is not %s: usage', async (_, more) => {
    const { payee } = await parties();
    await refused(() => payee.run(openCredit, { input: { as: 'payee', policy, ...more } }), 'usage', payee);
  });
});

describe('what a payee signs', () => {
  it('a proposal in order', async () => {
    const both = await parties();
    const on = proposal(await offer(both));
    expect((await both.payee.run(openCredit, { on })).message['step']).toBe('accepted');
  });

  it.each<[string, Partial<Terms>, string]>([
    ['a shorter freeze', { freeze_blocks: 1 }, 'out-of-policy'],
    ['no margin to speak of', { margin_blocks: 1 }, 'out-of-policy'],
    ['a cheaper exit', { exit_feerate: 1 }, 'out-of-policy'],
    ['more confirmations', { min_conf: 2 }, 'out-of-policy'],
    ['an expiry that is past', { expiry: 900 }, 'out-of-policy'],
    ['an expiry too near', { expiry: 2_007 }, 'out-of-policy'],
    ['too little', { capacity_sat: 9_999n }, 'out-of-policy'],
    ['another payout of the payee', { payee_address: 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080' }, 'terms-differ'],
    ['another authentication key of the payee', { payee_auth: xOnlyKey(secret(7)) }, 'terms-differ'],
    [
      'a payer address of another network',
      { payer_address: 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4' },
      'wrong-network',
    ],
  ])('not %s', async (_, change, code) => {
    const both = await parties();
    const offered = await offer(both);
    const build = () => proposal(offered, change);
    if (code === 'wrong-network') expect(build).toThrow(expect.objectContaining({ code }));
    else await refused(() => both.payee.run(openCredit, { on: build() }), code as never, both.payee);
  });

  it('not a capacity that carries no payment, however little its policy takes', async () => {
    const { payee } = await parties();
    const input = { as: 'payee', policy: { ...policy, min_amount_sat: 1n } };
    const offered = (await payee.run(openCredit, { input })).message;
    const least = PAID_LIMITS.capacity.least(termsWith({ payee_address: offered['offer'].address }));
    const on = proposal(offered, { capacity_sat: least - 1n });
    await refused(() => payee.run(openCredit, { on }), 'below-dust', payee);
    const enough = await payee.run(openCredit, { on: proposal(offered, { capacity_sat: least }) });
    expect(enough.message['step']).toBe('accepted');
  });

  it('not with the payee’s own key as the payer’s, nor its negation', async () => {
    const both = await parties();
    const offered = await offer(both);
    const own = offered['offer'].pubkey as string;
    for (const payer_pubkey of [own, (own.startsWith('02') ? '03' : '02') + own.slice(2)])
      await refused(
        () => both.payee.run(openCredit, { on: proposal(offered, { payer_pubkey }) }),
        'key-rejected',
        both.payee,
      );
  });

  it('not with another key of the payee’s home, or a payer key that was seen before', async () => {
    const both = await parties();
    const c = await payeeOf(both, await opened(both));
    for (const payer_pubkey of [c.terms.payee_pubkey, c.terms.payer_pubkey]) {
      const offered = await offer(both);
      await refused(
        () => both.payee.run(openCredit, { on: proposal(offered, { payer_pubkey }) }),
        'already-known',
        both.payee,
      );
    }
  });

  it('not on the coin of another contract (a second, earlier refund of it)', async () => {
    const both = await parties();
    const c = await payeeOf(both, await opened(both));
    const offered = await offer(both);
    await refused(
      () => both.payee.run(openCredit, { on: proposal(offered, { expiry: 2_100 }, c.outpoint) }),
      'already-known',
      both.payee,
    );
  });

  it('a key is bound to the first payer, outpoint and refund: any other is key-bound, the same is signed again', async () => {
    const both = await parties();
    const offered = await offer(both);
    const first = proposal(offered);
    const { message } = await both.payee.run(openCredit, { on: first });
    for (const other of [
      proposal(offered, { expiry: 2_100 }),
      proposal(offered, {}, { txid: 'ab'.repeat(32), vout: 1 }),
      proposal(offered, {}, { txid: 'cd'.repeat(32), vout: 0 }),
      proposal(offered, {}, undefined, 41),
      // The same refund, of other terms.
      proposal(offered, { freeze_blocks: 300 }),
    ])
      await refused(() => both.payee.run(openCredit, { on: other }), 'key-bound', both.payee);
    // Another nonce for the same refund: the last signer stores none, and may repeat.
    const psbt = { refund: rewrite(first['psbt'].refund, { fields: FIELDS['nonce another']! }) };
    const { auth: _, ...rest } = first;
    const again = await both.payee.run(openCredit, { on: seal({ ...rest, psbt }, secret(140)) });
    expect(again.message['psbt'].refund).not.toBe(message['psbt'].refund);
    expect((await both.payee.home.store.list()).length).toBe(1);
  });

  it('two proposals at once for one offer: one is accepted, the other key-bound', async () => {
    const both = await parties();
    const offered = await offer(both);
    const ends = await Promise.allSettled(
      [proposal(offered), proposal(offered, {}, undefined, 41)].map((on) => both.payee.run(openCredit, { on })),
    );
    expect(ends.filter((e) => e.status === 'fulfilled').length).toBe(1);
    expect(ends.find((e) => e.status === 'rejected')).toMatchObject({ reason: { code: 'key-bound' } });
  });

  it('nothing too late: the height is read when the proposal comes', async () => {
    const both = await parties();
    const on = proposal(await offer(both), { expiry: 2_100 });
    tip(both, 1_100);
    await refused(() => both.payee.run(openCredit, { on }), 'out-of-policy', both.payee);
  });
});

describe('what a payer believes', () => {
  it('no policy that contradicts itself, though every term follows from it', async () => {
    const both = await parties();
    const offered = await offer(both);
    const { offer: said } = offered;
    const input = { utxo: [await ownCoin(both.payer, 1_300_000n)], amount: 1_200_000n, expires: { blocks: 4_320 } };
    const on = (margin_blocks: number) =>
      sealedAs(both.payee, offered, { offer: { ...said, policy: { ...said.policy, margin_blocks } } });
    const late = await on(said.policy.freeze_blocks);
    const { blame } = await refused(
      () => both.payer.run(openCredit, { on: late, input }),
      'malformed-message',
      both.payer,
    );
    expect(blame).toBe('payee');
    const { message } = await both.payer.run(openCredit, { on: await on(said.policy.freeze_blocks - 1), input });
    expect(message['step']).toBe('proposed');
  });

  it('the funding is not shown before the refund is finished and stored', async () => {
    const both = await parties();
    const [, proposed, accepted, ready] = await openMessages(both);
    for (const m of [proposed!, accepted!]) expect(Object.keys(m['psbt'])).toEqual(['refund']);
    expect(Object.keys(ready!['psbt'])).toEqual(['funding']);
    const c = await payerOf(both, ready!['contract'].id);
    expect(c.refund).toMatch(/^03000000/);
  });

  it('the wrong partial signature of the payee: nothing is shown, and the true one still works', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const offered = await payee.run(openCredit, start);
    const input = { utxo: [await ownCoin(payer, 1_300_000n)], amount: 1_200_000n, expires: { blocks: 4_320 } };
    const proposed = await payer.run(openCredit, { on: offered.message, input });
    const accepted = await payee.run(openCredit, { on: proposed.message });
    const psbt = { refund: rewrite(accepted.message['psbt'].refund, { fields: FIELDS['partial flipped']! }) };
    const wrong = await sealedAs(payee, accepted.message, { psbt });
    await refused(() => payer.run(openCredit, { on: wrong }), 'peer-partial-invalid', payer);
    const ready = await payer.run(openCredit, { on: accepted.message });
    expect(ready.message['step']).toBe('ready');
    // Signing law: later the same answer gets the stored result, any other is refused.
    expect((await payer.run(openCredit, { on: accepted.message })).text).toBe(ready.text);
  });

  it('another answer after the first valid one is refused, whatever it holds', async () => {
    const both = await parties();
    const [, , accepted] = await openMessages(both);
    const psbt = { refund: rewrite(accepted!['psbt'].refund, { fields: FIELDS['partial flipped']! }) };
    const other = await sealedAs(both.payee, accepted!, { psbt });
    await refused(() => both.payer.run(openCredit, { on: other }), 'nonce-consumed', both.payer);
  });

  it('a payer answers an offer once', async () => {
    const both = await parties();
    const { payer } = both;
    const on = await offer(both);
    const input = async () => ({
      utxo: [await ownCoin(payer, 1_300_000n)],
      amount: 1_200_000n,
      expires: { blocks: 4_320 },
    });
    const first = await input();
    await payer.run(openCredit, { on, input: first });
    const other = await input();
    await refused(() => payer.run(openCredit, { on, input: other }), 'answered-otherwise', payer);
    const { auth: _, ...rest } = on;
    const resealed = await sealedAs(
      both.payee,
      { ...rest, auth: on['auth'] },
      { offer: { ...on['offer'], policy: { ...on['offer'].policy, min_amount_sat: 1 } } },
    );
    await refused(() => payer.run(openCredit, { on: resealed, input: other }), 'already-known', payer);
  });

  it('the refund is bound to the outpoint: another one is another sighash', () => {
    const contract: Contract = { id: '', terms: termsWith(), outpoint: { txid: 'aa'.repeat(32), vout: 0 } };
    const moved = { ...contract, outpoint: { ...contract.outpoint, vout: 1 } };
    expect(taprootSighash(refund(contract), 0)).not.toEqual(taprootSighash(refund(moved), 0));
  });
});
