/** Somebody who has opened a contract and funded nothing: what it can make a payee keep, without end. */
import { describe, expect, it } from 'vitest';
import { addKeyset, keysetsOf } from '../../src/lib/cli/keysets.ts';
import { ecashRestore } from '../../src/lib/credit/ecash-restore.ts';
import { rollover } from '../../src/lib/credit/rollover.ts';
import { HOME_MINT, opened } from '../support/credit.ts';
import { parties, payeeOf, refused, show } from './helpers.ts';

/** A contract of a mint whose coin nobody has seen. */
async function unfunded() {
  const both = await parties();
  await addKeyset(both.payee.home, undefined);
  const contract = await opened(both, { offer: HOME_MINT });
  show(both, await payeeOf(both, contract), 'missing');
  return { both, ...both, contract };
}

describe('a contract that nobody has funded', () => {
  it('is offered no rollover: each offer would be a record and an address', async () => {
    const { both, payee, payer, contract } = await unfunded();
    for (let i = 0; i < 3; i++) {
      const asked = await payer.run(rollover, { input: { contract } });
      await refused(() => payee.run(rollover, { on: asked.message, served: {} }), 'funding-missing', payee);
    }
    show(both, await payeeOf(both, contract));
    const asked = await payer.run(rollover, { input: { contract } });
    expect((await payee.run(rollover, { on: asked.message, served: {} })).message['step']).toBe('offered');
  });
});

describe('a search for lost ecash', () => {
  it('is answered the same each time, and nothing of it is kept', async () => {
    const { payee, payer, contract } = await unfunded();
    const { keyset } = (await keysetsOf(payee.home))[0]!;
    const asked = await payer.run(ecashRestore, { input: { contract, keyset: keyset.id } });
    const before = await payee.state();
    const answered = await payee.run(ecashRestore, { on: asked.message, served: {} });
    expect((await payee.run(ecashRestore, { on: asked.message, served: {} })).text).toBe(answered.text);
    expect(await payee.state()).toEqual(before);
    expect((await payer.run(ecashRestore, { on: answered.message })).message['search']).toBe('complete');
  });
});
