/** What `inspect` says of statechain messages that were altered: a line, whatever they hold; it never ends the program. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { inspect } from '../../src/commands/tools/inspection.ts';
import type { Document } from '../../src/lib/protocol/message.ts';
import { Refusal } from '../../src/lib/protocol/refusal.ts';
import { transferStatechain } from '../../src/lib/statechain/transfer.ts';
import { withdrawStatechain } from '../../src/lib/statechain/withdraw.ts';
import { openStatechain } from '../../src/lib/statechain/open.ts';
import { auditStatechain } from '../../src/lib/statechain/audit.ts';
import { exitStatechain } from '../../src/lib/statechain/exit.ts';
import { exitCredit } from '../../src/lib/ecash/credit.ts';
import { alterFields, type Altered } from '../credit/alter.ts';
import { opened as openedCredit, pair, payMessages } from '../support/credit.ts';
import type { Message } from '../support/party.ts';
import {
  cast,
  opened,
  openMessages,
  transferMessages,
  viewUnder,
  withdrawMessages,
  type Cast,
} from '../support/statechain.ts';

const ANYBODY = new Uint8Array(32).fill(9);
let all: Cast;
let messages: Message[];
let printed: Message[];
beforeAll(async () => {
  all = await cast(61);
  messages = [...(await openMessages(all))];
  const id = await opened(all);
  messages.push(...(await transferMessages(all.operator, all.alice, all.bob, id)));
  messages.push(...(await withdrawMessages(all.operator, all.alice, await opened(all))));
  printed = [
    (await all.operator.run(auditStatechain, { input: { contract: id } })).message,
    (await all.bob.run(exitStatechain, { input: { contract: id } })).message,
  ];
  const both = await pair(66);
  const paid = await openedCredit(both);
  await payMessages(both, paid, 5_000n);
  printed.push((await both.payee.run(exitCredit, { input: { contract: paid } })).message);
  both.close();
});
afterAll(() => all.close());

/** Every seventh alteration: all of them take minutes. */
const some = (message: Message): Altered[] => [...alterFields(message, ANYBODY)].filter((_, i) => i % 7 === 0);

const tables = [openStatechain, transferStatechain, withdrawStatechain];
const parses = (message: Message): boolean =>
  tables.some((table) => {
    try {
      return table.type === message['type'] && table.parse(message) !== undefined;
    } catch (error) {
      if (error instanceof Refusal) return false;
      throw error;
    }
  });
async function codeOf(message: Message): Promise<string | undefined> {
  try {
    await inspect({ document: message as unknown as Document }, undefined);
    return undefined;
  } catch (error) {
    return error instanceof Refusal ? error.code : `crash: ${String(error)}`;
  }
}

it('a message that its table reads is told in lines, with what is wrong in one of them', async () => {
  const found: unknown[] = [];
  for (const message of messages)
    for (const { what, message: altered } of some(message)) {
      const code = await codeOf(altered);
      if (parses(altered) ? code !== undefined : code?.startsWith('crash')) found.push([message['step'], what, code]);
    }
  expect(found).toEqual([]);
});

it('documents that are only printed end with a code at most', async () => {
  const found: unknown[] = [];
  for (const message of printed)
    for (const { what, message: altered } of some(message)) {
      const code = await codeOf(altered);
      if (code?.startsWith('crash')) found.push([message['type'], what, code]);
    }
  expect(found).toEqual([]);
});

it('a locktime below zero and an address that is none are lines', async () => {
  const of = (type: string, step: string): Message =>
    messages.find((m) => m['type'] === type && m['step'] === step && m['psbt'])!;
  const text = async (message: Message): Promise<string> =>
    (await inspect({ document: message as unknown as Document }, undefined)).checks.join('\n');
  const requested = of('statechain-withdraw', 'requested');
  expect(await text({ ...requested, address: 'nowhere' })).toMatch(/psbt\.withdraw,no: /);
  const received = of('statechain-transfer', 'received');
  expect(await text({ ...received, expected_count: 900_000 })).toMatch(/psbt\.backup,no: /);
  expect(await text({ ...received, invite: { ...received['invite'], address: 'nowhere' } })).toMatch(
    /psbt\.backup,no: /,
  );
  expect(await text({ ...received, network: 'nowhere' })).toMatch(/coin id,no: network nowhere is not known/);
});

/** Heights: of 100 blocks a step, for the 21st owner. */
it.each([
  [1999, /no height is left: -1/],
  [2000, /^backup,.*valid from block 1, /m],
  [2001, /^backup,.*valid from block 2, /m],
])('a backup is told from height 0 on: the first one at %i', async (locktime, words) => {
  const received = messages.find((m) => m['step'] === 'received')!;
  const document = { ...received, coin: viewUnder(received['coin'], { locktime }), expected_count: 20 };
  const { facts, checks } = await inspect({ document: document as unknown as Document }, undefined);
  expect(checks).toContainEqual(['coin id', 'id, address and descriptor follow from the terms']);
  expect([...facts, ...checks].join('\n')).toMatch(words);
});
