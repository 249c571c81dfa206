/**
 * Homes that were copied, or put back from a backup: a copy erases its open nonces and refuses as a payee until its owner
 * accepts that, and even then takes no update; the original goes on. A payer put back goes on by its own receipts
 *, and its refunds come back from outside the home.
 */
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dumpOf, openOwn, parsed, pay, roll, WHO, World, close, refund } from '../support/spillway.ts';

let world: World;
beforeEach(async () => {
  world = await World.make();
});
afterEach(() => {
  expect(world.leaks()).toEqual([]);
  world.remove();
});

const refusedAs = (code: string) => ({
  code: 77,
  stdout: '',
  stderr: expect.stringMatching(new RegExp(`^error\\[${code}\\]: `)),
});
const asks = (contract: string, amount: number) => ['sign-update', '--contract', contract, '--amount', String(amount)];
const opened = async (amount: number): Promise<string> =>
  (await world.play(openOwn(await world.coin(amount + 100_000), amount)))['contract'].id;

describe("a copy of a payee's home, made while a request is open", () => {
  it('refuses, also what was signed for it, and the original goes on', async () => {
    const ids = [await opened(1_000_000), await opened(900_000), await opened(800_000), await opened(700_000)] as const;
    for (const id of ids) await world.play(pay(id, 50_000));
    const [live, exits, closes, rolls] = ids;
    const requested = await world.said('payee', asks(live, 500));
    const signed = await world.said('payer', ['sign-update', '--amount', '500'], requested);

    const copy = join(world.dir, 'copy');
    cpSync(world.home('payee'), copy, { recursive: true });
    const there = { SPILLWAY_HOME: copy };
    const onCopy = (argv: readonly string[], stdin = '') => world.run('payee', argv, stdin, there);
    const dump = () => dumpOf(copy, `${copy}.refunds`);

    // Before its owner accepts: nothing as a payee but exits.
    expect(await onCopy(['sign-update'], signed)).toMatchObject(refusedAs('home-restored'));
    expect(dump().nonces).toEqual([]);
    expect(await onCopy(asks(live, 500))).toMatchObject(refusedAs('home-restored'));
    expect(await onCopy(asks(exits, 500))).toMatchObject(refusedAs('home-restored'));
    expect(await onCopy(['open-credit', '--as', 'payee'])).toMatchObject(refusedAs('home-restored'));
    expect(await onCopy(['rollover', '--contract', rolls])).toMatchObject(refusedAs('home-restored'));
    expect(await onCopy(['close-credit', '--contract', closes])).toMatchObject(refusedAs('home-restored'));
    expect(await onCopy(['exit-credit', '--contract', exits, '--export'])).toMatchObject({ code: 0 });
    expect((await onCopy(['status'])).stderr).toMatch(/restored or copied/);

    // The original does not know, and goes on: the open nonce is its own alone.
    expect(parsed(await world.said('payee', ['sign-update'], signed))).toMatchObject({
      step: 'accepted',
      paid_sat: 50_500,
    });
    await world.play(pay(live, 250));

    // Accepted: still no updates, but exit, close and rollover.
    const accepts = await onCopy(['restore', '--accept-restore']);
    expect(accepts).toMatchObject({ code: 0, stderr: expect.stringMatching(/two copies of a home give keys away/) });
    for (const id of ids) expect(await onCopy(asks(id, 500))).toMatchObject(refusedAs('contract-restored'));
    expect(await onCopy(['sign-update'], signed)).toMatchObject(refusedAs('contract-restored'));
    expect(dump().nonces).toEqual([]);

    const exit = await onCopy(['exit-credit', '--contract', exits]);
    expect(parsed(exit.stdout)).toMatchObject({ kind: 'exit', amount_sat: 50_000 });
    const proposed = await onCopy(['close-credit', '--contract', closes]);
    const closing = await world.said('payer', ['close-credit'], proposed.stdout);
    expect(parsed((await onCopy(['close-credit'], closing)).stdout)).toMatchObject({
      step: 'complete',
      paid_sat: 50_000,
    });
    const offered = await onCopy(['rollover', '--contract', rolls]);
    const rolling = await world.said('payer', ['rollover', '--expires', '+4320'], offered.stdout);
    const accepted = await onCopy(['rollover'], rolling);
    const last = await world.said('payer', ['rollover'], accepted.stdout);
    const complete = parsed((await onCopy(['rollover'], last)).stdout);
    expect(complete).toMatchObject({ step: 'complete', paid_sat: 50_000 });
    // The contract that it rolled into is its own: it takes updates.
    const next = complete['next_contract'].id;
    const request = await onCopy(asks(next, 900));
    const paid = await world.said('payer', ['sign-update', '--amount', '900'], request.stdout);
    expect(parsed((await onCopy(['sign-update'], paid)).stdout)).toMatchObject({ step: 'accepted', paid_sat: 900 });

    // The copy is behind the original on `live`: the payer signs nothing that would lose a payment.
    const behind = await onCopy(['rollover', '--contract', live]);
    const refused = await world.run('payer', ['rollover', '--expires', '+4320'], behind.stdout);
    expect(refused).toMatchObject({
      code: 75,
      stdout: '',
      stderr: expect.stringMatching(/^error\[update-in-flight\]/),
    });
  });

  it("a backup put back in its place is noticed as well, and the exit is the backup's", async () => {
    const id = await opened(1_000_000);
    await world.play(pay(id, 50_000));
    const requested = await world.said('payee', asks(id, 500));
    const signed = await world.said('payer', ['sign-update', '--amount', '500'], requested);
    const backup = join(world.dir, 'backup');
    cpSync(world.home('payee'), backup, { recursive: true });
    await world.said('payee', ['sign-update'], signed);
    rmSync(world.home('payee'), { recursive: true });
    cpSync(backup, world.home('payee'), { recursive: true });
    expect(await world.run('payee', ['sign-update'], signed)).toMatchObject(refusedAs('home-restored'));
    expect(world.dump('payee').nonces).toEqual([]);
    await world.said('payee', ['restore', '--accept-restore']);
    expect(await world.run('payee', ['sign-update'], signed)).toMatchObject(refusedAs('contract-restored'));
    // A new contract of this home is not touched by what was lost.
    const fresh = await opened(600_000);
    await world.play(pay(fresh, 700));
    expect(parsed(await world.said('payee', ['exit-credit', '--contract', id]))).toMatchObject({ amount_sat: 50_000 });
    // The payer closes at what it has signed last: more than this home knows of.
    await world.run('payer', ['close-credit', '--contract', id]);
  });
});

