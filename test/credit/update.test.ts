/** sign-update: what a payer signs, what a payee accepts, and in which order. Altered messages: `attacks.test.ts`. */
import { describe, expect, it } from 'vitest';
import { promptFrom } from '../../src/lib/cli/prompt.ts';
import { play } from '../../src/lib/engine/play.ts';
import { signUpdate } from '../../src/lib/ecash/credit.ts';
import { maxPaid } from '../../src/lib/credit/transactions.ts';
import { Transaction } from '@scure/btc-signer/transaction.js';
import { schnorr } from '@noble/curves/secp256k1.js';
import { hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { keysOf } from '../../src/lib/credit/terms.ts';
import type { Pair } from '../support/credit.ts';
import { opened, payMessages } from '../support/credit.ts';
import type { Message } from '../support/party.ts';
import { FIELDS, rewrite } from './alter.ts';
import { parties, payeeOf, payerOf, refused, sealedAs, tip } from './helpers.ts';

const ask = async (both: Pair, contract: string, amount: bigint): Promise<Message> =>
  (await both.payee.run(signUpdate, { input: { contract, amount } })).message;
const sign = async (both: Pair, on: Message, amount?: bigint): Promise<Message> =>
  (await both.payer.run(signUpdate, { on, ...(amount === undefined ? { max: 2_000_000n } : { amount }) })).message;
const accept = async (both: Pair, on: Message): Promise<Message> => (await both.payee.run(signUpdate, { on })).message;

describe('a payment', () => {
  it('leaves the payee with an exit that the chain would take, and the payer with a count', async () => {
    const both = await parties();
    const id = await opened(both);
    await payMessages(both, id, 2_100n);
    const c = await payeeOf(both, id);
    expect(c).toMatchObject({ state: 'open', paidSat: 2_100n, live: [] });
    expect((await payerOf(both, id)).signedMaxSat).toBe(2_100n);
    const tx = Transaction.fromRaw(hexToBytes(c.exit!), { allowUnknownVersion: true });
    const [signature] = tx.getInput(0).finalScriptWitness!;
    const script = hexToBytes(keysOf(c.terms).script);
    const hash = tx.preimageWitnessV1(0, [script], 0, [c.terms.capacity_sat]);
    expect(signature!.length).toBe(64);
    expect(schnorr.verify(signature!, hash, script.subarray(2))).toBe(true);
    expect(tx.getOutput(0).amount).toBe(2_100n);
  });

  it.each<[string, bigint, string]>([
    ['nothing', 0n, 'amount-not-growing'],
    ['less than nothing', -5n, 'amount-not-growing'],
    ['below the dust limit', 329n, 'below-dust'],
    ['more than there is', 1_199_693n, 'over-capacity'],
    ['all money', 2_100_000_000_000_000n, 'over-capacity'],
  ])('of %s is not asked for', async (_, amount, code) => {
    const both = await parties();
    const id = await opened(both);
    expect(maxPaid((await payeeOf(both, id)).terms)).toBe(1_199_692n);
    await refused(() => ask(both, id, amount), code as never, both.payee);
  });

  it.each<[string, object, string]>([
    ['below the dust limit', { amount_sat: 100, paid_sat: 100 }, 'below-dust'],
    ['over the capacity', { amount_sat: 1_199_693, paid_sat: 1_199_693 }, 'over-capacity'],
    ['of nothing', { amount_sat: 0, paid_sat: 0 }, 'amount-not-growing'],
    ['with another sum', { amount_sat: 2_100, paid_sat: 2_101 }, 'amount-not-growing'],
    ['for more than its PSBT', { amount_sat: 5_000, paid_sat: 5_000 }, 'transaction-differs'],
    ['for less than its PSBT', { amount_sat: 500, paid_sat: 500 }, 'transaction-differs'],
  ])('%s that a payee asks for all the same is not signed', async (_, change, code) => {
    const both = await parties();
    const id = await opened(both);
    const asked = await sealedAs(both.payee, await ask(both, id, 2_100n), change);
    await refused(() => sign(both, asked), code as never, both.payer);
  });

  it('small ones follow once the first reached the dust limit; all of it can be paid', async () => {
    const both = await parties();
    const id = await opened(both);
    for (const amount of [330n, 1n, 1_199_361n]) await payMessages(both, id, amount);
    expect((await payeeOf(both, id)).paidSat).toBe(1_199_692n);
    await refused(() => ask(both, id, 1n), 'over-capacity', both.payee);
  });
});

describe('consent', () => {
  it('is --amount for this one, --max for the run, or nothing at all where nobody can be asked', async () => {
    const both = await parties();
    const { payer } = both;
    const on = await ask(both, await opened(both), 2_100n);
    await refused(() => payer.run(signUpdate, { on }), 'not-agreed', payer);
    await refused(() => payer.run(signUpdate, { on, amount: 2_099n }), 'amount-differs', payer);
    await refused(() => payer.run(signUpdate, { on, max: 2_099n }), 'over-max', payer);
    await refused(() => payer.run(signUpdate, { on, amount: 2_100n, max: 2_099n }), 'over-max', payer);
    await payer.run(signUpdate, { on, amount: 2_100n, max: 2_100n });
  });

  it('--max bounds the sum of a batch, and a retry in it counts for nothing', async () => {
    const both = await parties();
    const { payer, payee } = both;
    const ids = [await opened(both), await opened(both), await opened(both)];
    const [a, b, c] = await Promise.all(ids.map((id) => ask(both, id, 2_000n)));
    const ports = payer.ports();
    const prompt = promptFrom({ max: 4_500n });
    const run = (json: unknown) => play(signUpdate, { json, input: {}, merged: [] }, { ...ports, prompt });
    await run(a);
    await payee.run(signUpdate, { input: { contract: ids[0]! }, cancel: true });
    await run(await ask(both, ids[0]!, 2_000n)); // again, with a new nonce
    await run(b);
    await refused(() => run(c), 'over-max', payer);
  });
});

describe('order', () => {
  it('accepting one of several requests voids the rest (75 state-moved-on)', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const id = await opened(both);
    const [low, high] = [await ask(both, id, 1_000n), await ask(both, id, 2_100n)];
    const signedLow = await sign(both, low);
    // The payer agrees to the higher one as well, from the same start: it counts the difference.
    await sign(both, high);
    expect((await payerOf(both, id)).signedMaxSat).toBe(2_100n);
    expect((await payeeOf(both, id)).live.length).toBe(2);
    await accept(both, signedLow);
    expect((await payeeOf(both, id)).live).toEqual([]);
    const { nonces } = await payee.home.store.load([`id:${id}`]);
    expect(nonces).toEqual([]);
    const late = await sealedAs(payer, signedLow, { receipt: '00'.repeat(64) });
    await refused(() => accept(both, late), 'state-moved-on', payee);
  });

  it('two signed for different amounts: one is accepted, the other moved on', async () => {
    const both = await parties();
    const id = await opened(both);
    const high = await ask(both, id, 2_100n);
    const low = await ask(both, id, 1_000n);
    const first = await sign(both, high);
    const second = await sign(both, low); // below what is counted: growth 0
    await accept(both, second);
    await refused(() => accept(both, first), 'state-moved-on', both.payee);
    expect((await payeeOf(both, id)).paidSat).toBe(1_000n);
    // The payer counts 2100, the payee 1000: the same amount can be asked for again, no more than it was.
    const again = await ask(both, id, 1_100n);
    await accept(both, await sign(both, again, 1_100n));
    expect((await payerOf(both, id)).signedMaxSat).toBe(2_100n);
  });

  it('an answer that begins lower, so that it pays more in one, is for no request', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const id = await opened(both);
    await payMessages(both, id, 2_100n);
    const signed = await sign(both, await ask(both, id, 500n));
    const lie = await sealedAs(payer, signed, { previous_paid_sat: 0, amount_sat: 2_600 });
    await refused(() => accept(both, lie), 'state-moved-on', payee);
    await accept(both, signed);
    expect((await payeeOf(both, id)).paidSat).toBe(2_600n);
  });

  it('an older signed update, given again after newer ones, changes nothing', async () => {
    const both = await parties();
    const id = await opened(both);
    const [, old, oldAnswer] = await payMessages(both, id, 2_100n);
    await payMessages(both, id, 900n);
    const before = await both.payee.state();
    expect(JSON.stringify(await accept(both, old!))).toBe(JSON.stringify(oldAnswer));
    expect(await both.payee.state()).toEqual(before);
  });

  it('a message of another contract of the same parties is not taken for this one', async () => {
    const both = await parties();
    const [one, two] = [await opened(both), await opened(both)];
    const asked = await ask(both, one, 2_100n);
    const other = await ask(both, two, 2_100n);
    const mixed = await sealedAs(both.payee, other, { psbt: asked['psbt'] });
    await refused(() => sign(both, mixed), 'transaction-differs', both.payer);
    const contract = await sealedAs(both.payee, asked, { contract: other['contract'] });
    await refused(() => sign(both, contract), 'bad-seal', both.payer);
  });
});

