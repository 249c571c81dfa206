/**
 * Rules of messages, terms, updates, openings, rollovers, closes and restored homes, one test or more each.
 *
 * Elsewhere: secret fields (`secrets.test.ts`), batches (the command's tests), coins (`test/commands`).
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { closeCredit, exitCredit, rollover, signUpdate } from '../../src/lib/ecash/credit.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import { contractId } from '../../src/lib/credit/terms.ts';
import { exitFee, refund, refundFee, refundVsize } from '../../src/lib/credit/transactions.ts';
import { readPsbt, templateOf } from '../../src/lib/bitcoin/psbt.ts';
import type { Credit, PayeeCredit } from '../../src/lib/credit/records.ts';
import { canonicalJson } from '../../src/lib/protocol/json.ts';
import { taggedHash } from '../../src/lib/signing/curve.ts';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { idClaim } from '../../src/lib/protocol/claims.ts';
import { opened, openMessages, ownCoin, payMessages, rollMessages } from '../support/credit.ts';
import type { Message } from '../support/party.ts';
import { backUp, parties, payeeOf, payerOf, policy, refused, restore, sealedAs, tip } from './helpers.ts';
import { proposal } from './proposal.ts';
import { fundingFor } from './scenes.ts';
import { ADDRESSES, secret } from './things.ts';
import { OtherWallet } from './wallet.ts';

const start = { input: { as: 'payee', policy } };
const expires = { blocks: 4_320 };

describe('messages and runs', () => {
  it('an opening is found by the payee’s key, before there is an id: answers to two offers do not meet', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const offers = [await payee.run(openCredit, start), await payee.run(openCredit, start)];
    const ids: string[] = [];
    for (const offer of offers.reverse()) {
      const input = { utxo: [await ownCoin(payer, 1_300_000n)], amount: 1_200_000n, expires };
      const proposed = await payer.run(openCredit, { on: offer.message, input });
      const accepted = await payee.run(openCredit, { on: proposed.message });
      expect(accepted.message['contract'].payee_pubkey).toBe(offer.message['offer'].pubkey);
      ids.push((await payer.run(openCredit, { on: accepted.message })).message['contract'].id);
    }
    expect(new Set(ids).size).toBe(2);
  });

  it('exit 3 for ‘addressed’, and for ‘ready’ while the funding is not signed; --merge repeats the same stdin', async () => {
    const { payee, payer } = await parties();
    const stranger = (await parties()).payer;
    const offered = await payee.run(openCredit, start);
    const addressed = await payer.run(openCredit, { on: offered.message, input: { amount: 1_200_000n, expires } });
    expect(addressed.exit).toBe(3);
    const funding = fundingFor(addressed.message, await ownCoin(stranger, 1_206_000n));
    const proposed = await payer.run(openCredit, { on: addressed.message, input: { funding } });
    expect(proposed.exit).toBe(0);
    const accepted = await payee.run(openCredit, { on: proposed.message });
    const waiting = await payer.run(openCredit, { on: accepted.message });
    expect([waiting.exit, waiting.message['step']]).toEqual([3, 'ready']);
    // The stranger's home signs, as a wallet would.
    const { Transaction } = await import('@scure/btc-signer/transaction.js');
    const tx = readPsbt(waiting.message['psbt'].funding);
    const { signKeyPath } = await import('../../src/lib/bitcoin/wallet-inputs.ts');
    const ours = await stranger.home.store.ours(templateOf(tx).inputs.map((i) => i.script));
    const [path] = [...ours.values()];
    const [sig] = signKeyPath(templateOf(tx), 0, (await stranger.home.keys()).wallet(path!), new Uint8Array(32));
    tx.updateInput(0, { tapKeySig: sig! }, true);
    const merged = [Buffer.from(tx.toPSBT(0)).toString('base64')];
    const ready = await payer.run(openCredit, { on: accepted.message, merged });
    expect(ready.exit).toBe(0);
    expect(
      Transaction.fromPSBT(Buffer.from(ready.message['psbt'].funding, 'base64')).getInput(0).finalScriptWitness,
    ).toEqual([sig]);
    expect((await payer.run(openCredit, { on: accepted.message, merged })).text).toBe(ready.text);
  });

  it('the payee’s key in another wallet: every wait is exit 3, and goes on with --merge', async () => {
    const { payee, payer } = await parties();
    const wallet = new OtherWallet(8);
    const offered = await payee.run(openCredit, { input: { as: 'payee', policy, ownKey: wallet.pubkey } });
    const input = { utxo: [await ownCoin(payer, 1_300_000n)], amount: 1_200_000n, expires };
    const proposed = await payer.run(openCredit, { on: offered.message, input });
    const peer = proposed.message['contract'].payer_pubkey as string;
    const wait = await payee.run(openCredit, { on: proposed.message });
    expect([wait.exit, wait.message['step'], wait.message['for']]).toEqual([3, 'waiting', 'accepted']);
    const both = wallet.addPartial(wallet.addNonce(wait.message['psbt'].refund, peer), peer);
    const accepted = await payee.run(openCredit, { on: proposed.message, merged: [both] });
    const ready = await payer.run(openCredit, { on: accepted.message });
    const contract = ready.message['contract'].id as string;

    const start = { input: { contract, amount: 2_100n } };
    const once = await payee.run(signUpdate, start);
    expect([once.exit, once.message['for']]).toEqual([3, 'requested']);
    const nonced = wallet.addNonce(once.message['psbt'].update, peer);
    const requested = await payee.run(signUpdate, { ...start, merged: [nonced] });
    expect(requested.exit).toBe(0);
    const signed = await payer.run(signUpdate, { on: requested.message, amount: 2_100n });
    const last = await payee.run(signUpdate, { on: signed.message });
    expect([last.exit, last.message['for']]).toEqual([3, 'accepted']);
    const whole = wallet.addPartial(last.message['psbt'].update, peer);
    const accept = await payee.run(signUpdate, { on: signed.message, merged: [whole] });
    expect(accept.message).toMatchObject({ step: 'accepted', paid_sat: 2_100 });
    expect((await payee.run(exitCredit, { input: { contract } })).message['amount_sat']).toBe(2_100);
  });

  it('a payer whose key is in another wallet can open a contract', async () => {
    const { payee, payer } = await parties();
    const wallet = new OtherWallet(7);
    const offered = await payee.run(openCredit, start);
    const peer = offered.message['offer'].pubkey as string;
    const input = { utxo: [await ownCoin(payer, 1_300_000n)], amount: 1_200_000n, expires, ownKey: wallet.pubkey };
    const wait = await payer.run(openCredit, { on: offered.message, input });
    const nonced = wallet.addNonce(wait.message['psbt'].refund, peer);
    const proposed = await payer.run(openCredit, { on: offered.message, input, merged: [nonced] });
    const accepted = await payee.run(openCredit, { on: proposed.message });
    const again = await payer.run(openCredit, { on: accepted.message });
    const whole = wallet.addPartial(again.message['psbt'].refund, peer);
    // Here: transaction-differs, for the refund that came back is read as if it were the funding.
    const ready = await payer.run(openCredit, { on: accepted.message, merged: [whole] });
    expect(ready.message['step']).toBe('ready');
    const contract = ready.message['contract'].id as string;
    const requested = await payee.run(signUpdate, { input: { contract, amount: 2_100n } });
    const twice = await payer.run(signUpdate, { on: requested.message, amount: 2_100n });
    // Counted before the other wallet may sign.
    expect(await payer.record(contract)).toMatchObject({ signedMaxSat: 2_100n });
    const signed = wallet.addPartial(wallet.addNonce(twice.message['psbt'].update, peer), peer);
    const said = await payer.run(signUpdate, { on: requested.message, amount: 2_100n, merged: [signed] });
    expect((await payee.run(signUpdate, { on: said.message })).message['paid_sat']).toBe(2_100);
  });

  it('every document has type and version, exit-credit’s, a wait’s and a cancellation’s too', async () => {
    const both = await parties();
    const said: Message[] = await openMessages(both);
    const contract = said[3]!['contract'].id as string;
    said.push(...(await payMessages(both, contract, 5_000n)), ...(await rollMessages(both, contract)));
    const next = said.at(-1)!['next_contract'].id as string;
    said.push((await both.payee.run(signUpdate, { input: { contract: next, amount: 1_000n } })).message);
    said.push((await both.payee.run(signUpdate, { input: { contract: next }, cancel: true })).message);
    said.push((await both.payee.run(exitCredit, { input: { contract } })).message);
    said.push((await both.payer.run(exitCredit, { input: { contract } })).message);
    for (const m of said) {
      expect(Object.keys(m).slice(0, 2)).toEqual(['type', 'version']);
      expect(m['version']).toBe(1);
    }
  });
});

describe('terms', () => {
  it('the id is the tagged hash of the terms, and the outpoint is not part of it', async () => {
    const both = await parties();
    const contract = await opened(both);
    const c = await payeeOf(both, contract);
    const bytes = new TextEncoder().encode(canonicalJson(c.terms));
    expect(c.id).toBe(bytesToHex(taggedHash('spillway/terms', bytes)));
    expect(canonicalJson(c.terms)).not.toContain('outpoint');
    expect(contractId(c.terms)).toBe(contractId({ ...c, outpoint: { txid: '00'.repeat(32), vout: 5 } }.terms));
  });

  it('the refund pays the exit’s feerate', async () => {
    const both = await parties();
    const c = await payeeOf(both, await opened(both));
    expect(refundFee(c.terms)).toBe(BigInt(c.terms.exit_feerate * refundVsize(c.terms)));
    expect(c.terms.capacity_sat - refund(c).outputs[0]!.sat).toBe(refundFee(c.terms));
  });
});

describe('updates', () => {
  it('at or below signed_max the payer signs again for a new nonce, and counts nothing', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const contract = await opened(both);
    const first = await payee.run(signUpdate, { input: { contract, amount: 2_100n } });
    await payer.run(signUpdate, { on: first.message, amount: 2_100n });
    await payee.run(signUpdate, { input: { contract }, cancel: true });
    const second = await payee.run(signUpdate, { input: { contract, amount: 2_100n } });
    expect(second.text).not.toBe(first.text);
    // Nothing more is agreed to: growth 0 passes --max 0, but --amount still has to be what was agreed.
    await refused(() => payer.run(signUpdate, { on: second.message, amount: 2_000n }), 'amount-differs', payer);
    const signed = await payer.run(signUpdate, { on: second.message, max: 0n });
    expect((await payerOf(both, contract)).signedMaxSat).toBe(2_100n);
    await payee.run(signUpdate, { on: signed.message });
    expect((await payeeOf(both, contract)).paidSat).toBe(2_100n);
  });

  it('above it a total that exceeds the stated paid by what was agreed: a lost update is superseded', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const contract = await opened(both);
    await payMessages(both, contract, 1_000n);
    const ask = async (amount: bigint) => (await payee.run(signUpdate, { input: { contract, amount } })).message;
    const signedMax = async () => (await payerOf(both, contract)).signedMaxSat;
    // 77 are signed and lost, 5 are paid below them, and 100 on top of what the payee was paid.
    await payer.run(signUpdate, { on: await ask(77n), amount: 77n });
    const five = await payer.run(signUpdate, { on: await ask(5n), max: 0n });
    await payee.run(signUpdate, { on: five.message });
    expect(await signedMax()).toBe(1_077n);
    const hundred = await ask(100n);
    await refused(() => payer.run(signUpdate, { on: hundred, amount: 99n }), 'amount-differs', payer);
    // The risk grows by 28, and by no more than the 100 that were agreed to.
    await refused(() => payer.run(signUpdate, { on: hundred, max: 27n }), 'over-max', payer);
    const signed = await payer.run(signUpdate, { on: hundred, max: 28n });
    expect(await signedMax()).toBe(1_105n);
    await payee.run(signUpdate, { on: signed.message });
    expect((await payeeOf(both, contract)).paidSat).toBe(1_105n);
    // A payee that states less than it was paid takes less, however often it asks.
    const smaller = await ask(1_000n);
    await payer.run(signUpdate, { on: smaller, amount: 1_000n });
    const larger = await ask(3_000n);
    await payer.run(signUpdate, { on: larger, amount: 3_000n });
    expect(await signedMax()).toBe(1_105n + 3_000n);
  });

  it('every message of the payee that states what is paid carries the latest receipt', async () => {
    const both = await parties();
    const contract = await opened(both);
    await payMessages(both, contract, 2_100n);
    const [, signed] = await payMessages(both, contract, 900n);
    const receipt = signed!['receipt'] as string;
    expect(receipt).toMatch(/^[0-9a-f]{128}$/);
    const requested = await both.payee.run(signUpdate, { input: { contract, amount: 50n } });
    const rolls = await rollMessages(both, contract, { blocks: 3_000 });
    const other = await parties();
    const id = await opened(other);
    const [, paid] = await payMessages(other, id, 2_100n);
    const close = await other.payee.run(closeCredit, { input: { contract: id } });
    expect(requested.message['receipt']).toBe(receipt);
    expect(rolls.map((m) => m['receipt'])).toEqual(rolls.map(() => receipt));
    expect(close.message['receipt']).toBe(paid!['receipt']);
  });

  it('a payer restored from a backup raises its count by its own receipt', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const contract = await opened(both);
    await payMessages(both, contract, 2_100n);
    const backup = backUp(payer);
    await payMessages(both, contract, 40_000n);
    await restore(payer, backup);
    expect((await payerOf(both, contract)).signedMaxSat).toBe(2_100n);
    const requested = await payee.run(signUpdate, { input: { contract, amount: 500n } });
    const forged = await sealedAs(payee, requested.message, { previous_paid_sat: 50_000, paid_sat: 50_500 });
    await refused(() => payer.run(signUpdate, { on: forged, amount: 500n }), 'bad-receipt', payer);
    const signed = await payer.run(signUpdate, { on: requested.message, max: 500n });
    await payee.run(signUpdate, { on: signed.message });
    expect((await payerOf(both, contract)).signedMaxSat).toBe(42_600n);
    expect((await payeeOf(both, contract)).paidSat).toBe(42_600n);
  });

  it('it does so for a rollover and a close too', async () => {
    for (const action of ['rollover', 'close'] as const) {
      const both = await parties();
      const { payee, payer } = both;
      const contract = await opened(both);
      const backup = backUp(payer);
      await payMessages(both, contract, 40_000n);
      await restore(payer, backup);
      if (action === 'close') {
        const proposed = await payee.run(closeCredit, { input: { contract } });
        await payer.run(closeCredit, { on: proposed.message });
      } else {
        const offered = await payee.run(rollover, { input: { contract, policy } });
        await payer.run(rollover, { on: offered.message, input: { expires } });
      }
      expect((await payerOf(both, contract)).signedMaxSat, action).toBe(40_000n);
    }
  });

  it('an update is accepted up to the block before expiry − margin, not at it', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const contract = await opened(both);
    const { expiry, margin_blocks } = (await payeeOf(both, contract)).terms;
    const requested = await payee.run(signUpdate, { input: { contract, amount: 2_100n } });
    const signed = await payer.run(signUpdate, { on: requested.message, amount: 2_100n });
    tip(both, expiry - margin_blocks);
    await refused(() => payee.run(signUpdate, { on: signed.message }), 'expired', payee);
    tip(both, expiry - margin_blocks - 1);
    await payee.run(signUpdate, { on: signed.message });
    expect((await payeeOf(both, contract)).paidSat).toBe(2_100n);
  });
});

describe('opening', () => {
  it('the payee’s ‘accepted’ is its point of no return', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const input = { utxo: [await ownCoin(payer, 1_300_000n)], amount: 1_200_000n, expires };
    const offered = await payee.run(openCredit, start);
    const proposed = await payer.run(openCredit, { on: offered.message, input });
    await payee.run(openCredit, { on: proposed.message });
    await refused(() => payee.run(openCredit, { on: proposed.message, cancel: true }), 'too-late-to-cancel', payee);
    await refused(() => payee.run(openCredit, { on: offered.message, cancel: true }), 'too-late-to-cancel', payee);
  });

  it('before it either side may cancel; the payer up to its refund', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const coin = await ownCoin(payer, 1_300_000n);
    const input = { utxo: [coin], amount: 1_200_000n, expires };
    const first = await payee.run(openCredit, start);
    await payee.run(openCredit, { on: first.message, cancel: true });
    const answer = await payer.run(openCredit, { on: first.message, input });
    await refused(() => payee.run(openCredit, { on: answer.message }), 'wrong-state', payee);
    await payer.run(openCredit, { on: first.message, cancel: true });
    // The coin is free again.
    const second = await payee.run(openCredit, start);
    const proposed = await payer.run(openCredit, { on: second.message, input });
    const accepted = await payee.run(openCredit, { on: proposed.message });
    const ready = await payer.run(openCredit, { on: accepted.message });
    // From here on the contract stays, with its refund: only the coins of a funding that nobody has sent can be had back.
    const { message: third } = await payee.run(openCredit, start);
    const held = await refused(() => payer.run(openCredit, { on: third, input }), 'coin-reserved', payer);
    const { id } = ready.message['contract'];
    expect(held.hint).toContain(`open-credit --contract ${id.slice(0, 16)} --cancel`);
    const freed = await payer.run(openCredit, { on: accepted.message, cancel: true });
    expect(freed.hint).toContain('the refund is kept');
    expect(await payerOf(both, id)).toMatchObject({ state: 'open', coins: [], refund: expect.any(String) });
    expect((await payer.run(openCredit, { on: third, input })).message['step']).toBe('proposed');
    await refused(() => payer.run(openCredit, { on: ready.message, cancel: true }), 'too-late-to-cancel', payer);
  });

  it('but not of a contract over which something was signed, or that a rollover funds', async () => {
    const both = await parties();
    const id = await opened(both);
    const cancel = (of: string) => () => both.payer.run(openCredit, { cancel: true, over: idClaim(of) });
    await payMessages(both, id, 2_100n);
    await refused(cancel(id), 'too-late-to-cancel', both.payer);
    const utxo = [await ownCoin(both.payer, 700_000n)];
    const rolled = await rollMessages(both, id, { utxo, amount: 1_500_000n });
    await refused(cancel(rolled[1]!['next_contract'].id), 'too-late-to-cancel', both.payer);
  });

  it('the refund is outside the home before ‘ready’, and before a rollover’s ‘signed’, is printed', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const file = (id: string) => join(`${payer.dir}.refunds`, `${id}.json`);
    const input = { utxo: [await ownCoin(payer, 1_300_000n)], amount: 1_200_000n, expires };
    const offered = await payee.run(openCredit, start);
    const proposed = await payer.run(openCredit, { on: offered.message, input });
    const accepted = await payee.run(openCredit, { on: proposed.message });
    const contract = accepted.message['contract'].id as string;
    expect(existsSync(file(contract))).toBe(false);
    const seen: boolean[] = [];
    const look = (id: string) => (label: string) => void (label === 'before-print' && seen.push(existsSync(file(id))));
    await payer.run(openCredit, { on: accepted.message, point: look(contract) });

    const rolls = await payee.run(rollover, { input: { contract, policy } });
    const mine = await payer.run(rollover, { on: rolls.message, input: { expires } });
    const theirs = await payee.run(rollover, { on: mine.message });
    const next = theirs.message['next_contract'].id as string;
    expect(existsSync(file(next))).toBe(false);
    await payer.run(rollover, { on: theirs.message, point: look(next) });
    expect(seen).toEqual([true, true]);
    const copy = JSON.parse(readFileSync(file(contract), 'utf8')) as { hex: string; path: unknown };
    expect(copy.hex).toBe((await payerOf(both, contract)).refund);
    expect(copy.path).toMatchObject({ chain: 0 });
  });

  it('where it cannot be kept, nothing is printed; the same run prints once it can', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const input = { utxo: [await ownCoin(payer, 1_300_000n)], amount: 1_200_000n, expires };
    const offered = await payee.run(openCredit, start);
    const proposed = await payer.run(openCredit, { on: offered.message, input });
    const accepted = await payee.run(openCredit, { on: proposed.message });
    const taken = join(`${payer.dir}.refunds`, `${accepted.message['contract'].id as string}.json`);
    mkdirSync(taken, { recursive: true });
    writeFileSync(join(taken, 'in-the-way'), '');
    await expect(payer.run(openCredit, { on: accepted.message })).rejects.toMatchObject({ code: 'cannot-write' });
    rmSync(taken, { recursive: true });
    const ready = await payer.run(openCredit, { on: accepted.message });
    expect(ready.message['step']).toBe('ready');
    expect(existsSync(taken)).toBe(true);
  });
});

describe('rollover', () => {
  it('a payee key offered in a rollover is bound to its first refund', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const contract = await opened(both);
    const offered = await payee.run(rollover, { input: { contract, policy } });
    const first = await payer.run(rollover, { on: offered.message, input: { expires } });
    await payee.run(rollover, { on: first.message });
    const next = offered.message['offer'].pubkey as string;
    await payer.run(rollover, { input: { contract }, cancel: true });
    // An earlier refund of the same key: what a payer would gain from.
    const second = await payer.run(rollover, { on: offered.message, input: { expires: { blocks: 1_100 } } });
    expect(second.message['next_contract'].payee_pubkey).toBe(next);
    await refused(() => payee.run(rollover, { on: second.message }), 'key-bound', payee);
  });

  it('updates go on until the payer signs; one that is accepted voids the rollover', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const contract = await opened(both);
    const offered = await payee.run(rollover, { input: { contract, policy } });
    const proposed = await payer.run(rollover, { on: offered.message, input: { expires } });
    const accepted = await payee.run(rollover, { on: proposed.message });
    await payMessages(both, contract, 2_100n);
    await refused(() => payer.run(rollover, { on: accepted.message }), 'update-in-flight', payer);
    // Also for a payer that would sign it all the same: its nonce is gone.
    expect(await payeeOf(both, contract)).toMatchObject({ rolling: null, paidSat: 2_100n });
    const again = await rollMessages(both, contract);
    expect(again.at(-1)!['paid_sat']).toBe(2_100);
  });

  it('an update signed and not yet accepted holds the rollover up, at the proposal and at the signature', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const contract = await opened(both);
    const offered = await payee.run(rollover, { input: { contract, policy } });
    const proposed = await payer.run(rollover, { on: offered.message, input: { expires } });
    const accepted = await payee.run(rollover, { on: proposed.message });
    const requested = await payee.run(signUpdate, { input: { contract, amount: 2_100n } });
    const signed = await payer.run(signUpdate, { on: requested.message, amount: 2_100n });
    await refused(() => payer.run(rollover, { on: accepted.message }), 'update-in-flight', payer);
    const late = await payee.run(rollover, { input: { contract, policy } });
    await refused(() => payer.run(rollover, { on: late.message, input: { expires } }), 'update-in-flight', payer);
    await payee.run(signUpdate, { on: signed.message });
  });

  it('an update accepted after the payer signed is rechecked at completion', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const contract = await opened(both);
    const backup = backUp(payer);
    const offered = await payee.run(rollover, { input: { contract, policy } });
    const proposed = await payer.run(rollover, { on: offered.message, input: { expires } });
    const accepted = await payee.run(rollover, { on: proposed.message });
    const signed = await payer.run(rollover, { on: accepted.message });
    // Only a payer that forgot (a backup) signs an update now.
    await restore(payer, backup);
    await payMessages(both, contract, 2_100n);
    await refused(() => payee.run(rollover, { on: signed.message }), 'paid-moved', payee);
  });

  it('at ‘signed’ the payer freezes, compares with what it proposed, and no height undoes it', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const contract = await opened(both);
    const rolls = await rollMessages(both, contract);
    expect((await payerOf(both, contract)).state).toBe('rolled');
    await refused(() => payee.run(signUpdate, { input: { contract, amount: 2_100n } }), 'wrong-state', payee);
    tip(both, 4_000);
    await refused(() => payer.run(closeCredit, { input: { contract } }), 'wrong-state', payer);
    await refused(() => payer.run(rollover, { input: { contract }, cancel: true }), 'too-late-to-cancel', payer);
    // Another proposal, of which this home knows nothing any more.
    const other = await parties();
    const id = await opened(other);
    const offered = await other.payee.run(rollover, { input: { contract: id, policy } });
    const first = await other.payer.run(rollover, { on: offered.message, input: { expires } });
    const accepted = await other.payee.run(rollover, { on: first.message });
    await other.payer.run(rollover, { input: { contract: id }, cancel: true });
    await refused(() => other.payer.run(rollover, { on: accepted.message }), 'unknown-contract', other.payer);
    expect(rolls.at(-1)!['hex']).toMatch(/^03000000/);
  });

  it('a new proposal takes over the coins that an earlier one reserved', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const contract = await opened(both);
    const utxo = [await ownCoin(payer, 700_000n)];
    const input = { utxo, amount: 1_500_000n, expires };
    const stale = await payee.run(rollover, { input: { contract, policy } });
    const first = await payer.run(rollover, { on: stale.message, input });
    // Reserved against everybody else.
    const opening = await payee.run(openCredit, start);
    const take = { utxo, amount: 600_000n, expires };
    await refused(() => payer.run(openCredit, { on: opening.message, input: take }), 'coin-reserved', payer);
    const fresh = await payee.run(rollover, { input: { contract, policy, payout: ADDRESSES.p2tr } });
    const second = await payer.run(rollover, { on: fresh.message, input });
    const accepted = await payee.run(rollover, { on: second.message });
    const signed = await payer.run(rollover, { on: accepted.message });
    await payee.run(rollover, { on: signed.message });
    // The first one's next contract is gone, with its nonce.
    const names = (await payer.home.store.list()).map((r) => r.state);
    expect(names.filter((s) => s === 'cancelled').length).toBe(1);
    expect(first.message['next_contract'].id).not.toBe(second.message['next_contract'].id);
  });

  it('also where the earlier one waited for the signature of another wallet', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const stranger = (await parties()).payer;
    const contract = await opened(both);
    const utxo = [await ownCoin(stranger, 700_000n)];
    const input = { utxo, amount: 1_500_000n, expires };
    const offered = await payee.run(rollover, { input: { contract, policy } });
    const proposed = await payer.run(rollover, { on: offered.message, input });
    const accepted = await payee.run(rollover, { on: proposed.message });
    const waits = await payer.run(rollover, { on: accepted.message });
    expect(waits.exit).toBe(3);
    await payMessages(both, contract, 2_100n); // voids it: it has to start again
    const again = await payee.run(rollover, { input: { contract, policy } });
    await payer.run(rollover, { on: again.message, input });
  });

  it('rollover and close begin with nothing paid too', async () => {
    const both = await parties();
    const rolls = await rollMessages(both, await opened(both));
    expect(rolls.at(-1)).toMatchObject({ step: 'complete', paid_sat: 0 });
    for (const who of ['payer', 'payee'] as const) {
      const next = await opened(both);
      const other = who === 'payer' ? 'payee' : 'payer';
      const proposed = await both[who].run(closeCredit, { input: { contract: next } });
      const signed = await both[other].run(closeCredit, { on: proposed.message });
      const complete = await both[who].run(closeCredit, { on: signed.message });
      expect(complete.message).toMatchObject({ step: 'complete', paid_sat: 0 });
    }
  });
});

describe('close', () => {
  it('the payer signs a close at any amount up to signed_max', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const contract = await opened(both);
    await payMessages(both, contract, 2_100n);
    const requested = await payee.run(signUpdate, { input: { contract, amount: 900n } });
    await payer.run(signUpdate, { on: requested.message, amount: 900n }); // never reaches the payee
    const proposed = await payee.run(closeCredit, { input: { contract } });
    expect(proposed.message['paid_sat']).toBe(2_100);
    const signed = await payer.run(closeCredit, { on: proposed.message });
    await payee.run(closeCredit, { on: signed.message });
    expect((await payerOf(both, contract)).signedMaxSat).toBe(3_000n);
  });

  it('whoever signed the other’s close never leaves closing; cancel voids only one’s own', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const contract = await opened(both);
    await payMessages(both, contract, 2_100n);
    const proposed = await payer.run(closeCredit, { input: { contract } });
    const signed = await payee.run(closeCredit, { on: proposed.message });
    await refused(() => payee.run(closeCredit, { input: { contract }, cancel: true }), 'too-late-to-cancel', payee);
    await payer.run(closeCredit, { input: { contract }, cancel: true });
    await refused(() => payer.run(closeCredit, { on: signed.message }), 'state-moved-on', payer);
    expect((await payeeOf(both, contract)).state).toBe('closing');
    await refused(() => payee.run(signUpdate, { input: { contract, amount: 50n } }), 'wrong-state', payee);
    await refused(() => payee.run(rollover, { input: { contract, policy } }), 'wrong-state', payee);
    // The payer is open again, but nobody asks it; a new close and the exit both still work.
    const again = await payer.run(closeCredit, { input: { contract } });
    const twice = await payee.run(closeCredit, { on: again.message });
    await payer.run(closeCredit, { on: twice.message });
    expect((await payee.run(exitCredit, { input: { contract } })).message['amount_sat']).toBe(2_100);
  });

  it('an output of 0 is omitted', async () => {
    const both = await parties();
    const contract = await opened(both);
    const proposed = await both.payer.run(closeCredit, { input: { contract } });
    const template = templateOf(readPsbt(proposed.message['psbt'].close));
    expect(template.outputs.length).toBe(1);
    expect(template.outputs[0]!.sat).toBe(1_200_000n - exitFee((await payeeOf(both, contract)).terms));
  });

  it('feerates are bounded by both sides', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const contract = await opened(both);
    payer.chain.feerate = 101_000;
    const dear = await payer.run(closeCredit, { input: { contract } });
    await refused(() => payee.run(closeCredit, { on: dear.message }), 'fee-too-high', payee);
    await payee.run(closeCredit, { on: dear.message, input: { maxFeerate: 200_000 } });
    const other = await parties();
    const id = await opened(other);
    other.payer.chain.feerate = 1_000_000; // more than a tenth
    await refused(() => other.payer.run(closeCredit, { input: { contract: id } }), 'fee-too-high', other.payer);
  });
});

describe('restored homes', () => {
  it('a payee’s restored home only exits, until its owner accepts; its contracts take no update ever', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const contract = await opened(both);
    await payMessages(both, contract, 2_100n);
    const other = await opened(both);
    const requested = await payee.run(signUpdate, { input: { contract, amount: 900n } });
    const signed = await payer.run(signUpdate, { on: requested.message, amount: 900n });
    const proposed = await payer.run(closeCredit, { input: { contract: other } });
    const rolls = await payee.run(rollover, { input: { contract: await opened(both), policy } });
    const rolling = await payer.run(rollover, { on: rolls.message, input: { expires } });
    const rolled = await payer.run(rollover, { on: (await payee.run(rollover, { on: rolling.message })).message });
    const backup = backUp(payee);
    await restore(payee, backup);
    expect(payee.home.restored).toBe(true);

    await refused(() => payee.run(openCredit, start), 'home-restored', payee);
    await refused(() => payee.run(signUpdate, { input: { contract, amount: 50n } }), 'home-restored', payee);
    await refused(() => payee.run(signUpdate, { on: signed.message }), 'home-restored', payee);
    await refused(() => payee.run(rollover, { input: { contract, policy } }), 'home-restored', payee);
    await refused(() => payee.run(closeCredit, { input: { contract } }), 'home-restored', payee);
    await refused(() => payee.run(closeCredit, { on: proposed.message }), 'home-restored', payee);
    await refused(() => payee.run(rollover, { on: rolled.message }), 'home-restored', payee);
    expect((await payee.run(exitCredit, { input: { contract, export: true } })).message['amount_sat']).toBe(2_100);

    await payee.home.acceptRestore();
    await refused(() => payee.run(signUpdate, { input: { contract, amount: 50n } }), 'contract-restored', payee);
    await refused(() => payee.run(signUpdate, { on: signed.message }), 'contract-restored', payee);
    await payee.run(closeCredit, { on: proposed.message });
    // A contract made after it is like any other.
    const fresh = await opened(both);
    await payMessages(both, fresh, 5_000n);
    // A close of the restored one: at what the payer has signed.
    const close = await payer.run(closeCredit, { input: { contract } });
    const done = await payee.run(closeCredit, { on: close.message });
    expect((await payer.run(closeCredit, { on: done.message })).message['paid_sat']).toBe(3_000);
  });

  it('it signs no refund that it had accepted once more, for another nonce of the payer', async () => {
    const both = await parties();
    const { payee } = both;
    const offered = (await payee.run(openCredit, start)).message;
    const proposed = (byte: number) => proposal(offered, {}, undefined, undefined, secret(byte));
    await payee.run(openCredit, { on: proposed(3) });
    expect((await payee.run(openCredit, { on: proposed(4) })).message['step']).toBe('accepted');
    await restore(payee, backUp(payee));
    await refused(() => payee.run(openCredit, { on: proposed(5) }), 'home-restored', payee);
    await payee.home.acceptRestore();
    expect((await payee.run(openCredit, { on: proposed(5) })).message['step']).toBe('accepted');
  });

  it('it still rolls over, and the next contract takes updates', async () => {
    const both = await parties();
    const { payee } = both;
    const contract = await opened(both);
    await payMessages(both, contract, 2_100n);
    await restore(payee, backUp(payee));
    await payee.home.acceptRestore();
    const rolls = await rollMessages(both, contract);
    await payMessages(both, rolls.at(-1)!['next_contract'].id, 700n);
  });

  it('nonces, offers and proposals are erased, on both sides', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const contract = await opened(both);
    const requested = await payee.run(signUpdate, { input: { contract, amount: 2_100n } });
    const offered = await payee.run(openCredit, start);
    const mine = await payee.run(openCredit, start);
    const input = { utxo: [await ownCoin(payer, 1_300_000n)], amount: 1_200_000n, expires };
    const proposed = await payer.run(openCredit, { on: offered.message, input });
    const accepted = await payee.run(openCredit, { on: proposed.message });
    await restore(payee, backUp(payee));
    await restore(payer, backUp(payer));
    await payee.home.acceptRestore();
    expect(((await payee.record(contract)) as PayeeCredit).live).toEqual([]);
    const states = (records: readonly { state: string }[]) => records.map((r) => r.state).sort();
    expect(states(await payee.home.store.list())).toEqual(['accepted', 'cancelled', 'open']);
    expect(states(await payer.home.store.list())).toEqual(['cancelled', 'open']);
    await refused(() => payer.run(openCredit, { on: accepted.message }), 'unknown-contract', payer);
    const take = { utxo: [await ownCoin(payer, 1_300_000n)], amount: 1_200_000n, expires };
    const late = await payer.run(openCredit, { on: mine.message, input: take });
    await refused(() => payee.run(openCredit, { on: late.message }), 'wrong-state', payee);
    // A request of before is not printed again from the restored store, and its answer finds no nonce.
    const signed = await payer.run(signUpdate, { on: requested.message, amount: 2_100n });
    await refused(() => payee.run(signUpdate, { on: signed.message }), 'contract-restored', payee);
  });

  it('the original beside its copy goes on, and no nonce is in both', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const contract = await opened(both);
    const requested = await payee.run(signUpdate, { input: { contract, amount: 2_100n } });
    const signed = await payer.run(signUpdate, { on: requested.message, amount: 2_100n });
    const copy = backUp(payee);
    await payee.run(signUpdate, { on: signed.message });
    await payee.reopen(copy);
    const c = (await payee.record(contract)) as Credit & { live: unknown[] };
    expect(c).toMatchObject({ state: 'open', paidSat: 0n, live: [], restored: true });
    const { nonces } = await payee.home.store.load([`id:${contract}`]);
    expect(nonces).toEqual([]);
    await payee.reopen();
    expect(payee.home.restored).toBe(false);
    expect((await payeeOf(both, contract)).paidSat).toBe(2_100n);
  });

  it('a payer’s home goes on, its own close reopened and one that it signed for the payee still closing', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const [own, theirs] = [await opened(both), await opened(both)];
    await payer.run(closeCredit, { input: { contract: own } });
    const proposed = await payee.run(closeCredit, { input: { contract: theirs } });
    await payer.run(closeCredit, { on: proposed.message });
    await restore(payer, backUp(payer));
    expect((await payerOf(both, own)).state).toBe('open');
    expect((await payerOf(both, theirs)).state).toBe('closing');
    await payMessages(both, own, 2_100n);
  });
});
