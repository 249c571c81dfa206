/** Short words that the statechain tests share. */
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import type { Path } from '../../src/lib/protocol/action.ts';
import { publicKey } from '../../src/lib/signing/musig2.ts';
import { evenSecret } from '../../src/lib/signing/curve.ts';
import { evenKey } from '../../src/lib/signing/sealed-field.ts';
import type { Statecoin } from '../../src/lib/statechain/records.ts';
import { transferStatechain } from '../../src/lib/statechain/transfer.ts';
import { openIn, sealIn } from '../../src/lib/statechain/transfer-messages.ts';
import { reseal, sealSecret } from '../credit/alter.ts';
import { cast, coinOf, type Cast } from '../support/statechain.ts';
import type { Message, RunOptions, TestParty } from '../support/party.ts';

export { refused } from '../credit/helpers.ts';

let seed = 1;
const open: Cast[] = [];
afterEach(() => {
  for (const all of open.splice(0)) all.close();
});
/** An operator and three owners that go with the test. */
export async function parties(): Promise<Cast> {
  const all = await cast((seed = (seed + 4) % 240));
  open.push(all);
  return all;
}

/** One step of a transfer. */
export const step = (party: TestParty, on: Message | undefined, options: RunOptions = {}) =>
  party.run(transferStatechain, { ...options, ...(on && { on }) });

/** The message as its sender would send it with something else in it. */
export async function sealedAs(sender: TestParty, message: Message, change: object): Promise<Message> {
  return reseal({ ...message, ...change }, await sealSecret(sender, message));
}

/** A party's authentication secret of a coin. */
export async function authOf(party: TestParty, c: Statecoin): Promise<Uint8Array> {
  return (await party.home.keys()).auth(c.own.path as Path);
}

/** m1 of a `sent`, as its receiver reads it. */
export async function m1Of(receiver: TestParty, sent: Message): Promise<Uint8Array> {
  const auth = await inviteAuth(receiver, sent);
  return openIn('m1', sent, sent['m1'], evenSecret(auth), 'sender');
}
/** The secret of the invitation that a message names. */
export async function inviteAuth(receiver: TestParty, m: Message): Promise<Uint8Array> {
  const { found } = await receiver.home.store.load([`key:${m['invite'].pubkey}`]);
  const { own } = [...found.values()][0]!.record as { own: { path: Path } };
  return (await receiver.home.keys()).auth(own.path);
}

/** A `sent` with another m1, by its true sender. */
export async function withM1(sender: TestParty, sent: Message, m1: Uint8Array): Promise<Message> {
  const { m1: _, auth: __, checks: ___, ...rest } = sent;
  const oneTime = new Uint8Array(32).fill(77);
  const sealed = sealIn('m1', rest, m1, oneTime, evenKey(sent['invite'].auth));
  return sealedAs(sender, sent, { m1: { key: bytesToHex(publicKey(oneTime)), sealed } });
}
/** A `received` with another m2, by its true receiver. */
export async function withM2(receiver: TestParty, received: Message, m2: Uint8Array): Promise<Message> {
  const { m2: _, auth: __, checks: ___, ...rest } = received;
  const oneTime = new Uint8Array(32).fill(78);
  const sealed = sealIn('m2', rest, m2, oneTime, received['opening'].one_time_pubkey);
  return sealedAs(receiver, received, { m2: { key: bytesToHex(publicKey(oneTime)), sealed } });
}

let copies = 0;
/** A copy of the home as a backup makes it: the home's own directory, and nothing beside it. */
export function backUp(party: TestParty): string {
  const to = join(party.dir, '..', `backup-${(copies += 1)}`);
  cpSync(party.home.dir, to, { recursive: true });
  return to;
}
/** The home put back from a backup, in its own place. */
export async function restore(party: TestParty, backup: string): Promise<void> {
  const { dir } = party;
  party.home.close();
  rmSync(dir, { recursive: true });
  cpSync(backup, dir, { recursive: true });
  await party.reopen();
}

export const stateOf = async (party: TestParty, id: string): Promise<string> => (await coinOf(party, id)).state;
