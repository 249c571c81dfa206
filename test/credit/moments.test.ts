/**
 * A counterparty that lies consistently, and with true bytes of another moment. In each step of each action the victim gets
 * what the counterparty would have said in a twin world (`twins.ts`: the same homes, other sums, coins, fees or payments
 * before), and what it has said earlier (`rounds.ts`: another contract, another round, what was cancelled, what a restore
 * forgot), whole and in pieces that are sealed anew. It is refused by a documented code, or it is no lie at all: what was
 * printed before, or what the true message keeps and says, or it stands in `HARMLESS` with the reason. Nothing changes, and the
 * true message works afterwards.
 */
import { describe, expect, it } from 'vitest';
import { pair } from '../support/credit.ts';
import type { Message } from '../support/party.ts';
import { HARMLESS, Liar, stepOf, wrong, type Other, type Told } from './liar.ts';
import { ROUNDS } from './rounds.ts';
import { SCENES, TRUE, TWINS, type Turn } from './twins.ts';

const SEED = 60;
const pieced = new Set<string>();
/** What is answered in each step of a scene in a world of its own. */
async function answered(scene: string, turn: Partial<Turn>): Promise<(Message | undefined)[]> {
  const both = await pair(SEED);
  const all: (Message | undefined)[] = [];
  const here = { ...TRUE, ...turn };
  await SCENES[scene]!(
    both,
    async (who, table, options) => {
      all.push(options.on as Message | undefined);
      return (await both[who].run(table, options)).message;
    },
    here,
  );
  both.close();
  return all;
}

/** A scene in which every message is taken for that of a twin world first. */
async function withTwins(scene: string): Promise<Told[]> {
  const twins: [string, (Message | undefined)[]][] = [];
  for (const [name, turn] of TWINS[scene]!) twins.push([name, await answered(scene, turn)]);
  const both = await pair(SEED);
  const liar = new Liar(pieced);
  let at = 0;
  await SCENES[scene]!(
    both,
    (who, table, options) => {
      const others = twins.flatMap(([name, all], i): Other[] =>
        all[at] === undefined ? [] : [{ name, message: all[at]!, ...(i > 0 && { whole: true as const }) }],
      );
      at += 1;
      return liar.plays(both, who, table, options, others);
    },
    TRUE,
  );
  both.close();
  return liar.told;
}

const idOf = (m: Message): string | undefined => m['contract']?.id as string | undefined;
/** Rounds in which every message is taken for an earlier one first: the last of the same contract, and of another. */
async function withEarlier(scene: string, seed: number): Promise<Told[]> {
  const both = await pair(seed);
  const liar = new Liar(pieced);
  const said: Message[] = [];
  await ROUNDS[scene]!(both, async (who, table, options) => {
    const on = options.on as Message | undefined;
    const earlier = on === undefined ? [] : said.filter((m) => m !== on && stepOf(m) === stepOf(on)).reverse();
    const same = earlier.find((m) => idOf(m) === idOf(on!));
    const another = earlier.find((m) => idOf(m) !== idOf(on!));
    const others: Other[] = [
      ...(same ? [{ name: 'same contract', message: same }] : []),
      ...(another ? [{ name: 'another', message: another }] : []),
    ];
    const message = await liar.plays(both, who, table, options, others);
    said.push(message);
    return message;
  });
  both.close();
  return liar.told;
}

const told: Told[] = [];
describe('what the counterparty of a twin world says', () => {
  it.each(Object.keys(SCENES))('is refused, or harmless: %s', async (scene) => {
    const lies = await withTwins(scene);
    told.push(...lies);
    expect(wrong(lies)).toEqual([]);
    expect(lies.length).toBeGreaterThan(8);
  });
});

describe('what the counterparty has said at another moment', () => {
  it.each(Object.keys(ROUNDS).map((scene, i) => [scene, 20 + 2 * i] as const))(
    'is refused, or harmless: %s',
    async (scene, seed) => {
      const lies = await withEarlier(scene, seed);
      told.push(...lies);
      expect(wrong(lies)).toEqual([]);
      expect(lies.length).toBeGreaterThan(15);
    },
  );
});

describe('all of them', () => {
  it('are many, in every step that is answered', () => {
    expect(told.length).toBeGreaterThan(700);
    const steps = new Set(told.map(({ at }) => at));
    expect([...steps].sort()).toEqual([
      'close-credit/proposed:payee',
      'close-credit/proposed:payer',
      'close-credit/signed:payee',
      'close-credit/signed:payer',
      'credit-invoice/queried',
      'credit-invoice/stated',
      'ecash-quote/bound',
      'ecash-quote/made',
      'ecash-restore/answered',
      'ecash-restore/asked',
      'open-credit/accepted',
      'open-credit/addressed',
      'open-credit/offered',
      'open-credit/proposed',
      'rollover/accepted',
      'rollover/asked',
      'rollover/offered',
      'rollover/proposed',
      'rollover/signed',
      'sign-update/accepted',
      'sign-update/asked',
      'sign-update/requested',
      'sign-update/signed',
    ]);
  });
  it('each reason is needed', () => {
    const uses = ([what, at]: (typeof HARMLESS)[number]): boolean =>
      told.some((t) => t.ended === 'taken' && what.test(t.what) && at.test(t.at));
    expect(HARMLESS.filter((line) => !uses(line)).map(([, , why]) => why)).toEqual([]);
  });
});
