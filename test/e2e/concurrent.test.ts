/**
 * Many processes of one step on one home at once: one takes it, the others print its reply or say that they lost (75).
 * And commands of one party, or of both, that race for different steps of one contract.
 */
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Ran } from '../cli/run.ts';
import { rotating } from '../support/rotate.ts';
import {
  close,
  exit,
  openOwn,
  parsed,
  pay,
  roll,
  WHO,
  World,
  type Story,
  type Turn,
  type Who,
} from '../support/spillway.ts';

let world: World;
beforeAll(async () => {
  world = await World.make();
});
afterAll(() => {
  for (const who of WHO) {
    const db = new DatabaseSync(join(world.home(who), 'store.db'));
    expect(db.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
    db.close();
  }
  expect(world.leaks()).toEqual([]);
  world.remove();
});

/** The same run, so many times at once. What the one that took the step printed. */
async function crowd({ who, argv, stdin, name }: Turn, times: number): Promise<string> {
  const before = world.dump(who);
  const all = await Promise.all(Array.from({ length: times }, () => world.run(who, argv, stdin)));
  const won = all.filter(({ code }) => code === 0);
  const texts = new Set(won.map(({ stdout }) => stdout));
  expect(texts.size, `${name}: ${all.map(({ stderr }) => stderr).join('')}`).toBe(1);
  for (const { stdout, stderr } of all.filter(({ code }) => code !== 0))
    expect([stdout, stderr], name).toEqual(['', expect.stringMatching(/^error\[[a-z-]+\]: /)]);
  for (const { code } of all) expect([0, 75], name).toContain(code);
  const after = world.dump(who);
  expect(after.commits, `${name}: one run took the step, the others did not`).toBe(before.commits + 1);
  expect(after.restored, name).toBe(null);
  return [...texts][0]!;
}

/** Plays a story in which some steps are taken by a crowd; outside CI they take turns at it. */
const crowded = <R>(story: Story<R>, crowds: Record<string, number>): Promise<R> => {
  const sizes = new Map(rotating(Object.entries(crowds), 1));
  return world.play(story, (turn) => (sizes.has(turn.name) ? crowd(turn, sizes.get(turn.name)!) : world.take(turn)));
};

describe('many processes of one step on one home', () => {
  let id: string;

  it('an opening: proposed with fresh keys (10 times), accepted (16 times)', async () => {
    const coins = await world.coin(1_300_000);
    const crowds = { 'open-credit offered': 5, 'open-credit proposed': 10, 'open-credit accepted': 16 };
    const ready = await crowded(openOwn(coins), crowds);
    id = ready['contract'].id;
    // One record at each side: keys drawn by runs that lost are gone.
    for (const who of WHO) expect(world.dump(who).records).toHaveLength(1);
  });

  it('an update: requested (10 times), signed (16 times), accepted (16 times)', async () => {
    let sighash = '';
    const crowds = { 'sign-update requested': 10, 'sign-update signed': 16, 'sign-update accepted': 16 };
    const sizes = new Map<string, number>(rotating(Object.entries(crowds), 1));
    const accepted = await world.play(pay(id, 2_100), async (turn) => {
      const size = sizes.get(turn.name);
      const text = size === undefined ? await world.take(turn) : await crowd(turn, size);
      const { nonces } = world.dump('payee');
      if (turn.name === 'sign-update requested') sighash = nonces[0]!.sighash;
      expect(nonces.map((nonce) => nonce.sighash)).toEqual(turn.name === 'sign-update accepted' ? [] : [sighash]);
      return text;
    });
    expect(accepted['paid_sat']).toBe(2_100);
    expect(world.dump('payer').records[0]!['high_sat']).toBe(2_100);
    expect(world.dump('payee').records[0]!['high_sat']).toBe(2_100);
  });

  it('starts of the same request without a name are each a new one, and the last alone has a nonce', async () => {
    const argv = ['sign-update', '--contract', id, '--amount', '700'];
    const all = await Promise.all(Array.from({ length: 10 }, () => world.run('payee', argv)));
    const texts = new Set(all.filter(({ code }) => code === 0).map(({ stdout }) => stdout));
    expect(all.filter(({ code }) => code !== 0 && code !== 75)).toEqual([]);
    expect(texts.size).toBe(all.filter(({ code }) => code === 0).length);
    const [nonce, ...more] = world.dump('payee').nonces;
    expect(more).toEqual([]);
    // Its public half is in the update's PSBT, which is in base64.
    const shown = [...texts].filter((text) =>
      Buffer.from(parsed(text)['psbt'].update, 'base64').includes(Buffer.from(String(nonce!.pubnonce), 'hex')),
    );
    expect(shown).toHaveLength(1);
    await world.said('payee', ['sign-update', '--contract', id, '--cancel']);
    expect(world.dump('payee').nonces).toEqual([]);
  });

  it('requests for different amounts at once: each its own nonce, one accepted, which voids the rest', async () => {
    const amounts = Array.from({ length: 10 }, (_, i) => String(100 + i));
    const asks = (amount: string) => world.run('payee', ['sign-update', '--contract', id, '--amount', amount]);
    const requested = (await Promise.all(amounts.map(asks))).filter(({ code }) => code === 0);
    const { nonces } = world.dump('payee');
    expect(nonces).toHaveLength(requested.length);
    expect(new Set(nonces.map(({ pubnonce }) => pubnonce)).size).toBe(requested.length);
    // The payer signs them all at once, and commits to the largest that it signed.
    const signs = ({ stdout }: Ran) => world.run('payer', ['sign-update', '--max', '10000'], stdout);
    const signed = (await Promise.all(requested.map(signs))).filter(({ code }) => code === 0);
    expect(signed.length).toBeGreaterThan(0);
    const most = Math.max(...signed.map(({ stdout }) => parsed(stdout)['paid_sat']));
    expect(world.dump('payer').records[0]!['high_sat']).toBe(most);
    // The payee takes whichever comes first.
    const takes = ({ stdout }: Ran) => world.run('payee', ['sign-update'], stdout);
    const accepted = await Promise.all(signed.map(takes));
    const won = accepted.filter(({ code }) => code === 0);
    expect(won).toHaveLength(1);
    for (const { code, stdout, stderr } of accepted.filter((ran) => !won.includes(ran)))
      expect([code, stdout, stderr]).toEqual([75, '', expect.stringMatching(/^error\[(state-moved-on|concurrent)\]/)]);
    expect(world.dump('payee').nonces).toEqual([]);
  });

  it('a rollover: signed (16 times), complete (10 times)', async () => {
    const one = await world.play(openOwn(await world.coin(1_300_000), 1_100_000));
    await world.play(pay(one['contract'].id, 50_000));
    const complete = await crowded(roll(one['contract'].id, await world.coin(700_000)), {
      'rollover signed': 16,
      'rollover complete': 10,
    });
    expect(complete['hex']).toMatch(/^03000000/);
  });

  it('a close (6 times each step) and an exit (10 times)', async () => {
    const one = await world.play(openOwn(await world.coin(1_300_000), 1_000_000));
    await world.play(pay(one['contract'].id, 50_000));
    const steps = { 'close-credit proposed': 6, 'close-credit signed': 6, 'close-credit complete': 6 };
    await crowded(close(one['contract'].id, 'payer'), steps);
    const two = await world.play(openOwn(await world.coin(1_300_000), 900_000));
    await world.play(pay(two['contract'].id, 50_000));
    const argv = ['exit-credit', '--contract', two['contract'].id];
    const all = await Promise.all(Array.from({ length: 10 }, () => world.run('payee', argv)));
    expect(new Set(all.filter(({ code }) => code === 0).map(({ stdout }) => stdout)).size).toBe(1);
    expect(all.filter(({ code }) => code !== 0 && code !== 75)).toEqual([]);
    await world.play(exit(two['contract'].id));
  });
});

describe('commands that race', () => {
  /** A contract with 2100 sat paid, a rollover that waits for the payer, and an update of 900 sat that was asked for. */
  async function scene(amount: number) {
    const { contract } = await world.play(openOwn(await world.coin(1_400_000), amount));
    const id = contract.id as string;
    await world.play(pay(id, 2_100));
    const offered = await world.said('payee', ['rollover', '--contract', id]);
    const proposed = await world.said('payer', ['rollover', '--expires', '+4320'], offered);
    const accepted = await world.said('payee', ['rollover'], proposed);
    const requested = await world.said('payee', ['sign-update', '--contract', id, '--amount', '900']);
    return { id, accepted, requested };
  }
  const recordOf = (who: Who, id: string) => world.dump(who).records.find(({ name }) => name === id)!;
  const signUpdate = (requested: string) => world.run('payer', ['sign-update', '--amount', '900'], requested);
  const signRollover = (accepted: string) => world.run('payer', ['rollover'], accepted);

  it.each([0, 1])('the payer signs an update and the rollover at once: one of them (%i)', async (i) => {
    const { id, accepted, requested } = await scene(700_000 + i);
    // Whoever is started first is more often the faster one.
    const first = i === 0 ? signUpdate(requested) : signRollover(accepted);
    const second = i === 0 ? signRollover(accepted) : signUpdate(requested);
    const [one, two] = await Promise.all([first, second]);
    const [update, rolled] = i === 0 ? [one, two] : [two, one];
    expect([update.code, rolled.code].sort()).toEqual([0, 75]);
    if (rolled.code === 0) {
      expect(update.stderr).toMatch(/^error\[(wrong-state|concurrent)\]/);
      const complete = parsed(await world.said('payee', ['rollover'], rolled.stdout));
      expect(complete).toMatchObject({ step: 'complete', paid_sat: 2_100 });
      for (const who of WHO) expect(recordOf(who, id)).toMatchObject({ state: 'rolled', high_sat: 2_100 });
    } else {
      expect(rolled.stderr).toMatch(/^error\[(update-in-flight|concurrent)\]/);
      await world.said('payee', ['sign-update'], update.stdout);
      for (const who of WHO) expect(recordOf(who, id)).toMatchObject({ state: 'open', high_sat: 3_000 });
      await world.play(roll(id));
    }
  });

  it('the payer signs the rollover while the payee accepts an update: the update wins', async () => {
    const { id, accepted, requested } = await scene(800_000);
    const signed = (await signUpdate(requested)).stdout;
    const [rolled, update] = await Promise.all([signRollover(accepted), world.run('payee', ['sign-update'], signed)]);
    expect(rolled).toMatchObject({
      code: 75,
      stdout: '',
      stderr: expect.stringMatching(/^error\[update-in-flight\]/),
    });
    expect(update.code).toBe(0);
    for (const who of WHO) expect(recordOf(who, id)).toMatchObject({ state: 'open', high_sat: 3_000 });
    // The rollover's nonce is void, and it starts again.
    expect(world.dump('payee').nonces.filter((nonce) => nonce.of_claim === `id:${id}`)).toEqual([]);
    await world.play(roll(id));
  });

  it('the payee accepts an update and exits at once: the exit is the latest that was printed', async () => {
    const { id, requested } = await scene(850_000);
    const signed = (await signUpdate(requested)).stdout;
    const [update, left] = await Promise.all([
      world.run('payee', ['sign-update'], signed),
      world.run('payee', ['exit-credit', '--contract', id]),
    ]);
    const record = recordOf('payee', id);
    expect(left.code === 0 || left.code === 75).toBe(true);
    if (left.code === 0) {
      expect(record['state']).toBe('exiting');
      // Whoever printed 'accepted' has the exit of that amount.
      expect(parsed(left.stdout)['amount_sat']).toBe(record['high_sat']);
      expect(record['high_sat']).toBe(update.code === 0 ? 3_000 : 2_100);
    }
    if (update.code !== 0) expect(update.code).toBe(75);
  });
});
