/** Cancels and repeats as every family has them: whose message is believed, what is said again, and what is not. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { play, playAgain } from '../../src/lib/engine/play.ts';
import { closeCredit, rollover, signUpdate } from '../../src/lib/ecash/credit.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import { defaultPolicy } from '../../src/lib/credit/terms.ts';
import { plainCommit } from '../../src/lib/home/change.ts';
import type { Action, Claim } from '../../src/lib/protocol/action.ts';
import { idClaim, keyClaim } from '../../src/lib/protocol/claims.ts';
import type { Refusal } from '../../src/lib/protocol/refusal.ts';
import { opened, ownCoin, pair, payMessages, type Pair } from '../support/credit.ts';
import type { Message, Ran } from '../support/party.ts';

const policy = defaultPolicy('regtest');
let seed = 1150;
let both: Pair;
beforeEach(async () => void (both = await pair((seed += 2) % 256)));
afterEach(() => both.close());

const codeOf = async (run: Promise<unknown>): Promise<string | undefined> =>
  run.then(
    () => undefined,
    (error: Refusal) => error.code,
  );
const offer = async (): Promise<Message> =>
  (await both.payee.run(openCredit, { input: { as: 'payee', policy } })).message;
const opening = async () => ({
  utxo: [await ownCoin(both.payer, 1_300_000n)],
  amount: 1_200_000n,
  expires: { blocks: 4_320 },
});

describe('a cancel', () => {
  it('by a message of a stranger, or one that was altered, is refused and changes nothing', async () => {
    const on = await offer();
    const proposed = await both.payer.run(openCredit, { on, input: await opening() });
    const before = await both.payer.state();
    const auth = (proposed.message['auth'] as string).replace(/.$/, (c) => (c === '0' ? '1' : '0'));
    for (const forged of [
      { ...proposed.message, auth },
      { ...on, auth },
      { ...proposed.message, auth: undefined },
    ])
      expect(await codeOf(both.payer.run(openCredit, { on: forged, cancel: true }))).toMatch(/^(bad-seal|malformed)/);
    expect(await both.payer.state()).toEqual(before);
    for (const known of [proposed.message, on])
      expect(['unknown-contract', undefined]).toContain(
        await codeOf(both.payer.run(openCredit, { on: known, cancel: true })),
      );
    expect(await both.payer.state()).not.toEqual(before);
  });

  it('by a message whose sender nobody could know is refused, but for one of its own', async () => {
    const id = await opened(both);
    const close = await both.payee.run(closeCredit, { input: { contract: id } });
    const unknown = { ...closeCredit, peer: () => null };
    const forged = { ...close.message, checks: undefined, network: 'regtest', auth: '00'.repeat(64) };
    expect(await codeOf(both.payee.run(unknown, { on: forged, cancel: true }))).toBe('bad-seal');
    expect((await both.payee.record(id)).state).toBe('closing');
    await both.payee.run(unknown, { on: close.message, cancel: true });
    expect((await both.payee.record(id)).state).toBe('open');
  });

  it('takes away what its action has answered: the same input again is another proposal', async () => {
    const on = await offer();
    const input = await opening();
    const first = await both.payer.run(openCredit, { on, input });
    await both.payer.run(openCredit, { on, cancel: true });
    const second = await both.payer.run(openCredit, { on, input });
    expect(second.message['contract'].payer_pubkey).not.toBe(first.message['contract'].payer_pubkey);
    expect((await both.payer.record(second.message['contract'].id)).state).toBe('proposed');
  });

  it('leaves what stands for good, and what other actions have answered', async () => {
    const id = await opened(both);
    const requested = await both.payee.run(signUpdate, { input: { contract: id, amount: 2_100n } });
    const signed = await both.payer.run(signUpdate, { on: requested.message, amount: 2_100n });
    const accepted = await both.payee.run(signUpdate, { on: signed.message });
    const close = await both.payee.run(closeCredit, { input: { contract: id } });
    await both.payee.run(closeCredit, { on: close.message, cancel: true });
    await both.payee.run(signUpdate, { input: { contract: id, amount: 3_000n } });
    await both.payee.run(signUpdate, { input: { contract: id }, cancel: true });
    expect((await both.payee.run(signUpdate, { on: signed.message })).text).toBe(accepted.text);
    expect((await both.payer.run(signUpdate, { on: requested.message, amount: 2_100n })).text).toBe(signed.text);
  });

  it('is printed again for the same message, until another step of the action has been taken', async () => {
    const id = await opened(both);
    const close = await both.payee.run(closeCredit, { input: { contract: id } });
    const cancelled = await both.payee.run(closeCredit, { on: close.message, cancel: true });
    expect((await both.payee.run(closeCredit, { on: close.message, cancel: true })).text).toBe(cancelled.text);
    const again = await both.payee.run(closeCredit, { input: { contract: id } });
    expect((await both.payee.record(id)).state).toBe('closing');
    expect(await codeOf(both.payee.run(closeCredit, { on: close.message, cancel: true }))).toBe('state-moved-on');
    expect((await both.payee.record(id)).state).toBe('closing');
    await both.payee.run(closeCredit, { on: again.message, cancel: true });
    expect((await both.payee.record(id)).state).toBe('open');
  });
});

describe('--again', () => {
  const again = (
    party: Pair['payer'],
    table: Parameters<typeof playAgain>[0],
    claim: Parameters<typeof playAgain>[1],
  ) => playAgain(table, claim, party.ports());

  it('prints what an action has printed last over a record, starts included', async () => {
    const on = await offer();
    expect(JSON.parse((await again(both.payee, openCredit, keyClaim(on['offer'].pubkey))).text)).toEqual(on);
    const proposed = await both.payer.run(openCredit, { on, input: await opening() });
    const { id } = proposed.message['contract'] as { id: string };
    expect((await again(both.payer, openCredit, idClaim(id))).text).toBe(proposed.text);
    expect(await codeOf(again(both.payer, rollover, idClaim(id)))).toBe('nothing-to-print');
  });

  it('prints nothing that shows a nonce which is gone, or that was cancelled', async () => {
    const id = await opened(both);
    const requested = await both.payee.run(signUpdate, { input: { contract: id, amount: 2_100n } });
    expect((await again(both.payee, signUpdate, idClaim(id))).text).toBe(requested.text);
    await both.payee.run(signUpdate, { input: { contract: id }, cancel: true });
    expect((await again(both.payee, signUpdate, idClaim(id))).text).toContain('"cancelled"');
    const close = await both.payee.run(closeCredit, { input: { contract: id } });
    await both.payee.run(closeCredit, { on: close.message, cancel: true });
    expect((await again(both.payee, closeCredit, idClaim(id))).text).not.toBe(close.text);
  });

  it('prints nothing older in place of a last message whose nonce is gone', async () => {
    const id = await opened(both);
    await payMessages(both, id, 2_100n);
    await both.payee.run(signUpdate, { input: { contract: id, amount: 3_000n } });
    const { store } = both.payee.home;
    const { nonces } = await store.load([idClaim(id)]);
    await store.commit({ ...plainCommit({ reads: [], writes: [] }), spends: nonces });
    expect(await codeOf(again(both.payee, signUpdate, idClaim(id)))).toBe('nothing-to-print');
  });
});

describe('a cancel in a home that waits for reconcile', () => {
  it('is refused: what it would end may have gone on, and its journal would be taken for less', async () => {
    const id = await opened(both, { amount: 800_000n });
    const asked = await both.payee.run(rollover, { input: { contract: id, policy } });
    const proposed = await both.payer.run(rollover, { on: asked.message, input: { expires: { blocks: 4_320 } } });
    const backup = await both.payer.backUp();
    const accepted = await both.payee.run(rollover, { on: proposed.message });
    const signed = await both.payer.run(rollover, { on: accepted.message });
    await both.payee.run(rollover, { on: signed.message });
    const next = signed.message['next_contract'].id as string;
    await both.payer.lose(backup);
    const before = await both.payer.state();
    for (const named of [{ on: proposed.message }, { over: idClaim(id) }])
      expect(await codeOf(both.payer.run(rollover, { ...named, cancel: true }))).toBe('home-restored');
    expect(await both.payer.state()).toEqual(before);
    await both.payer.home.reconcile(both.payer.journal());
    expect((await both.payer.record(id)).state).toBe('rolled');
    expect(['accepted', 'open']).toContain((await both.payer.record(next)).state);
  });
});

describe('two runs at once', () => {
  it('of one cancel print the same', async () => {
    const id = await opened(both);
    const close = await both.payee.run(closeCredit, { input: { contract: id } });
    let other: Promise<Ran> | undefined;
    // The other run is through between this one's first look and its read of the record.
    const ports = both.payee.ports();
    const { store } = ports;
    let looks = 0;
    const slow = {
      ...ports,
      store: new Proxy(store, {
        get(target, name) {
          if (name !== 'load') return (target[name as keyof typeof target] as () => unknown).bind(target);
          return async (claims: Claim[]) => {
            if (looks++ === 0) await (other = both.payee.run(closeCredit, { on: close.message, cancel: true }));
            return target.load(claims);
          };
        },
      }),
    };
    const line = { json: close.message, input: {}, merged: [], cancel: true };
    const { text } = await play(closeCredit, line, slow);
    expect(text).toBe((await other!).text);
  });
});

describe('a cancel of what this home does not have', () => {
  it('is refused in every family, as a step would be', async () => {
    const id = await opened(both);
    const close = await both.payee.run(closeCredit, { input: { contract: id } });
    const stranger = await pair(250);
    try {
      const tables = [closeCredit, rollover, signUpdate, openCredit] as Action<any, any, any>[];
      const { step: _, ...rest } = close.message;
      for (const table of tables)
        for (const on of [{ ...close.message }, { ...rest, type: table.type, step: 'asked' }])
          expect(await codeOf(stranger.payee.run(table, { on, cancel: true }))).toMatch(
            /^(unknown-contract|malformed.*|unknown-.*|wrong-type)$/,
          );
    } finally {
      stranger.close();
    }
  });
});
