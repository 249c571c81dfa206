/** Payments whose message was lost, as the two sides meet them at the command line. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { closeCredit, signUpdate } from '../../src/lib/ecash/credit.ts';
import { opened, payMessages, type Pair } from '../support/credit.ts';
import { TestParty } from '../support/party.ts';
import { spillway, type Ran } from '../cli/run.ts';

let both: Pair;
afterEach(() => both.close());
async function pair(): Promise<void> {
  const [payee, payer] = [await TestParty.make(), await TestParty.make()];
  both = { payee, payer, close: () => (payee.close(), payer.close()) };
}
const run = (who: TestParty, argv: readonly string[], stdin = ''): Promise<Ran> =>
  spillway(argv, { stdin, env: { SPILLWAY_HOME: who.dir, SPILLWAY_TIP: '1000', CI: '1' } });

it('a lost payment and a smaller one after it block nothing: the next payment takes the place of what was lost', async () => {
  await pair();
  const { payee, payer } = both;
  const contract = await opened(both);
  await payMessages(both, contract, 1_000n);
  const ask = (amount: bigint) => payee.run(signUpdate, { input: { contract, amount } });
  await payer.run(signUpdate, { on: (await ask(77n)).message, amount: 77n }); // lost
  const five = await payer.run(signUpdate, { on: (await ask(5n)).message, max: 0n });
  await payee.run(signUpdate, { on: five.message });
  const asked = await run(payee, ['sign-update', '--contract', contract, '--amount', '100']);
  const signed = await run(payer, ['sign-update', '--amount', '100'], asked.stdout);
  expect([signed.code, signed.stderr.includes('error[')]).toEqual([0, false]);
  const accepted = await run(payee, ['sign-update'], signed.stdout);
  expect([accepted.code, JSON.parse(accepted.stdout).paid_sat]).toEqual([0, 1_105]);
  // Whoever comes with the lost one after all hears which command asks again.
  const late = await run(payee, ['sign-update'], five.text.replace('"paid_sat":1005', '"paid_sat":1077'));
  expect(late.code).not.toBe(0);
  expect((await run(payee, ['sign-update'], signed.stdout)).stdout).toBe(accepted.stdout);
});

it('a close pays for no update that its mint never heard of: that update is accepted first, and told', async () => {
  await pair();
  const { payee, payer } = both;
  const contract = await opened(both, { offer: { ecash: 'notify' } });
  await payMessages(both, contract, 1_000n);
  const requested = await payee.run(signUpdate, { input: { contract, amount: 500_000n } });
  await payer.run(signUpdate, { on: requested.message, amount: 500_000n }); // lost
  const proposed = await payer.run(closeCredit, { input: { contract } });
  const refused = await run(payee, ['close-credit'], proposed.text);
  expect([refused.code, refused.stdout]).toEqual([75, '']);
  expect(refused.stderr).toMatch(/error\[update-in-flight\].*500000 sat were signed in an update/s);
  expect(refused.stderr).toContain(`sign-update --contract ${contract.slice(0, 8)} --again`);
  // As the hint says: the close is given up, and the update printed again.
  await run(payer, ['close-credit', '--contract', contract, '--cancel']);
  const again = await run(payer, ['sign-update', '--contract', contract, '--again']);
  const told = join(payee.dir, '..', 'told');
  const accepted = await run(payee, ['sign-update', '--notify', `cat >> ${told}`], again.stdout);
  expect(accepted.code).toBe(0);
  expect(existsSync(told) && JSON.parse(readFileSync(told, 'utf8').trim().split('\n').at(-1)!).paid_sat).toBe(501_000);
  const once = await payer.run(closeCredit, { input: { contract } });
  expect((await run(payee, ['close-credit'], once.text)).code).toBe(0);
});
