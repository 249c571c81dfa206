/** What is finished is printed again by `--contract ID --again`: of any record, also in a home made of a backup and its journal. */
import { afterEach, expect, it } from 'vitest';
import { closeCredit, rollover } from '../../src/lib/ecash/credit.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import { htlcCooperate } from '../../src/lib/htlc/cooperate.ts';
import { htlcSwap } from '../../src/lib/htlc/swap.ts';
import { playAgain } from '../../src/lib/engine/play.ts';
import type { Action, Claim } from '../../src/lib/protocol/action.ts';
import { hashClaim, idClaim, keyClaim } from '../../src/lib/protocol/claims.ts';
import { openStatechain } from '../../src/lib/statechain/open.ts';
import { withdrawStatechain } from '../../src/lib/statechain/withdraw.ts';
import { spillway } from '../cli/run.ts';
import { ACCEPT, cooperation, OFFER, straight, WANT, type Pair as Two } from '../htlc/scenes.ts';
import { opened, ownCoin, pair, payMessages, rollMessages, type Pair } from '../support/credit.ts';
import { TestParty, type Message } from '../support/party.ts';
import { openMessages, withdrawMessages, type Cast } from '../support/statechain.ts';

const closing: { close(): void }[] = [];
afterEach(() => closing.splice(0).forEach((one) => one.close()));
const closes = <T extends { close(): void }>(one: T): T => (closing.push(one), one);

interface Finished {
  by: TestParty;
  table: Action<any, any, any>;
  name: string;
  claim: Claim;
  message: Message;
}
async function closed(both: Pair): Promise<Finished> {
  const id = await opened(both);
  await payMessages(both, id, 50_000n);
  const proposed = await both.payer.run(closeCredit, { input: { contract: id } });
  const signed = await both.payee.run(closeCredit, { on: proposed.message });
  const { message } = await both.payer.run(closeCredit, { on: signed.message });
  return { by: both.payer, table: closeCredit, name: id, claim: idClaim(id), message };
}
async function rolled(both: Pair): Promise<Finished> {
  const id = await opened(both);
  await payMessages(both, id, 50_000n);
  const message = (await rollMessages(both, id)).at(-1)!;
  return { by: both.payee, table: rollover, name: id, claim: idClaim(id), message };
}
async function funded(both: Pair): Promise<Finished> {
  const { openMessages: open } = await import('../support/credit.ts');
  const message = (await open(both)).at(-1)!;
  const id = message['contract'].id as string;
  return { by: both.payer, table: openCredit, name: id, claim: idClaim(id), message };
}
async function cast(): Promise<Cast> {
  const all = [await TestParty.make(), await TestParty.make()] as const;
  const [operator, alice] = all;
  return closes({ operator, alice, all, close: () => all.forEach((one) => one.close()) } as unknown as Cast);
}
async function withdrawn(): Promise<Finished> {
  const all = await cast();
  const id = (await openMessages(all)).at(-1)!['coin'].id as string;
  const message = (await withdrawMessages(all.operator, all.alice, id)).at(-1)!;
  return { by: all.alice, table: withdrawStatechain, name: id, claim: idClaim(id), message };
}
async function ready(): Promise<Finished> {
  const all = await cast();
  const message = (await openMessages(all)).at(-1)!;
  return {
    by: all.alice,
    table: openStatechain,
    name: message['coin'].id,
    claim: idClaim(message['coin'].id),
    message,
  };
}
async function two(): Promise<Two> {
  const [alice, bob] = [await TestParty.make(), await TestParty.make()];
  return closes({ alice, bob, close: () => (alice.close(), bob.close()) });
}
async function swapped(): Promise<Finished> {
  const both = await two();
  const offered = await both.alice.run(htlcSwap, { input: OFFER });
  const accepted = await both.bob.run(htlcSwap, { on: offered.message, amount: WANT, input: ACCEPT });
  const utxo = [await ownCoin(both.alice, 150_000n)];
  const { message } = await both.alice.run(htlcSwap, { on: accepted.message, input: { utxo } });
  const { hash } = offered.message['offer'];
  return { by: both.alice, table: htlcSwap, name: hash, claim: hashClaim(hash), message };
}
async function cooperated(): Promise<Finished> {
  const both = await two();
  const message = await cooperation(both, straight(both), 'claimer');
  const key = message['htlc'].claim_pubkey as string;
  return { by: both.bob, table: htlcCooperate, name: key, claim: keyClaim(key), message };
}
const credit = async (play: (both: Pair) => Promise<Finished>): Promise<Finished> => {
  const [payee, payer] = [await TestParty.make(), await TestParty.make()];
  return play(
    closes({ payee, payer, close: () => (payee.close(), payer.close()) } as Awaited<ReturnType<typeof pair>>),
  );
};

/** Where an address lies in the wallet is no part of a record, and the seal covers it. */
const said = ({ checks: _, path: __, auth: ___, ...rest }: Message): Message => rest;
const CASES: Record<string, () => Promise<Finished>> = {
  'a funding of a credit contract': () => credit(funded),
  'a close': () => credit(closed),
  'a rollover': () => credit(rolled),
  'the opening of a statecoin': ready,
  'a withdrawal': withdrawn,
  'the payment of a swap': swapped,
  'a cooperative spend': cooperated,
};
it.each(Object.entries(CASES))('%s, before and after a restore with the whole journal', async (_, play) => {
  const made = await play();
  const { by, table, claim, message } = made;
  const again = async (): Promise<Message> => JSON.parse((await playAgain(table, claim, by.ports())).text) as Message;
  expect(said(await again())).toEqual(said(message));
  // No journal brings a reply.
  await by.lose(await emptied(by));
  await by.home.reconcile(by.journal());
  expect(said(await again())).toEqual(said(message));
});

it('at the command line, of a withdrawal and of a swap, in a home that was restored to before them', async () => {
  for (const [play, command] of [
    [withdrawn, 'statechain-withdraw'],
    [swapped, 'htlc swap'],
  ] as const) {
    const { by, name, message } = await play();
    await by.lose(await emptied(by));
    await by.home.reconcile(by.journal());
    by.home.close();
    const env = { SPILLWAY_HOME: by.dir, SPILLWAY_TIP: '1000', CI: '1' };
    const ran = await spillway([...command.split(' '), '--contract', name, '--again'], { env });
    expect([ran.code, said(JSON.parse(ran.stdout) as Message)]).toEqual([0, said(message)]);
    await by.reopen();
  }
});

/** A backup of the home whose replies are gone, as in one that was made before they were given. */
async function emptied(party: TestParty): Promise<string> {
  const { DatabaseSync } = await import('node:sqlite');
  const { join } = await import('node:path');
  const backup = await party.backUp();
  const db = new DatabaseSync(join(backup, 'store.db'));
  db.exec('DELETE FROM reply');
  db.close();
  return backup;
}
