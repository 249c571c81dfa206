/** A request: one nonce, one signature, one payment; what is left of it when its nonce is gone, and of two that are alike. */
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { keysOf } from '../../src/lib/credit/terms.ts';
import { maxPaid } from '../../src/lib/credit/transactions.ts';
import { signUpdate } from '../../src/lib/ecash/credit.ts';
import { promptFrom } from '../../src/lib/cli/prompt.ts';
import { readPsbt, shareOf } from '../../src/lib/bitcoin/psbt.ts';
import { opened, payMessages, type Pair } from '../support/credit.ts';
import type { Message, TestParty } from '../support/party.ts';
import { parties, payeeOf, payerOf, refused } from './helpers.ts';

/** What a crash of the database server leaves: the table of nonces is empty. */
function loseNonces(party: TestParty): void {
  const db = new DatabaseSync(join(party.dir, 'store.db'));
  db.exec('DELETE FROM nonce');
  db.close();
}
const nonceIn = async (both: Pair, id: string, m: Message): Promise<string | undefined> => {
  const { terms } = await payeeOf(both, id);
  return shareOf(readPsbt(m['psbt'].update), 0, keysOf(terms), terms.payee_pubkey).pubnonce;
};

describe('a nonce is printed only while it lies in the store', () => {
  it.each([undefined, 'order-17'])(
    'a request whose nonce is gone is asked anew (--request-id %s), and paid once',
    async (requestId) => {
      const both = await parties();
      const { payee, payer } = both;
      const contract = await opened(both);
      const ask = { input: { contract, amount: 2_100n }, ...(requestId && { requestId }) };
      const one = await payee.run(signUpdate, ask);
      const stale = await payer.run(signUpdate, { on: one.message, amount: 2_100n });
      loseNonces(payee);
      await refused(() => payee.run(signUpdate, { on: stale.message }), 'nonce-consumed', payee);
      const two = await payee.run(signUpdate, ask);
      expect(await nonceIn(both, contract, two.message)).not.toBe(await nonceIn(both, contract, one.message));
      const signed = await payer.run(signUpdate, { on: two.message, amount: 2_100n });
      await payee.run(signUpdate, { on: signed.message });
      expect((await payeeOf(both, contract)).paidSat).toBe(2_100n);
      expect((await payerOf(both, contract)).signedMaxSat).toBe(2_100n);
    },
  );

  it('what was paid under a --request-id is never asked for again under it', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const contract = await opened(both);
    const ask = { input: { contract, amount: 2_100n }, requestId: 'order-17' };
    const one = await payee.run(signUpdate, ask);
    expect((await payee.run(signUpdate, ask)).text).toBe(one.text);
    const signed = await payer.run(signUpdate, { on: one.message, amount: 2_100n });
    await payee.run(signUpdate, { on: signed.message });
    const error = await refused(() => payee.run(signUpdate, ask), 'request-paid', payee);
    expect(error.message).toContain('order-17');
    await payMessages(both, contract, 2_100n);
    // Also in a home that was made again of its backup.
    await payee.lose(await payee.backUp());
    await expect(payee.run(signUpdate, ask)).rejects.toMatchObject({ code: 'home-restored' });
  });

  it('one that was cancelled is asked anew under its name', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const contract = await opened(both);
    const ask = { input: { contract, amount: 2_100n }, requestId: 'order-17' };
    const one = await payee.run(signUpdate, ask);
    await payee.run(signUpdate, { input: { contract }, cancel: true });
    const two = await payee.run(signUpdate, ask);
    expect(two.text).not.toBe(one.text);
    const signed = await payer.run(signUpdate, { on: two.message, amount: 2_100n });
    await payee.run(signUpdate, { on: signed.message });
  });

  it('two requests never share a signature: at the dust edge the second is refused and names the first', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const contract = await opened(both);
    const most = maxPaid((await payeeOf(both, contract)).terms);
    const first = await payee.run(signUpdate, { input: { contract, amount: most - 300n }, requestId: 'A' });
    const second = { input: { contract, amount: most - 100n }, requestId: 'B' };
    const error = await refused(() => payee.run(signUpdate, second), 'same-transaction', payee);
    expect(error.message).toContain('--request-id A');
    const signed = await payer.run(signUpdate, { on: first.message, max: most });
    await payee.run(signUpdate, { on: signed.message });
    expect((await payeeOf(both, contract)).paidSat).toBe(most - 300n);
  });
});

describe('a start is new', () => {
  it('two tills that ask the same amount have two nonces; one of them is paid, and no two print it', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const contract = await opened(both);
    const ask = { input: { contract, amount: 2_100n } };
    const [one, two] = [await payee.run(signUpdate, ask), await payee.run(signUpdate, ask)];
    expect(await nonceIn(both, contract, two.message)).not.toBe(await nonceIn(both, contract, one.message));
    const paid = await payer.run(signUpdate, { on: one.message, amount: 2_100n });
    await refused(() => payee.run(signUpdate, { on: paid.message }), 'state-moved-on', payee);
    const again = await payer.run(signUpdate, { on: two.message, amount: 2_100n });
    await payee.run(signUpdate, { on: again.message });
    expect((await payeeOf(both, contract)).paidSat).toBe(2_100n);
    await refused(() => payee.run(signUpdate, { on: paid.message }), 'state-moved-on', payee);
  });

  it('named ones are told apart: the second waits', async () => {
    const both = await parties();
    const contract = await opened(both);
    const ask = (requestId?: string) =>
      both.payee.run(signUpdate, { input: { contract, amount: 2_100n }, ...(requestId && { requestId }) });
    const one = await ask('till-1/5');
    await refused(() => ask('till-2/9'), 'same-transaction', both.payee);
    await refused(() => ask(), 'same-transaction', both.payee);
    expect((await ask('till-1/5')).text).toBe(one.text);
  });
});

describe('--amount agrees once in a run', () => {
  const consent = (growthSat: bigint) => ({ text: '', amountSat: 2_100n, growthSat });
  it('a second payment of that amount needs --max, a repeated one does not', async () => {
    const prompt = promptFrom({ amount: 2_100n });
    await prompt.agree(consent(2_100n));
    prompt.settled(consent(2_100n));
    await expect(prompt.agree(consent(2_100n))).rejects.toMatchObject({ code: 'not-agreed' });
    await prompt.agree(consent(0n));
    const bounded = promptFrom({ amount: 2_100n, max: 4_200n });
    for (let i = 0; i < 2; i++) {
      await bounded.agree(consent(2_100n));
      bounded.settled(consent(2_100n));
    }
    await expect(bounded.agree(consent(2_100n))).rejects.toMatchObject({ code: 'over-max' });
  });
  it('what was agreed to and refused by the store may be agreed to once more', async () => {
    const prompt = promptFrom({ amount: 2_100n });
    await prompt.agree(consent(2_100n));
    await prompt.agree(consent(2_100n));
  });
});
