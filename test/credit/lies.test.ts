/**
 * Messages that a counterparty builds from true parts of other actions: each part verifies, every seal is its sender's own, and
 * only the record tells that they do not belong together. Altered fields: `attacks.test.ts`; overtaken messages: `stale.test.ts`.
 */
import { describe, expect, it } from 'vitest';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { rolloverJob } from '../../src/lib/credit/jobs.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import { pairOf, rolloverPsbt } from '../../src/lib/credit/rolling.ts';
import { rollover } from '../../src/lib/ecash/credit.ts';
import { rollover as rolloverTemplate } from '../../src/lib/credit/transactions.ts';
import { nonceGen } from '../../src/lib/signing/musig2.ts';
import { opened, ownCoin, payMessages, type Pair } from '../support/credit.ts';
import type { Message } from '../support/party.ts';
import { parties, payeeOf, payerOf, policy, refused, says, sealedAs } from './helpers.ts';
import { proposal } from './proposal.ts';
import { fundingFor } from './scenes.ts';
import { secret } from './things.ts';
import { OtherWallet } from './wallet.ts';

const expires = { blocks: 4_320 };

const offer = async (both: Pair, contract: string): Promise<Message> =>
  (await both.payee.run(rollover, { input: { contract, policy } })).message;

/** A contract with a payment; a rollover of it under way, where that is wanted. */
async function paid(under: boolean) {
  const both = await parties();
  const contract = await opened(both);
  await payMessages(both, contract, 50_000n);
  if (under) {
    const on = await offer(both, contract);
    const proposed = await both.payer.run(rollover, { on, input: { expires } });
    await both.payee.run(rollover, { on: proposed.message });
  }
  return { both, contract };
}

describe.each([
  ['no rollover is under way', false],
  ['another rollover is under way', true],
])('an opening that the payee calls the next contract, where %s', (_, under) => {
  it('is not proposed as one, though its nonce has just come from the other wallet', async () => {
    const { both, contract } = await paid(under);
    const { payee, payer } = both;
    const wallet = new OtherWallet(47);
    const offered = (await payee.run(openCredit, { input: { as: 'payee', policy } })).message;
    const input = { utxo: [await ownCoin(payer, 1_300_000n)], amount: 1_200_000n, expires, ownKey: wallet.pubkey };
    const wait = await payer.run(openCredit, { on: offered, input });
    const merged = [wallet.addNonce(wait.message['psbt'].refund, offered['offer'].pubkey)];
    const on = await sealedAs(payee, await offer(both, contract), { offer: offered['offer'] });
    await refused(() => payer.run(rollover, { on, input: { expires }, merged }), 'already-known', payer);
    expect((await payer.run(openCredit, { on: offered, input, merged })).message['step']).toBe('proposed');
  });

  it('is not what the payer signs the old contract away for', async () => {
    const { both, contract } = await paid(under);
    const { payee, payer } = both;
    const offered = (await payee.run(openCredit, { input: { as: 'payee', policy } })).message;
    const input = { utxo: [await ownCoin(payer, 1_300_000n)], amount: 1_149_000n, expires };
    const proposed = (await payer.run(openCredit, { on: offered, input })).message;
    const { psbt } = (await payee.run(openCredit, { on: proposed })).message;
    const [old, next] = [await payeeOf(both, contract), await payeeOf(both, proposed['contract'].id)];
    const parts = { paidSat: old.paidSat, topUps: [], change: null };
    const job = rolloverJob(old, rolloverTemplate(old, parts, next.terms));
    const { pubnonce } = nonceGen({ random: secret(3), pubkey: secret(2) });
    const on = await says(payee, contract, {
      type: 'rollover',
      step: 'accepted',
      ...pairOf(old, next, parts, old.receipt),
      psbt: {
        refund: psbt.refund,
        rollover: rolloverPsbt(job, next.terms, { [job.pubkey]: { pubnonce: bytesToHex(pubnonce) } }, {}),
      },
    });
    await refused(() => payer.run(rollover, { on }), 'state-moved-on', payer);
    expect((await payerOf(both, contract)).state).toBe('open');
  });
});

describe('the next contract of a rollover', () => {
  it('has no funding of its own to show: its refund is not completed as that of an opening', async () => {
    const { both, contract } = await paid(false);
    const { payee, payer } = both;
    const proposed = await payer.run(rollover, { on: await offer(both, contract), input: { expires } });
    const { next_contract: next, psbt } = (await payee.run(rollover, { on: proposed.message })).message;
    const said = { type: 'open-credit', step: 'accepted', contract: next, psbt: { refund: psbt.refund } };
    const on = await says(payee, next.id, said);
    await refused(() => payer.run(openCredit, { on }), 'wrong-state', payer);
    expect((await payer.record(next.id)).state).toBe('proposed');
  });

  it('is proposed as it was begun: a second offer under its key is answered no more', async () => {
    const { both, contract } = await paid(false);
    const { payee, payer } = both;
    const wallet = new OtherWallet(48);
    const input = { expires, ownKey: wallet.pubkey };
    const on = await offer(both, contract);
    const wait = await payer.run(rollover, { on, input });
    const other = { ...on['offer'], policy: { ...on['offer'].policy, min_amount_sat: 20_000 } };
    const second = await sealedAs(payee, on, { offer: other });
    await refused(() => payer.run(rollover, { on: second, input }), 'already-known', payer);
    const merged = [wallet.addNonce(wait.message['psbt'].refund, on['offer'].pubkey)];
    expect((await payer.run(rollover, { on, input, merged })).message['step']).toBe('proposed');
  });
});

describe('an opening', () => {
  it('binds the payee’s key to one outpoint: the same terms elsewhere are another refund', async () => {
    const both = await parties();
    const { payee } = both;
    const offered = (await payee.run(openCredit, { input: { as: 'payee', policy } })).message;
    const first = proposal(offered);
    const { text } = await payee.run(openCredit, { on: first });
    for (const at of [
      { txid: 'ab'.repeat(32), vout: 1 },
      { txid: 'cd'.repeat(32), vout: 0 },
    ])
      await refused(() => payee.run(openCredit, { on: proposal(offered, {}, at) }), 'key-bound', payee);
    expect((await payee.run(openCredit, { on: first })).text).toBe(text);
  });

  it('whose nonce another wallet was asked for is proposed with the funding of the first run', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const wallet = new OtherWallet(49);
    const offered = (await payee.run(openCredit, { input: { as: 'payee', policy } })).message;
    const asked = { amount: 1_200_000n, expires, ownKey: wallet.pubkey };
    const on = (await payer.run(openCredit, { on: offered, input: asked })).message;
    const [one, two] = [await ownCoin(payer, 1_206_000n), await ownCoin(payer, 1_206_000n)];
    const funding = fundingFor(on, one);
    const wait = await payer.run(openCredit, { on, input: { funding } });
    const merged = [wallet.addNonce(wait.message['psbt'].refund, offered['offer'].pubkey)];
    const other = { funding: fundingFor(on, two) };
    await refused(() => payer.run(openCredit, { on, input: other, merged }), 'answered-otherwise', payer);
    expect((await payer.run(openCredit, { on, input: { funding }, merged })).message['step']).toBe('proposed');
  });
});
