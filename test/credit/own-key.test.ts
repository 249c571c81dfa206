/** An opener whose key is in another wallet: that wallet is asked to complete one answer, and only one that is right. */
import { describe, expect, it } from 'vitest';
import { hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { readPsbt, shareOf, templateOf, writePsbt } from '../../src/lib/bitcoin/psbt.ts';
import { taprootSighash } from '../../src/lib/bitcoin/sighash.ts';
import { closeCredit, rollover, signUpdate } from '../../src/lib/ecash/credit.ts';
import { closeJob, refundJob, rolloverJob, updateJob } from '../../src/lib/credit/jobs.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import { keysOf } from '../../src/lib/credit/terms.ts';
import type { KeySet } from '../../src/lib/signing/keyset.ts';
import { nonceAgg, partialAgg, session } from '../../src/lib/signing/musig2.ts';
import type { Action } from '../../src/lib/protocol/action.ts';
import { ownCoin, type Pair } from '../support/credit.ts';
import type { TestParty } from '../support/party.ts';
import { parties, payeeOf, payerOf, policy, refused } from './helpers.ts';
import { answers, OtherWallet } from './wallet.ts';

const expires = { blocks: 4_320 };

/** A contract whose payee's key is in another wallet. */
async function outside() {
  const both = await parties();
  const { payee, payer } = both;
  const wallet = new OtherWallet(41);
  const offered = await payee.run(openCredit, { input: { as: 'payee', policy, ownKey: wallet.pubkey } });
  const input = { utxo: [await ownCoin(payer, 1_300_000n)], amount: 1_200_000n, expires };
  const proposed = await payer.run(openCredit, { on: offered.message, input });
  const peer = proposed.message['contract'].payer_pubkey as string;
  const wait = await payee.run(openCredit, { on: proposed.message });
  const merged = [wallet.addPartial(wallet.addNonce(wait.message['psbt'].refund, peer), peer)];
  const accepted = await payee.run(openCredit, { on: proposed.message, merged });
  await payer.run(openCredit, { on: accepted.message });
  return { both, wallet, peer, id: proposed.message['contract'].id as string };
}
/** The wallet is not asked for a wrong answer, asked for the first right one, and for no other. */
async function oneAnswer(opener: TestParty, table: Action<any, any, any>, all: Awaited<ReturnType<typeof answers>>) {
  await refused(() => opener.run(table, { on: all.wrong }), 'peer-partial-invalid', opener);
  const asked = await opener.run(table, { on: all.first });
  expect([asked.exit, asked.message['step']]).toEqual([3, 'waiting']);
  await refused(() => opener.run(table, { on: all.second }), 'nonce-consumed', opener);
  expect((await opener.run(table, { on: all.first })).text).toBe(asked.text);
  return asked.message['psbt'] as Record<string, string>;
}
const request = async ({ payee }: Pair, wallet: OtherWallet, peer: string, contract: string) => {
  const ask = { input: { contract, amount: 50_000n } };
  const once = await payee.run(signUpdate, ask);
  const merged = [wallet.addNonce(once.message['psbt'].update, peer)];
  return (await payee.run(signUpdate, { ...ask, merged })).message;
};

describe('the law holds for openers whose key is in another wallet', () => {
  it('in an update', async () => {
    const { both, wallet, peer, id } = await outside();
    const signed = await both.payer.run(signUpdate, { on: await request(both, wallet, peer, id), amount: 50_000n });
    const all = await answers(both.payer, signed.message, 'update', updateJob(await payerOf(both, id), 50_000n));
    const { update } = await oneAnswer(both.payee, signUpdate, all);
    const done = await both.payee.run(signUpdate, { on: all.first, merged: [wallet.addPartial(update!, peer)] });
    expect(done.message['step']).toBe('accepted');
  });

  it('in a close', async () => {
    const { both, wallet, peer, id } = await outside();
    const ask = { input: { contract: id } };
    const once = await both.payee.run(closeCredit, ask);
    const merged = [wallet.addNonce(once.message['psbt'].close, peer)];
    const proposed = await both.payee.run(closeCredit, { ...ask, merged });
    const signed = await both.payer.run(closeCredit, { on: proposed.message });
    const job = closeJob(await payerOf(both, id), 0n, BigInt(proposed.message['fee_sat']));
    const all = await answers(both.payer, signed.message, 'close', job);
    const { close } = await oneAnswer(both.payee, closeCredit, all);
    const done = await both.payee.run(closeCredit, { on: all.first, merged: [wallet.addPartial(close!, peer)] });
    expect(done.message['step']).toBe('complete');
  });

  it('in a rollover', async () => {
    const { both, wallet, peer, id } = await outside();
    const { payee, payer } = both;
    const offered = await payee.run(rollover, { input: { contract: id, policy } });
    const proposed = await payer.run(rollover, { on: offered.message, input: { expires } });
    const once = await payee.run(rollover, { on: proposed.message });
    const merged = [wallet.addNonce(once.message['psbt'].rollover, peer)];
    const accepted = await payee.run(rollover, { on: proposed.message, merged });
    const signed = await payer.run(rollover, { on: accepted.message });
    const template = templateOf(readPsbt(signed.message['psbt'].rollover));
    const all = await answers(payer, signed.message, 'rollover', rolloverJob(await payerOf(both, id), template));
    const { rollover: rolls } = await oneAnswer(payee, rollover, all);
    const done = await payee.run(rollover, { on: all.first, merged: [wallet.addPartial(rolls!, peer)] });
    expect(done.message['step']).toBe('complete');
  });

  it('in a refund', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const wallet = new OtherWallet(43);
    const offered = await payee.run(openCredit, { input: { as: 'payee', policy } });
    const peer = offered.message['offer'].pubkey as string;
    const input = { utxo: [await ownCoin(payer, 1_300_000n)], amount: 1_200_000n, expires, ownKey: wallet.pubkey };
    const wait = await payer.run(openCredit, { on: offered.message, input });
    const merged = [wallet.addNonce(wait.message['psbt'].refund, peer)];
    const proposed = await payer.run(openCredit, { on: offered.message, input, merged });
    const accepted = await payee.run(openCredit, { on: proposed.message });
    const c = await payeeOf(both, proposed.message['contract'].id);
    const all = await answers(payee, accepted.message, 'refund', refundJob(c));
    const { refund } = await oneAnswer(payer, openCredit, all);
    const done = await payer.run(openCredit, { on: all.first, merged: [wallet.addPartial(refund!, peer)] });
    expect(done.message['step']).toBe('ready');
  });
});

