/**
 * A mint that lies: in each answer that a wallet reads, each field is taken out, changed, of another form, once, at that
 * moment. The wallet ends in a documented code or goes on. With a mint that is honest again, documented commands bring all the
 * ecash to light, and no coin that they have printed or written is worthless.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getDecodedToken } from '@cashu/cashu-ts';
import { afterAll, afterEach, beforeEach, expect, it } from 'vitest';
import { changeFile, fileJournal } from '../../src/commands/ecash/melt.ts';
import { printInHand } from '../../src/lib/cashu/in-hand.ts';
import { meltEcash } from '../../src/lib/cashu/melt.ts';
import { mintEcash } from '../../src/lib/cashu/mint.ts';
import { ERRORS, Refusal } from '../../src/lib/protocol/refusal.ts';
import { backUp } from '../credit/helpers.ts';
import { isNamed, KEYSET, MintError } from '../support/mint.ts';
import { Market } from '../support/mint-home.ts';

/** A part of the lies stands for them; SPILLWAY_LIES=all tells each. */
const ALL = process.env['SPILLWAY_LIES'] === 'all';
const POINT = '0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798';
const STATES = ['UNPAID', 'PENDING', 'PAID', 'UNSPENT', 'SPENT'];
type Step = string | number;
type Lie = [what: string, tell: (truth: object) => object];

/** Other values of that form, and of another. */
function instead(value: unknown): unknown[] {
  if (typeof value === 'number') return [value + 1, value === 0 ? 1e15 : 0, -1, String(value)];
  if (typeof value === 'boolean') return [!value, 'yes'];
  if (value === undefined || value === null) return [7, 'text'];
  if (Array.isArray(value)) return [[], [...value, ...value], ...(value.length > 1 ? [value.toReversed()] : [])];
  if (typeof value === 'object') return [{}, []];
  const text = value as string;
  if (STATES.includes(text)) return [...STATES.filter((state) => state !== text), 'ELSE', 7];
  const other = text.slice(0, -1) + (text.endsWith('0') ? '1' : '0');
  return [other, ...(/^0[23][0-9a-f]{64}$/.test(text) ? [POINT] : []), 7];
}
function* paths(value: unknown, path: Step[] = []): Generator<Step[]> {
  if (typeof value !== 'object' || value === null) return;
  // Of a list, or a table of keys, the first and the last stand for all.
  const keys: Step[] = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  for (const key of Array.isArray(value) || keys.length > 12 ? new Set([keys[0]!, keys.at(-1)!]) : keys) {
    yield [...path, key];
    yield* paths((value as any)[key], [...path, key]);
  }
}
/** Of lists of more than one entry the first stands for all but the last. */
function liesOf(truth: object): Lie[] {
  const lies: Lie[] = [
    ['nothing', () => ({})],
    ['a list', () => []],
    ['a refusal', () => raise(new MintError('Quote pending', 20_005))],
    ['ignorance', () => raise(new MintError('Unknown quote'))],
    ['a fault', () => raise(new Error('the disk is gone'))],
  ];
  const at = (root: object, path: readonly Step[]): any => path.reduce<any>((v, key) => v?.[key], root);
  for (const path of paths(truth)) {
    const name = path.join('.');
    const put = (edit: (owner: any, key: Step) => void) => (real: object) => {
      const made = structuredClone(real);
      const owner = at(made, path.slice(0, -1));
      if (typeof owner === 'object' && owner !== null) edit(owner, path.at(-1)!);
      return made;
    };
    lies.push([
      `${name} removed`,
      put((owner, key) => (Array.isArray(owner) ? owner.splice(Number(key), 1) : delete owner[key])),
    ]);
    instead(at(truth, path)).forEach((_, i) =>
      lies.push([`${name} other ${i}`, put((owner, key) => (owner[key] = instead(owner[key])[i]))]),
    );
  }
  return lies;
}
function raise(error: Error): never {
  throw error;
}

let market: Market;
let contract: string;
let reverse: string;
const dir = mkdtempSync(join(tmpdir(), 'spillway-lies-'));
/** Every coin that was printed, by its secret. */
const printed = new Map<string, ReturnType<typeof coinsIn>[number]>();
const coinsIn = (token: string) =>
  getDecodedToken(token, [KEYSET.id]).proofs.map((p) => ({ ...p, amount: Number(p.amount.toString()) }));
const sumOf = (coins: Iterable<{ amount: number }>): number => [...coins].reduce((sum, { amount }) => sum + amount, 0);
const print = async (token: string): Promise<void> => {
  for (const coin of coinsIn(token)) printed.set(coin.secret, coin);
};

beforeEach(async () => {
  printed.clear();
  market = await Market.make();
  [contract, reverse] = [await market.forward(), await market.reverse()];
  const quote = await market.bind(contract);
  await market.pay(contract, 900_000n);
  await market.arrived(quote, 900_000);
});
afterEach(() => market.close());
afterAll(() => rmSync(dir, { recursive: true }));

/** What an action ends in: a code that its user can do something about. */
async function endOf(action: () => Promise<unknown>): Promise<string> {
  try {
    await action();
    return 'done';
  } catch (error) {
    if (!(error instanceof Refusal) || error.code === 'bug') return `BUG: ${(error as Error).message.slice(0, 200)}`;
    return [65, 66, 69, 75, 76, 77].includes(ERRORS[error.code][0]) ? error.code : `CODE: ${error.code}`;
  }
}
const honest = async (action: () => Promise<unknown>): Promise<void> => {
  for (let i = 0; i < 3; i++) if ((await endOf(action)) === 'done') return;
  await action();
};
interface Action {
  run(): Promise<unknown>;
  /** With the truth. Resolves to what is lost, in words; undefined where nothing is. */
  end(): Promise<string | undefined>;
}
/**
 * Tells each lie in each answer that `run` reads, each kind of answer once, then lets it end with the truth.
 * @param where kinds of answers that are of interest
 * @param each of the lies one in so many: a home that was restored takes seconds to search
 * @returns what is wrong
 */
