/** close-credit: whoever opens will broadcast. Altered messages: `attacks.test.ts`; its rules: `rules.test.ts`. */
import { describe, expect, it } from 'vitest';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { readPsbt, templateOf } from '../../src/lib/bitcoin/psbt.ts';
import { closeCredit, exitCredit, signUpdate } from '../../src/lib/ecash/credit.ts';
import { closeJob } from '../../src/lib/credit/jobs.ts';
import { psbtOf } from '../../src/lib/signing/exchange.ts';
import { nonceGen } from '../../src/lib/signing/musig2.ts';
import { opened, payMessages, type Pair } from '../support/credit.ts';
import { FIELDS, rewrite } from './alter.ts';
import { parties, payeeOf, payerOf, refused, restore, sealedAs, backUp } from './helpers.ts';
import { secret } from './things.ts';

type Who = 'payer' | 'payee';
const other = (who: Who): Who => (who === 'payer' ? 'payee' : 'payer');
const paidContract = async (both: Pair, paid = 50_000n): Promise<string> => {
  const id = await opened(both);
  await payMessages(both, id, paid);
  return id;
};

describe.each<Who>(['payer', 'payee'])('a close that the %s opens', (who) => {
  it('pays what was paid, and ends in a transaction that only the opener holds', async () => {
    const both = await parties();
    const contract = await paidContract(both);
    const proposed = await both[who].run(closeCredit, { input: { contract } });
    const signed = await both[other(who)].run(closeCredit, { on: proposed.message });
    const complete = await both[who].run(closeCredit, { on: signed.message });
    const template = templateOf(readPsbt(proposed.message['psbt'].close));
    expect(template.outputs.map((o) => o.sat)).toContain(50_000n);
    expect(complete.message).toMatchObject({ step: 'complete', paid_sat: 50_000, opener: who });
    expect((await both[who].record(contract)).state).toBe('closed');
    expect((await both[other(who)].record(contract)).state).toBe('closing');
  });

  it('stops updates from the proposal on, and again after cancelling lets them on', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const contract = await paidContract(both);
    const requested = await payee.run(signUpdate, { input: { contract, amount: 900n } });
    await both[who].run(closeCredit, { input: { contract } });
    if (who === 'payer')
      await refused(() => payer.run(signUpdate, { on: requested.message, amount: 900n }), 'wrong-state', payer);
    else await refused(() => payee.run(signUpdate, { input: { contract, amount: 50n } }), 'wrong-state', payee);
    await both[who].run(closeCredit, { input: { contract }, cancel: true });
    const signed = await payer.run(signUpdate, { on: requested.message, amount: 900n });
    await payee.run(signUpdate, { on: signed.message });
    expect((await payeeOf(both, contract)).paidSat).toBe(50_900n);
  });

  it('a wrong partial leaves the nonce, the right one consumes it, a changed nonce is refused', async () => {
    const both = await parties();
    const contract = await paidContract(both);
    const opener = both[who];
    const proposed = await opener.run(closeCredit, { input: { contract } });
    const signed = await both[other(who)].run(closeCredit, { on: proposed.message });
    const put = async (name: string) =>
      sealedAs(both[other(who)], signed.message, {
        psbt: { close: rewrite(signed.message['psbt'].close, { fields: FIELDS[name]! }) },
      });
    const flipped = await put('partial flipped');
    await refused(() => opener.run(closeCredit, { on: flipped }), 'peer-partial-invalid', opener);
    await opener.run(closeCredit, { on: signed.message });
    const changed = await put('nonce another');
    await refused(() => opener.run(closeCredit, { on: changed }), 'wrong-state', opener);
  });

  it('a newer proposal voids the older', async () => {
    const both = await parties();
    const contract = await paidContract(both);
    const opener = both[who];
    const first = await opener.run(closeCredit, { input: { contract } });
    const stale = await both[other(who)].run(closeCredit, { on: first.message });
    opener.chain.feerate = 5_000;
    const second = await opener.run(closeCredit, { input: { contract } });
    await refused(() => opener.run(closeCredit, { on: stale.message }), 'state-moved-on', opener);
    const signed = await both[other(who)].run(closeCredit, { on: second.message });
    await opener.run(closeCredit, { on: signed.message });
  });
});

