/**
 * Every state of a credit record against everything that can be asked of it, filled by running it: the step that is
 * printed, or the code of the refusal, and the state after it. What is refused changes nothing. An empty cell fails.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { closeCredit, exitCredit, rollover, signUpdate } from '../../src/lib/ecash/credit.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import { creditKind, isFunded, type Credit } from '../../src/lib/credit/records.ts';
import type { Action } from '../../src/lib/protocol/action.ts';
import { canonicalJson } from '../../src/lib/protocol/json.ts';
import { ERRORS, Refusal } from '../../src/lib/protocol/refusal.ts';
import { pair, type Pair } from '../support/credit.ts';
import type { RunOptions, TestParty } from '../support/party.ts';
import type { Who } from './scenes.ts';
import { STATES, type Made } from './states.ts';

type Table = Action<any, any, any>;
const expires = { blocks: 4_320 };

type Ask = (both: Pair, who: Who, made: Made) => Promise<string> | undefined;
const play = async (party: TestParty, table: Table, options: RunOptions): Promise<string> =>
  party.run(table, { max: 5_000_000n, ...options }).then(
    ({ message }) => String(message['step']),
    (error: unknown) => {
      if (error instanceof Refusal && error.code !== 'bug') return error.code;
      throw error;
    },
  );
const start =
  (table: Table, more: object = {}): Ask =>
  (both, who, { id }) =>
    id === undefined ? undefined : play(both[who], table, { input: { contract: id, ...more } });
/** Named by its id where it has one, else by a message. */
const cancel =
  (table: Table): Ask =>
  (both, who, { id, on }) =>
    play(both[who], table, {
      ...(id === undefined || table === openCredit ? { on } : { input: { contract: id } }),
      cancel: true,
    });
/** What the other side begins, answered by this one. */
const theirs =
  (table: Table, more: object = {}): Ask =>
  (both, who, { id }) => {
    const other = who === 'payer' ? both.payee : both.payer;
    if (id === undefined) return undefined;
    return other.run(table, { input: { contract: id, ...more } }).then(
      ({ message: on }) => {
        const input = table === rollover && on['step'] === 'offered' ? { expires } : {};
        return play(both[who], table, { on, input });
      },
      () => 'not begun',
    );
  };
/** The last message that went round, once more. */
const again: Ask = (both, who, { on }) => {
  const table = { 'open-credit': openCredit, 'sign-update': signUpdate, rollover, 'close-credit': closeCredit }[
    on['type'] as string
  ]!;
  return play(both[who], table as Table, { on });
};
const ASKS: Record<string, Ask> = {
  'again the last message': again,
  pay: start(signUpdate, { amount: 2_100n }),
  'roll over': start(rollover),
  close: start(closeCredit),
  exit: start(exitCredit),
  'their payment': theirs(signUpdate, { amount: 2_100n }),
  'their rollover': theirs(rollover),
  'their close': theirs(closeCredit),
  'cancel the opening': cancel(openCredit),
  'cancel the payment': cancel(signUpdate),
  'cancel the rollover': cancel(rollover),
  'cancel the close': cancel(closeCredit),
  restore: async (both, who) => {
    await both[who].lose(await both[who].backUp());
    return 'restored';
  },
};

const statesOf = async (party: TestParty): Promise<string> =>
  (await party.home.store.list('credit'))
    .map(({ record }) => creditKind.parse(record))
    .map((c: Credit) => `${c.state}${isFunded(c) && c.rolling ? '+rolling' : ''}`)
    .join(' ');

let seed = 100;
const begun = async (make: (both: Pair) => Promise<Made>): Promise<[Pair, Made]> => {
  const both = await pair((seed = 100 + ((seed + 2) % 150)));
  return [both, await make(both)];
};
/** All that a step could change, of each. */
const statesIn = async ({ payee, payer }: Pair): Promise<Record<Who, string>> => ({
  payee: canonicalJson(await payee.state()),
  payer: canonicalJson(await payer.state()),
});

const FILE = new URL('./table.txt', import.meta.url);
const expected = new Map(
  readFileSync(FILE, 'utf8')
    .split('\n')
    .filter((line) => line.includes(' | '))
    .map((line) => line.split(' | ').map((cell) => cell.trim()))
    .map(([state, ask, result]) => [`${state} | ${ask}`, result!]),
);
const found = new Map<string, string>();

describe('every state against everything that can be asked of it', () => {
  describe.each(Object.keys(STATES))('%s', (state) => {
    const [who, make] = STATES[state]!;
    it('says what the table says', async () => {
      // What changes nothing in either home leaves them for what is asked next.
      let left: [Pair, Made] | undefined;
      for (const [name, ask] of Object.entries(ASKS)) {
        const [both, made] = (left ??= await begun(make));
        const before = await statesIn(both);
        const run = ask(both, who, made);
        const result = run === undefined ? 'has no id' : await run;
        const after = await statesIn(both);
        found.set(`${state} | ${name}`, `${result} → ${await statesOf(both[who])}`);
        if (result in ERRORS) expect(after[who], `${name}: ${result} has changed something`).toBe(before[who]);
        if (after.payee === before.payee && after.payer === before.payer) continue;
        both.close();
        left = undefined;
      }
      left?.[0].close();
      const of = (map: ReadonlyMap<string, string>) => [...map].filter(([cell]) => cell.startsWith(`${state} |`));
      if (!process.env['SPILLWAY_FILL_TABLE']) expect(of(found)).toEqual(of(expected));
      expect(of(found).filter(([, result]) => result === '')).toEqual([]);
    });
  });
  it('has no row that nothing fills', () => {
    if (!process.env['SPILLWAY_FILL_TABLE'])
      expect([...expected.keys()].filter((cell) => !found.has(cell))).toEqual([]);
  });
  afterAll(() => {
    if (process.env['SPILLWAY_FILL_TABLE'])
      writeFileSync(FILE, [...found].map(([cell, result]) => `${cell} | ${result}\n`).join(''));
  });
});
