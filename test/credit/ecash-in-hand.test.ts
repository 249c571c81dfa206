/** Ecash of a mint in a home stays within reach: printed once more, and found over a new contract where the old one is dropped. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getTokenMetadata } from '@cashu/cashu-ts';
import { afterEach, beforeEach, expect, it } from 'vitest';
import EcashMint from '../../src/commands/ecash/mint.ts';
import EcashRestore from '../../src/commands/ecash/restore.ts';
import { settledAs, creditKind, type FundedCredit } from '../../src/lib/credit/records.ts';
import { signUpdate } from '../../src/lib/ecash/credit.ts';
import { change } from '../../src/lib/home/change.ts';
import { idClaim } from '../../src/lib/protocol/claims.ts';
import { command, type Made } from '../support/command.ts';
import { ecashMessages, HOME_MINT, lostMessages, opened, openedMint, pair, type Pair } from '../support/credit.ts';
import type { TestParty } from '../support/party.ts';
import { DAY, pruneAt } from '../support/prune.ts';

const SEED = 610;
let both: Pair;
let dir: string;
beforeEach(async () => {
  both = await pair(SEED);
  dir = mkdtempSync(join(tmpdir(), 'spillway-hand-'));
});
afterEach(() => {
  both.close();
  rmSync(dir, { recursive: true });
});

async function run(party: TestParty, Command: Made, argv: readonly string[], on?: string) {
  const seed = (SEED + (party === both.payee ? 0 : 1)) & 255;
  const file = join(dir, 'message');
  if (on !== undefined) writeFileSync(file, on);
  const flags = ['--home', party.dir, '--insecure-seed', Buffer.alloc(32, seed).toString('hex')];
  const ended = await command(Command, [...flags, ...argv, ...(on === undefined ? [] : [file])]);
  expect(ended.message).toBe('');
  return ended;
}
const keyset = async (): Promise<string> => (await both.payer.home.store.list('keyset'))[0]!.name.split('/')[1]!;
async function search(contract: string, ...more: string[]) {
  const asked = await run(both.payer, EcashRestore, ['--contract', contract, '--keyset', await keyset(), ...more]);
  const answered = await run(both.payee, EcashRestore, [], asked.stdout);
  const restored = await run(both.payer, EcashRestore, [], answered.stdout);
  return JSON.parse(restored.stdout);
}
const again = async (...argv: string[]): Promise<string[]> =>
  (await run(both.payer, EcashMint, ['--again', ...argv])).stdout.split('\n').filter((line) => line !== '');
const sumOf = (token: string): number =>
  getTokenMetadata(token).incompleteProofs.reduce((sum, { amount }) => sum + Number(amount.toString()), 0);

it('what was paid for over a contract that the mint has dropped is found over a new one', async () => {
  const { payee, payer } = both;
  const old = await openedMint(both);
  await ecashMessages(both, old, 5_000n);
  await lostMessages(both, old, 700_000n);
  const settle = (party: TestParty, paysSat: bigint) =>
    change(
      party.home.store,
      { contract: creditKind },
      () => ({ contract: idClaim(old) }),
      ({ contract }) => ({
        writes: { contract: settledAs(contract as FundedCredit, { by: 'exit', txid: 'ab'.repeat(32), paysSat }) },
        result: undefined,
      }),
    );
  await settle(payee, 705_000n);
  await settle(payer, 400_000n);
  await pruneAt(payee, { days: 90 });
  const { records } = await pruneAt(payee, { days: 90, seconds: 91 * DAY, blocks: 91 * 144, deep: 95 * 144 });
  expect(records).toEqual({ credit: 1, ecash: 1 });
  const fresh = await opened(both, { offer: HOME_MINT });
  const found = await search(fresh);
  expect([found.search, found.token_sat, sumOf(found.token)]).toEqual(['complete', 700_000, 700_000]);
  expect(await again()).toContain(found.token);
  // It is at home now.
  expect(await search(fresh)).toMatchObject({ search: 'complete', token: null });
});

it('each token is printed again, whichever way it came, and none twice', async () => {
  const id = await openedMint(both);
  const [, , , accepted, received] = await ecashMessages(both, id, 700n);
  await lostMessages(both, id, 300n);
  const found = await search(id);
  expect(await again()).toEqual([received!['token'], found.token]);
  expect((await both.payer.run(signUpdate, { on: accepted! })).message).toEqual(received);
  // A search from the start finds them together; each coin is printed once.
  await search(id, '--from', '0');
  expect((await again('--contract', id)).map(sumOf)).toEqual([700, 300]);
});