describe('the signing law', () => {
  it('a wrong answer leaves the nonce untouched; the first valid one consumes it; any other later is refused', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const id = await opened(both);
    const asked = await ask(both, id, 2_100n);
    const signed = await sign(both, asked);
    const alter = async (fields: (f: Record<string, any>) => Record<string, any>) =>
      sealedAs(payer, signed, { psbt: { update: rewrite(signed['psbt'].update, { fields }) } });
    await refused(async () => accept(both, await alter(FIELDS['partial flipped']!)), 'peer-partial-invalid', payee);
    await refused(async () => accept(both, await alter(FIELDS['nonce another']!)), 'state-moved-on', payee);
    await accept(both, signed);
    // Another nonce of the peer for the same request, validly signed: no second signature.
    await refused(async () => accept(both, await alter(FIELDS['nonce another']!)), 'state-moved-on', payee);
    await refused(async () => accept(both, await alter(FIELDS['partial flipped']!)), 'state-moved-on', payee);
  });

  it('what was signed is signed again from where it began, for another nonce', async () => {
    const both = await parties();
    const id = await opened(both);
    await payMessages(both, id, 2_100n);
    const ask = async () => (await both.payee.run(signUpdate, { input: { contract: id, amount: 900n } })).message;
    await both.payer.run(signUpdate, { on: await ask(), amount: 900n });
    // The answer was lost: the payee asks for the same anew, from what it knows to be paid.
    await both.payee.run(signUpdate, { input: { contract: id }, cancel: true });
    const signed = await both.payer.run(signUpdate, { on: await ask(), amount: 900n });
    expect(signed.message).toMatchObject({ step: 'signed', previous_paid_sat: 2_100, paid_sat: 3_000 });
    expect((await payerOf(both, id)).signedMaxSat).toBe(3_000n);
  });

  it('a payee that changes its nonce gets another partial under another nonce, for the same amount', async () => {
    const both = await parties();
    const { payee } = both;
    const id = await opened(both);
    const asked = await ask(both, id, 2_100n);
    const psbt = { update: rewrite(asked['psbt'].update, { fields: FIELDS['nonce another']! }) };
    const [one, two] = [await sign(both, asked), await sign(both, await sealedAs(payee, asked, { psbt }))];
    const { keysOf: keys } = await import('../../src/lib/credit/terms.ts');
    const { readPsbt, shareOf } = await import('../../src/lib/bitcoin/psbt.ts');
    const c = await payeeOf(both, id);
    const share = (m: Message) => shareOf(readPsbt(m['psbt'].update), 0, keys(c.terms), c.terms.payer_pubkey);
    expect(share(one).pubnonce).not.toBe(share(two).pubnonce);
    expect(share(one).partial).not.toBe(share(two).partial);
    expect((await payerOf(both, id)).signedMaxSat).toBe(2_100n);
    // Nothing of it depends on the home: the same question is the same answer, also in a restored one.
    expect(share(await sign(both, asked))).toEqual(share(one));
  });

  it('after --cancel the answer to a request is refused, and it can be asked for again', async () => {
    const both = await parties();
    const { payee } = both;
    const id = await opened(both);
    const signed = await sign(both, await ask(both, id, 2_100n));
    await payee.run(signUpdate, { on: signed, cancel: true });
    await refused(() => accept(both, signed), 'state-moved-on', payee);
    await refused(() => payee.run(signUpdate, { input: { contract: id }, cancel: true }), 'too-late-to-cancel', payee);
    await accept(both, await sign(both, await ask(both, id, 2_100n)));
    await refused(() => payee.run(signUpdate, { on: signed, cancel: true }), 'too-late-to-cancel', payee);
    await refused(
      () => both.payer.run(signUpdate, { input: { contract: id }, cancel: true }),
      'not-your-turn',
      both.payer,
    );
  });

  it('a nonce that is gone from the store is nonce-consumed', async () => {
    const both = await parties();
    const { payee } = both;
    const id = await opened(both);
    const signed = await sign(both, await ask(both, id, 2_100n));
    const { DatabaseSync } = await import('node:sqlite');
    const db = new DatabaseSync(`${payee.dir}/store.db`);
    db.exec('DELETE FROM nonce');
    db.close();
    await refused(() => accept(both, signed), 'nonce-consumed', payee);
  });
});