async function told(make: () => Promise<Action>, where: RegExp, each = 1): Promise<string[]> {
  const { mint } = market;
  const answers: [at: string, truth: object][] = [];
  const first = await make();
  mint.alter = (at, truth) => {
    answers.push([at, structuredClone(truth)]);
    return truth;
  };
  expect(await endOf(first.run)).toBe('done');
  mint.alter = undefined;
  expect(await first.end()).toBe(undefined);
  const wrong: string[] = [];
  const kinds = answers.map(([at]) => at.replace(/[0-9a-f-]{16,}$/, ''));
  for (const [i, [at, truth]] of answers.entries())
    for (const [what, tell] of kinds.indexOf(kinds[i]!) === i && where.test(at)
      ? liesOf(truth).filter((_, n) => n % (ALL ? 1 : each) === 0)
      : []) {
      const { run, end } = await make();
      let n = 0;
      mint.alter = (_, real) => (n++ === i ? tell(real) : real);
      const ended = await endOf(run);
      mint.alter = undefined;
      lies += 1;
      if (/^[A-Z]/.test(ended)) wrong.push(`${kinds[i]}: ${what}: ${ended}`);
      const lost = await endOf(async () => {
        const left = await end();
        if (left !== undefined) wrong.push(`${kinds[i]}: ${what}: ${ended}, then ${left}`);
      });
      if (lost !== 'done') wrong.push(`${kinds[i]}: ${what}: ${ended}, then no end: ${lost}`);
    }
  return wrong;
}
let lies = 0;

const mint = (amountSat: bigint) =>
  mintEcash({ home: market.user.home, contract, isNamed, amountSat, print, point: () => {} });
const issued = (): number => market.mint.state.quotes.reduce((sum, q) => sum + q.issued, 0);
/** All that was issued, in hand or melted. */
async function missing(): Promise<string | undefined> {
  await honest(() => printInHand({ home: market.user.home, isNamed, spent: true, print }));
  const [have, made] = [sumOf(printed.values()), issued()];
  return have === made ? undefined : `${made} sat issued, ${have} sat printed`;
}

const INFO = /^(?!GET info)/;
it('in what ecash-mint reads', async () => {
  const wrong = await told(
    async () => ({
      run: () => mint(3n),
      async end() {
        await honest(() => mint(3n));
        return undefined;
      },
    }),
    INFO,
    4,
  );
  expect(wrong).toEqual([]);
  expect(await missing()).toBe(undefined);
  expect([...printed.values()].filter((coin) => !market.mint.takes(coin))).toEqual([]);
});

it('in what ecash-mint reads in a home that was restored', async () => {
  const wrong = await told(
    async () => {
      const copy = backUp(market.user);
      await honest(() => mint(1n));
      await market.user.reopen(copy);
      await market.user.home.acceptRestore();
      return {
        run: () => mint(1n),
        async end() {
          await honest(() => printInHand({ home: market.user.home, contract, isNamed, spent: true, print }));
          return undefined;
        },
      };
    },
    /restore|checkstate/,
    5,
  );
  expect(wrong).toEqual([]);
  expect(await missing()).toBe(undefined);
});

/** A payment of 700 sat with a token of 768. @param resumed whether a run before was cut off once the ecash was swapped */
const melting = (resumed: boolean) => async (): Promise<Action> => {
  const { token } = await mint(768n);
  const invoice = await market.invoice(reverse, 700n);
  const file = join(dir, String((files += 1)));
  const at = {
    mint: market.mint.url,
    token,
    journal: fileJournal(`${file}.melting`),
    change: changeFile(file, false),
    print: async () => {},
  };
  const run = (point = (_: string): void => {}) => meltEcash({ ...at, invoice, point });
  const cut = (label: string): void => {
    if (label === 'melt-swapped') throw new Refusal('concurrent', 'cut off');
  };
  if (resumed) expect(await endOf(() => run(cut))).toBe('concurrent');
  return {
    run,
    async end() {
      const isPaid = (): boolean => market.mint.state.melts.some((m) => m.request === invoice && m.state === 'PAID');
      if (!isPaid() || existsSync(`${file}.melting`)) await honest(run);
      const change = new Map(
        readFileSync(file, 'utf8')
          .trim()
          .split('\n')
          .flatMap((line) => coinsIn(line).map((coin) => [coin.secret, coin])),
      );
      const good = [...change.values()].filter((coin) => market.mint.takes(coin));
      for (const coin of coinsIn(token)) printed.delete(coin.secret);
      return isPaid() && sumOf(good) === 68 ? undefined : `paid: ${isPaid()}, ${sumOf(good)} sat of change`;
    },
  };
};
let files = 0;

it('in what ecash-melt reads', async () => {
  expect(await told(melting(false), INFO, 14)).toEqual([]);
});

it('in what ecash-melt reads once it was cut off', async () => {
  expect(await told(melting(true), /restore|checkstate|GET melt/, 16)).toEqual([]);
});

it('many times', () => expect(lies).toBeGreaterThan(50));