describe('what the other signs', () => {
  it('the payee: nothing below what it was paid', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const contract = await opened(both);
    const backup = backUp(payer);
    await payMessages(both, contract, 50_000n);
    await restore(payer, backup); // honest, and knows nothing of the payment
    const proposed = await payer.run(closeCredit, { input: { contract } });
    expect(proposed.message['paid_sat']).toBe(0);
    const error = await refused(() => payee.run(closeCredit, { on: proposed.message }), 'paid-moved', payee);
    expect(error.hint).toContain('receipt');
  });

  it('the payee: more than it was paid, where the payer has signed for it', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const contract = await paidContract(both);
    const requested = await payee.run(signUpdate, { input: { contract, amount: 900n } });
    const late = await payer.run(signUpdate, { on: requested.message, amount: 900n });
    const proposed = await payer.run(closeCredit, { input: { contract } });
    expect(proposed.message['paid_sat']).toBe(50_900);
    await payee.run(closeCredit, { on: proposed.message });
    // The nonce of that request went with it.
    await refused(() => payee.run(signUpdate, { on: late.message }), 'wrong-state', payee);
    const { nonces } = await payee.home.store.load([`id:${contract}`]);
    expect(nonces).toEqual([]);
  });

  it('the payer: nothing above what it has signed, unless its own receipt says so', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const contract = await paidContract(both);
    const proposed = await payee.run(closeCredit, { input: { contract } });
    for (const receipt of [null, '00'.repeat(64), proposed.message['receipt'] as string]) {
      const more = await sealedAs(payee, proposed.message, { paid_sat: 60_000, receipt });
      await refused(() => payer.run(closeCredit, { on: more }), 'bad-receipt', payer);
    }
    const dust = await sealedAs(payee, proposed.message, { paid_sat: 100 });
    await refused(() => payer.run(closeCredit, { on: dust }), 'below-dust', payer);
  });

  it.each([
    [329n, 'below-dust'],
    [330n, undefined],
  ] as const)('the payee: one of the payer’s that pays %i sat: %s', async (paidSat, code) => {
    const both = await parties();
    const { payee, payer } = both;
    const contract = await opened(both);
    const proposed = await payer.run(closeCredit, { input: { contract } });
    const job = closeJob(await payerOf(both, contract), paidSat, BigInt(proposed.message['fee_sat']));
    const { pubnonce } = nonceGen({ random: secret(3), pubkey: new Uint8Array(33).fill(2) });
    const psbt = { close: psbtOf(job, { own: { pubnonce: bytesToHex(pubnonce) } }) };
    const on = await sealedAs(payer, proposed.message, { paid_sat: Number(paidSat), psbt });
    const sign = () => payee.run(closeCredit, { on });
    if (code) await refused(sign, code, payee);
    else expect((await sign()).message['step']).toBe('signed');
  });

  it('a fee below the relay minimum, or above what the other allows, is refused', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const contract = await paidContract(both);
    const proposed = await payee.run(closeCredit, { input: { contract } });
    const cheap = await sealedAs(payee, proposed.message, { fee_sat: 100 });
    await refused(() => payer.run(closeCredit, { on: cheap }), 'fee-too-low', payer);
    const dear = await sealedAs(payee, proposed.message, { fee_sat: 20_000 });
    await refused(() => payer.run(closeCredit, { on: dear }), 'fee-too-high', payer);
    await refused(
      () => payer.run(closeCredit, { on: proposed.message, input: { maxFeerate: 1_999 } }),
      'fee-too-high',
      payer,
    );
    await payer.run(closeCredit, { on: proposed.message, input: { maxFeerate: 2_000 } });
  });

  it('once signed it is bound: no rollover, no update, no cancel; the payee can still exit, the payer close again', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const contract = await paidContract(both);
    const proposed = await payee.run(closeCredit, { input: { contract } });
    await payer.run(closeCredit, { on: proposed.message });
    await payee.run(closeCredit, { input: { contract }, cancel: true });
    const requested = await payee.run(signUpdate, { input: { contract, amount: 900n } });
    await refused(() => payer.run(signUpdate, { on: requested.message, amount: 900n }), 'wrong-state', payer);
    await refused(() => payer.run(closeCredit, { input: { contract }, cancel: true }), 'too-late-to-cancel', payer);
    const again = await payee.run(closeCredit, { input: { contract } });
    const signed = await payer.run(closeCredit, { on: again.message });
    await payee.run(closeCredit, { on: signed.message });
    expect((await payerOf(both, contract)).state).toBe('closing');
    expect((await payee.run(exitCredit, { input: { contract } })).message['amount_sat']).toBe(50_000);
  });
});

describe('two closes that cross', () => {
  it('one side may take the other’s and drop its own', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const contract = await paidContract(both);
    const mine = await payer.run(closeCredit, { input: { contract } });
    await payee.run(closeCredit, { input: { contract } });
    const signed = await payee.run(closeCredit, { on: mine.message });
    await payer.run(closeCredit, { on: signed.message });
    expect((await payerOf(both, contract)).state).toBe('closed');
  });

  it('and where both do, a close can still be made before the expiry', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const contract = await opened(both); // nothing paid: not even an exit
    const mine = await payer.run(closeCredit, { input: { contract } });
    const theirs = await payee.run(closeCredit, { input: { contract } });
    await payee.run(closeCredit, { on: mine.message });
    await payer.run(closeCredit, { on: theirs.message });
    // Both nonces are voided, both homes closing: neither may complete, cancel or propose.
    await payer.run(closeCredit, { input: { contract } });
  });
});