/** What both partial signatures of a PSBT come to, as Bitcoin Core puts them together. */
function together(psbt: string, set: KeySet): Uint8Array {
  const tx = readPsbt(psbt);
  const shares = set.participants.map((key) => shareOf(tx, 0, set, key));
  const message = taprootSighash(templateOf(tx), 0);
  const s = session(set.agg, nonceAgg(shares.map(({ pubnonce }) => hexToBytes(pubnonce!))), message);
  return partialAgg(
    shares.map(({ partial }) => hexToBytes(partial!)),
    s,
  );
}
function finished(psbt: string, finalScriptWitness: Uint8Array[]): string {
  const tx = readPsbt(psbt);
  tx.updateInput(0, { finalScriptWitness }, true);
  return writePsbt(tx);
}

describe('a signature that the other wallet has finished itself', () => {
  it('is taken only where it verifies, and is the whole witness', async () => {
    const { both, wallet, peer, id } = await outside();
    const signed = await both.payer.run(signUpdate, { on: await request(both, wallet, peer, id), amount: 50_000n });
    const wait = await both.payee.run(signUpdate, { on: signed.message });
    const set = keysOf((await payeeOf(both, id)).terms);
    const whole = wallet.addPartial(wait.message['psbt'].update, peer);
    const good = together(whole, set);
    const flipped = [Uint8Array.from(good, (b, i) => (i === 40 ? b ^ 1 : b))];
    for (const stack of [flipped, [good, good], [Uint8Array.of(...good, 1)], [good.subarray(0, 63)]])
      await refused(
        () => both.payee.run(signUpdate, { on: signed.message, merged: [finished(whole, stack)] }),
        'signature-invalid',
        both.payee,
      );
    const merged = [finished(whole, [good])];
    expect((await both.payee.run(signUpdate, { on: signed.message, merged })).message['step']).toBe('accepted');
  });
});

describe('an action that is begun anew before the other wallet has put its new nonce in', () => {
  it('takes no answer to the nonce before: the wallet may have used it', async () => {
    const { both, wallet, peer, id } = await outside();
    const { payee, payer } = both;
    const signed = await payer.run(signUpdate, { on: await request(both, wallet, peer, id), amount: 50_000n });
    const all = await answers(payer, signed.message, 'update', updateJob(await payerOf(both, id), 50_000n));
    await oneAnswer(payee, signUpdate, all);
    await payee.run(signUpdate, { input: { contract: id, amount: 50_000n } });
    await refused(() => payee.run(signUpdate, { on: all.second }), 'nonce-consumed', payee);
    const again = await payer.run(signUpdate, { on: await request(both, wallet, peer, id), amount: 50_000n });
    const { update } = (await payee.run(signUpdate, { on: again.message })).message['psbt'];
    const done = await payee.run(signUpdate, { on: again.message, merged: [wallet.addPartial(update, peer)] });
    expect(done.message['step']).toBe('accepted');
  });

  it('nor does a close', async () => {
    const { both, wallet, peer, id } = await outside();
    const ask = { input: { contract: id } };
    const once = await both.payee.run(closeCredit, ask);
    const merged = [wallet.addNonce(once.message['psbt'].close, peer)];
    const proposed = await both.payee.run(closeCredit, { ...ask, merged });
    const signed = await both.payer.run(closeCredit, { on: proposed.message });
    const job = closeJob(await payerOf(both, id), 0n, BigInt(proposed.message['fee_sat']));
    const all = await answers(both.payer, signed.message, 'close', job);
    await oneAnswer(both.payee, closeCredit, all);
    await both.payee.run(closeCredit, ask);
    await refused(() => both.payee.run(closeCredit, { on: all.second }), 'nonce-consumed', both.payee);
  });
});