describe('two requests for the same amount', () => {
  // `known` in `requested` gives the older request's nonce and bytes to the newer one.
  it('are refused under another --request-id: one signature would pay both', async () => {
    const both = await parties();
    const { payee } = both;
    const id = await opened(both);
    const input = { contract: id, amount: 2_100n };
    const first = await payee.run(signUpdate, { input, requestId: 'order-1' });
    await refused(() => payee.run(signUpdate, { input, requestId: 'order-2' }), 'same-transaction', payee);
    await refused(() => payee.run(signUpdate, { input }), 'same-transaction', payee);
    expect((await payee.run(signUpdate, { input, requestId: 'order-1' })).text).toBe(first.text);
    await accept(both, await sign(both, first.message, 2_100n));
    expect((await payee.run(signUpdate, { input, requestId: 'order-2' })).message).toMatchObject({ paid_sat: 4_200 });
  });

  it('cancelled, are asked anew and not printed again', async () => {
    const both = await parties();
    const { payee } = both;
    const input = { contract: await opened(both), amount: 2_100n };
    const first = await payee.run(signUpdate, { input, requestId: 'order-1' });
    await payee.run(signUpdate, { input: { contract: input.contract }, cancel: true });
    expect((await payee.run(signUpdate, { input, requestId: 'order-1' })).text).not.toBe(first.text);
  });

  it('a request can be cancelled by the message that it printed', async () => {
    const both = await parties();
    const on = await ask(both, await opened(both), 2_100n);
    await both.payee.run(signUpdate, { on, cancel: true });
  });
});

describe('whose turn', () => {
  it('the payer does not answer what it asked itself', async () => {
    const both = await parties();
    const asked = await both.payer.run(signUpdate, { input: { contract: await opened(both), amount: 5_000n } });
    const error = await refused(() => both.payer.run(signUpdate, { on: asked.message }), 'not-your-turn', both.payer);
    expect(error.message).toContain('waits for the payee');
  });
  it('nothing follows ‘accepted’ where nothing became ecash', async () => {
    const both = await parties();
    const [, , accepted] = await payMessages(both, await opened(both), 2_100n);
    await refused(() => both.payer.run(signUpdate, { on: accepted! }), 'not-now', both.payer);
    await expect(both.payer.run(signUpdate, { on: accepted! })).rejects.toThrow(
      "sign-update at 'accepted': nothing follows but payer: received (of a payment that became ecash)",
    );
  });
  it('a late signature is refused at the freeze by the payer alone, at the deadline by the payee', async () => {
    const both = await parties();
    const signed = await sign(both, await ask(both, await opened(both), 2_100n));
    tip(both, 5_100); // between freeze and deadline
    await accept(both, signed);
  });
});
