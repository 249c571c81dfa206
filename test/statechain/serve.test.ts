/** A server plays the operator of statecoins: by its rows alone, and by no start. */
import { afterAll, expect, it } from 'vitest';
import { openStatechain } from '../../src/lib/statechain/open.ts';
import { transferStatechain } from '../../src/lib/statechain/transfer.ts';
import { withdrawStatechain } from '../../src/lib/statechain/withdraw.ts';
import { desk } from '../../src/lib/serve/desk.ts';
import { served, workHere } from '../../src/lib/serve/work.ts';
import { ownCoin } from '../support/credit.ts';
import type { Message } from '../support/party.ts';
import { cast, operatorKey, POLICY } from '../support/statechain.ts';

const all = await cast(181);
afterAll(() => all.close());

/** What the operator's server answers: a message, or the error that it tells. */
const said: string[] = [];
const operator = desk(workHere(served(all.operator.ports()), {}, 256), ({ code }) => void said.push(code));
const ask = async (message: Message): Promise<Message> => JSON.parse(await operator(JSON.stringify(message), 'test'));

it('takes what an operator takes: a coin is opened, changes owner and is withdrawn', async () => {
  const { alice, bob } = all;
  const offered = await all.operator.run(openStatechain, { input: { as: 'operator', policy: POLICY } });
  const input = { utxo: [await ownCoin(alice, 1_100_000n)], amount: 1_000_000n };
  const proposed = await alice.run(openStatechain, { on: offered.message, input });
  const ready = await alice.run(openStatechain, { on: await ask(proposed.message) });
  const { id } = ready.message['coin'];
  const key = await operatorKey(all.operator);
  const invited = await bob.run(transferStatechain, { input: { as: 'receiver', operator: key } });
  const offer = await alice.run(transferStatechain, { on: invited.message, input: { contract: id } });
  const sent = await alice.run(transferStatechain, { on: await ask(offer.message) });
  const received = await bob.run(transferStatechain, { on: sent.message });
  const owned = await bob.run(transferStatechain, { on: await ask(received.message) });
  expect(owned.message['step']).toBe('owned');
  const requested = await bob.run(withdrawStatechain, { input: { contract: id } });
  const complete = await bob.run(withdrawStatechain, { on: await ask(requested.message) });
  expect(complete.message['step']).toBe('complete');
  expect(said).toEqual(['ok', 'ok', 'ok', 'ok']);
});

it('does not take what an owner takes: not-served', async () => {
  const offered = await all.operator.run(openStatechain, { input: { as: 'operator', policy: POLICY } });
  const owner = desk(workHere(served(all.carol.ports()), {}, 256), () => {});
  const before = await all.carol.state();
  const { error } = JSON.parse(await owner(JSON.stringify(offered.message), 'test'));
  expect(error.code).toBe('not-served');
  expect(await all.carol.state()).toEqual(before);
});
