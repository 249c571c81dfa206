/**
 * Every step of every action by processes of the built program, with repeatable randomness: what they print is, byte for
 * byte, what `fixtures/snapshots/` holds, one file an action, one document a line.
 *
 * After a change that was meant: SPILLWAY_UPDATE_SNAPSHOTS=1 npx vitest run test/e2e/snapshots.test.ts, and read the diff.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../cli/run.ts';
import { tableOf } from '../../src/lib/families.ts';
import { wholeStory, World } from '../support/spillway.ts';

const SNAPSHOTS = join(ROOT, 'fixtures/snapshots');
const ACTIONS = ['open-credit', 'sign-update', 'rollover', 'close-credit', 'exit-credit', 'ecash-restore'];
const seen = new Map<string, string[]>(ACTIONS.map((action) => [action, []]));
let world: World;

beforeAll(async () => {
  world = await World.make({ seed: 'snapshots' });
  await wholeStory(world, async (turn) => {
    const printed = await world.take(turn);
    seen.get(turn.argv[0]!)!.push(printed);
    return printed;
  });
  if (process.env['SPILLWAY_UPDATE_SNAPSHOTS']) {
    mkdirSync(SNAPSHOTS, { recursive: true });
    for (const [action, lines] of seen) writeFileSync(join(SNAPSHOTS, `${action}.json`), lines.join(''));
  }
});
afterAll(() => world.remove());

describe('under a repeated seed', () => {
  it.each(ACTIONS)('%s prints the same bytes for ever', (action) => {
    expect(seen.get(action)!.join('')).toBe(readFileSync(join(SNAPSHOTS, `${action}.json`), 'utf8'));
  });

  it.each(ACTIONS)('%s is there with every step of its table', async (action) => {
    const steps = new Set(seen.get(action)!.map((line) => JSON.parse(line).step));
    expect(steps).toEqual(new Set((await tableOf(action))!.rows.map((row) => row.name)));
  });

  it('there is no snapshot of anything else', () => {
    expect(readdirSync(SNAPSHOTS).sort()).toEqual(ACTIONS.map((action) => `${action}.json`).sort());
  });

  it('nothing secret is printed', () => {
    expect(world.leaks()).toEqual([]);
  });
});
