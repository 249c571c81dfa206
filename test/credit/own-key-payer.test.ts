/** A payer whose key is in another wallet: what that wallet is asked to sign binds this home before it is asked. */
import { describe, expect, it } from 'vitest';
import { closeCredit, rollover, signUpdate } from '../../src/lib/ecash/credit.ts';
import { refundJob } from '../../src/lib/credit/jobs.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import { ownCoin } from '../support/credit.ts';
import { parties, payeeOf, payerOf, policy, refused } from './helpers.ts';
import { answers, OtherWallet } from './wallet.ts';

const expires = { blocks: 4_320 };
/** An open contract with 50,000 sat paid, whose payer's key is in another wallet. */
async function outside() {
  const both = await parties();
  const { payee, payer } = both;
  const wallet = new OtherWallet(43);
  const offered = await payee.run(openCredit, { input: { as: 'payee', policy } });
  const peer = offered.message['offer'].pubkey as string;
  const input = { utxo: [await ownCoin(payer, 1_300_000n)], amount: 1_200_000n, expires, ownKey: wallet.pubkey };
  const asked = await payer.run(openCredit, { on: offered.message, input });
  const nonce = [wallet.addNonce(asked.message['psbt'].refund, peer)];
  const proposed = await payer.run(openCredit, { on: offered.message, input, merged: nonce });
  const accepted = await payee.run(openCredit, { on: proposed.message });
  const wait = await payer.run(openCredit, { on: accepted.message });
  const partial = [wallet.addPartial(wait.message['psbt'].refund, peer)];
  await payer.run(openCredit, { on: accepted.message, merged: partial });
  const id = proposed.message['contract'].id as string;
  const sign = (psbt: string) => wallet.addPartial(wallet.addNonce(psbt, peer), peer);

  const on = (await payee.run(signUpdate, { input: { contract: id, amount: 50_000n } })).message;
  const update = await payer.run(signUpdate, { on, amount: 50_000n });
  expect((await payerOf(both, id)).signedMaxSat).toBe(50_000n);
  const signed = await payer.run(signUpdate, { on, amount: 50_000n, merged: [sign(update.message['psbt'].update)] });
  await payee.run(signUpdate, { on: signed.message });
  return { both, id, sign };
}

describe('a payer is bound before another wallet may sign', () => {
  it('a close that the payee opened: no update, and no way back', async () => {
    const { both, id, sign } = await outside();
    const { payee, payer } = both;
    const requested = await payee.run(signUpdate, { input: { contract: id, amount: 700n } });
    const proposed = await payee.run(closeCredit, { input: { contract: id } });
    const asked = await payer.run(closeCredit, { on: proposed.message });
    expect([asked.exit, asked.message['step']]).toEqual([3, 'waiting']);
    const { state, signedClose } = await payerOf(both, id);
    expect([state, signedClose?.paidSat]).toEqual(['closing', 50_000n]);
    await refused(() => payer.run(signUpdate, { on: requested.message, amount: 700n }), 'wrong-state', payer);
    await refused(() => payer.run(closeCredit, { input: { contract: id }, cancel: true }), 'too-late-to-cancel', payer);
    const signed = await payer.run(closeCredit, { on: proposed.message, merged: [sign(asked.message['psbt'].close)] });
    expect((await payee.run(closeCredit, { on: signed.message })).message['step']).toBe('complete');
  });

  it.each([
    ['a key of this home', false],
    ['a key of another wallet', true],
  ])('a rollover into a contract with %s: the old contract is frozen, and no way back', async (_, isOutside) => {
    const { both, id, sign } = await outside();
    const { payee, payer } = both;
    const next = new OtherWallet(47);
    const offered = await payee.run(rollover, { input: { contract: id, policy } });
    const peer = offered.message['offer'].pubkey as string;
    const input = { expires, ...(isOutside && { ownKey: next.pubkey }) };
    let proposed = await payer.run(rollover, { on: offered.message, input });
    if (isOutside) {
      const nonce = [next.addNonce(proposed.message['psbt'].refund, peer)];
      proposed = await payer.run(rollover, { on: offered.message, input, merged: nonce });
    }
    const on = (await payee.run(rollover, { on: proposed.message })).message;
    const merged: string[] = [];
    let asked = await payer.run(rollover, { on });
    if (isOutside) {
      // The next refund comes first: nothing of the old contract is given away before it is kept.
      expect([Object.keys(asked.message['psbt']), (await payerOf(both, id)).state]).toEqual([['refund'], 'open']);
      // The answer that the other wallet completes is kept: its nonce signs under no other one.
      const job = refundJob(await payeeOf(both, on['next_contract'].id));
      const { first, second } = await answers(payee, on, 'refund', job);
      for (const other of [first, second])
        await refused(() => payer.run(rollover, { on: other }), 'nonce-consumed', payer);
      merged.push(next.addPartial(asked.message['psbt'].refund, peer));
      asked = await payer.run(rollover, { on, merged });
    }
    expect([asked.exit, Object.keys(asked.message['psbt'])]).toEqual([3, ['rollover']]);
    expect((await payerOf(both, id)).state).toBe('rolled');
    await refused(() => payer.run(rollover, { input: { contract: id }, cancel: true }), 'too-late-to-cancel', payer);
    merged.push(sign(asked.message['psbt'].rollover));
    const signed = await payer.run(rollover, { on, merged });
    expect((await payee.run(rollover, { on: signed.message })).message['step']).toBe('complete');
  });
});
