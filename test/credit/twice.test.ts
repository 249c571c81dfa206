/**
 * Every row twice, the second time with another message of the same meaning: sealed anew by its sender, so that no stored
 * answer fits. It is refused and changes nothing, or it says the same: no sum grows, no record more or less.
 */
import { schnorr } from '@noble/curves/secp256k1.js';
import { describe, expect, it } from 'vitest';
import { creditKind, isFunded, paidOf } from '../../src/lib/credit/records.ts';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { canonicalJson } from '../../src/lib/protocol/json.ts';
import { Refusal } from '../../src/lib/protocol/refusal.ts';
import { messageHash } from '../../src/lib/signing/seal.ts';
import type { Message, TestParty } from '../support/party.ts';
import { sealSecret } from './alter.ts';
import { parties } from './helpers.ts';
import { scenes, type Stage, type Who } from './scenes.ts';

/** The same message under another signature of the same sender: the other side, or this one that reads its own again. */
async function twin(parties: readonly TestParty[], message: Message): Promise<Message> {
  if (message['auth'] === undefined) return message;
  const [one, other] = parties;
  const secret = await sealSecret(one!, message).catch(() => sealSecret(other!, message));
  const hash = messageHash(message);
  return { ...message, auth: bytesToHex(schnorr.sign(hash, secret, new Uint8Array(32).fill(77))) };
}
/** What must not move: sums, states and claims of every record. An offer binds nobody: there may be a second one. */
const sums = async (party: TestParty): Promise<unknown> =>
  (await party.home.store.list('credit')).flatMap(({ record }) => {
    const c = creditKind.parse(record);
    if (c.state === 'offered') return [];
    return { state: c.state, claims: creditKind.claims(c), ...(isFunded(c) && { paid: paidOf(c) }) };
  });

describe('every row twice, with another message of the same meaning', () => {
  it.each(Object.keys(scenes))('%s', async (name) => {
    const both = await parties();
    const seen: string[] = [];
    const stage: Stage = async (who, table, options) => {
      const first = await both[who].run(table, options);
      if (options.on === undefined) return first.message;
      const sender: Who = who === 'payer' ? 'payee' : 'payer';
      const on = await twin([both[sender], both[who]], options.on as Message);
      const before = [await sums(both[who]), canonicalJson(await both[who].state())];
      const again = await both[who].run(table, { ...options, on }).then(
        ({ message }) => message,
        (error: unknown) => error as Refusal,
      );
      const after = [await sums(both[who]), canonicalJson(await both[who].state())];
      if (again instanceof Error) {
        expect(again, `${table.type} ${first.message['step']}`).toBeInstanceOf(Refusal);
        expect(again.code).not.toBe('bug');
        expect(after, `${table.type} ${first.message['step']}: ${again.code}`).toEqual(before);
        seen.push(`${first.message['step']}: ${again.code}`);
        return first.message;
      }
      expect(after[0], `${table.type} ${first.message['step']}`).toEqual(before[0]);
      expect(again['step']).toBe(first.message['step']);
      seen.push(`${first.message['step']}: again`);
      // What it says now holds: the action goes on with it.
      return again;
    };
    await scenes[name]!(both, stage);
    expect(seen.length).toBeGreaterThan(0);
  });
});
