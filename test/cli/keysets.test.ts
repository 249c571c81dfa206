/** Keysets are retired and offered by name: a name that no keyset of the home has is refused, and changes nothing. */
import { expect, it } from 'vitest';
import { activateKeyset, addKeyset, keysetsOf, retireKeyset } from '../../src/commands/ecash/keysets.ts';
import { keysetKind, newWallet, type KeysetRecord } from '../../src/lib/ecash/keyset.ts';
import { change } from '../../src/lib/home/change.ts';
import { KEYSET } from '../support/mint.ts';
import { parties, refused } from '../credit/helpers.ts';

it('no-keyset: one that nobody has, and one of which the home is only a customer', async () => {
  const { payee } = await parties();
  const first = await addKeyset(payee.home, undefined);
  const wallet = newWallet({ ...KEYSET, unit: 'sat' }, false);
  await change<{ keyset: KeysetRecord }, void>(
    payee.home.store,
    { keyset: keysetKind },
    () => ({}),
    () => ({ writes: { keyset: wallet }, result: undefined }),
  );
  for (const run of [retireKeyset, activateKeyset])
    for (const id of ['00'.repeat(33), KEYSET.id]) await refused(() => run(payee.home, id), 'no-keyset', payee);
  await retireKeyset(payee.home, first.keyset.id);
  const active = async () =>
    (await keysetsOf(payee.home)).filter((r) => r.role === 'mint' && r.active).map((r) => r.keyset.id);
  expect(await active()).toEqual([]);
  await activateKeyset(payee.home, first.keyset.id);
  expect(await active()).toEqual([first.keyset.id]);
});