describe("an older backup of a payer's home, put back", () => {
  const PAID = 50_000;

  it('goes on by its receipts, agrees to what it is told to agree to, and finds its refunds again', async () => {
    const id = await opened(1_000_000);
    await world.play(pay(id, PAID));
    const backup = join(world.dir, 'backup');
    cpSync(world.home('payer'), backup, { recursive: true });

    // What the backup does not know: a payment, a rollover of another contract, a contract.
    const again = await world.said('payee', asks(id, 900));
    const signedBefore = await world.said('payer', ['sign-update', '--amount', '900'], again);
    await world.said('payee', ['sign-update'], signedBefore);
    const later = await opened(400_000);
    const known = await world.play(refund(later, false));

    rmSync(world.home('payer'), { recursive: true });
    cpSync(backup, world.home('payer'), { recursive: true });
    expect((await world.run('payer', ['status'])).stderr).toMatch(/restored or copied/);
    const high = () => world.dump('payer').records.find(({ name }) => name === id)!['high_sat'];
    expect(high()).toBe(PAID);

    // The payee asks from an amount that the backup never signed for: the receipt shows that the payer did.
    const asked = await world.said('payee', asks(id, 700));
    expect(parsed(asked)).toMatchObject({ previous_paid_sat: PAID + 900, paid_sat: PAID + 1_600 });
    const sign = (...agreed: string[]) => world.run('payer', ['sign-update', ...agreed], asked);
    expect(await sign('--amount', '1600')).toMatchObject(refusedAs('amount-differs'));
    expect(await sign('--max', '699')).toMatchObject(refusedAs('over-max'));
    expect(await sign()).toMatchObject(refusedAs('not-agreed'));
    expect(high()).toBe(PAID);
    const { code, stdout: signed } = await sign('--max', '700');
    expect(code).toBe(0);
    expect(high()).toBe(PAID + 1_600);
    expect(parsed(await world.said('payee', ['sign-update'], signed))).toMatchObject({ paid_sat: PAID + 1_600 });

    // The contract that was opened after the backup: unknown, but its refund is there, and pays an address of this home.
    expect((await world.run('payer', ['exit-credit', '--contract', later])).code).toBe(66);
    const restored = (await world.said('payer', ['restore'])).trimEnd().split('\n').map(parsed);
    expect(restored.map(({ contract, ours }) => [contract, ours]).sort()).toEqual(
      [
        [id, true],
        [later, true],
      ].sort(),
    );
    const mine = restored.find(({ contract }) => contract === later)!;
    expect(mine).toMatchObject({ txid: known['txid'], capacity_sat: 400_000, valid_from_height: 5_321 });
    expect(mine['hex']).toMatch(/^03000000/);
    expect(world.dump('payer').addresses.some(({ address }) => address === mine['address'])).toBe(true);

    // And the old one is what it was: it rolls over and closes.
    const rolled = await world.play(roll(id));
    await world.play(pay(rolled['next_contract'].id, 600));
    await world.play(close(rolled['next_contract'].id, 'payer'));
  });

  it('signs again what it had signed, with the same bytes, and no more for it', async () => {
    const id = await opened(1_000_000);
    const requested = await world.said('payee', asks(id, 900));
    const backup = join(world.dir, 'backup');
    cpSync(world.home('payer'), backup, { recursive: true });
    const signed = await world.said('payer', ['sign-update', '--amount', '900'], requested);
    rmSync(world.home('payer'), { recursive: true });
    cpSync(backup, world.home('payer'), { recursive: true });
    expect(await world.run('payer', ['sign-update', '--max', '899'], requested)).toMatchObject(refusedAs('over-max'));
    expect(await world.said('payer', ['sign-update', '--amount', '900'], requested)).toBe(signed);
    await world.said('payee', ['sign-update'], signed);
    for (const who of WHO) expect(world.dump(who).records[0]).toMatchObject({ state: 'open', high_sat: 900 });
  });
});
