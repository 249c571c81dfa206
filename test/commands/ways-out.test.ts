/** Refusals over the state of a contract name the command that leads out, and that command does. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { close, openOwn, pay, World, type Message } from '../support/spillway.ts';

let world: World;
let id: string;
let accepted: Message;
beforeAll(async () => {
  world = await World.make();
  const ready = await world.play(openOwn(await world.coin(1_300_000)));
  id = ready['contract'].id;
  accepted = await world.play(pay(id, 2_100));
});
afterAll(() => world.remove());

it('a message of somebody else names the counterparty once', async () => {
  const asks = ['sign-update', '--contract', id, '--amount', '500'];
  const requested = JSON.parse(await world.said('payee', asks)) as Message;
  const { code, stderr } = await world.warm(
    'payer',
    ['sign-update', '--max', '500'],
    JSON.stringify({ ...requested, auth: accepted['auth'] }),
  );
  expect([code, stderr]).toEqual([
    76,
    'error[bad-seal]: the message is not sealed by the counterparty: it was altered, or somebody else made it\n',
  ]);
});

it('a contract that is closed leads to its close, which is printed again', async () => {
  const done = await world.play(close(id, 'payee'));
  const { code, stdout, stderr } = await world.warm('payee', ['sign-update', '--contract', id, '--amount', '7']);
  expect([code, stdout]).toEqual([75, '']);
  expect(stderr).toMatch(
    /^error\[wrong-state\]: the contract is 'closed' .*\nhint: spillway close-credit --contract ID --again /,
  );
  expect(JSON.parse(await world.said('payee', ['close-credit', '--contract', id, '--again']))).toEqual(done);
});

it('a contract that is not open yet leads to the last message of its opening', async () => {
  const coins = await world.coin(700_000);
  const offered = await world.said('payee', ['open-credit', '--as', 'payee']);
  const funds = ['open-credit', '--amount', '600000', '--expires', '+4320', '--utxo', coins];
  const said = await world.said('payer', funds, offered);
  const opening = JSON.parse(said)['contract'].id as string;
  const { code, stderr } = await world.warm('payer', ['close-credit', '--contract', opening]);
  expect([code, stderr]).toEqual([
    75,
    expect.stringMatching(
      /'proposed' .*\nhint: spillway open-credit --contract ID --again prints its last message, --cancel/,
    ),
  ]);
  expect(await world.said('payer', ['open-credit', '--contract', opening, '--again'])).toBe(said);
});
