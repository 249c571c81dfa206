/** An operator who states that the journal's last commit was the last; and which of two versions is the newer. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { trustKeysets } from '../../src/commands/ecash/keysets.ts';
import { exitCredit, signUpdate } from '../../src/lib/ecash/credit.ts';
import { ecashMessages, opened, openedMint, payMessages } from '../support/credit.ts';
import { parties, payeeOf, refused } from './helpers.ts';

describe('reconcile --complete', () => {
  it('lets updates of the lost store go on, also of contracts of which the journal says nothing', async () => {
    const both = await parties();
    const { payee } = both;
    const [id, quiet] = [await openedMint(both), await opened(both)];
    await payMessages(both, quiet, 500n);
    await ecashMessages(both, id, 1_000n);
    const backup = await payee.backUp();
    await ecashMessages(both, id, 2_000n);
    await payee.lose(backup);
    const { completed, gathered } = await payee.home.reconcile(payee.journal(), { complete: true });
    expect([completed, gathered.newest.commit > 0]).toEqual([2, true]);
    // As the command does once the journal is read.
    await trustKeysets(payee.home);
    for (const one of [id, quiet]) {
      expect(await payeeOf(both, one)).toMatchObject({ restored: false, state: 'open' });
      expect(await payee.ledger(one)).toMatchObject({ unconfirmed: false });
    }
    expect(await payeeOf(both, id)).toMatchObject({ paidSat: 3_000n });
    expect(await payee.ledger(id)).toMatchObject({ issuedSat: 3_000n });
    await payMessages(both, quiet, 700n);
    expect(await payeeOf(both, quiet)).toMatchObject({ paidSat: 1_200n });
    await ecashMessages(both, id, 400n);
    expect(await payee.ledger(id)).toMatchObject({ paidSat: 3_400n, issuedSat: 3_400n });
    expect((await payee.run(exitCredit, { input: { contract: id } })).exit).toBe(0);
    // What may be used twice is another matter, and stays said.
    expect([payee.home.restored, payee.home.mayRepeat]).toEqual([false, true]);
  });

  it('without it a contract of the lost home takes no update', async () => {
    const both = await parties();
    const id = await opened(both);
    const backup = await both.payee.backUp();
    await both.payee.lose(backup);
    expect(await both.payee.home.reconcile(both.payee.journal())).not.toHaveProperty('completed');
    await refused(
      () => both.payee.run(signUpdate, { input: { contract: id, amount: 5n } }),
      'contract-restored',
      both.payee,
    );
  });

  it('is refused where tide or folder know of more, and brings nothing in then', async () => {
    const both = await parties();
    const { payee } = both;
    const id = await opened(both);
    const backup = await payee.backUp();
    await payMessages(both, id, 1_000n);
    await payee.reopen();
    await payMessages(both, id, 2_000n);
    await payee.lose(backup);
    const files = payee.journal();
    const before = await payee.state();
    await expect(payee.home.reconcile(files.slice(0, -1), { complete: true })).rejects.toMatchObject({
      code: 'journal-incomplete',
      exit: 77,
      message: expect.stringContaining('found beside what was given'),
    });
    const last = files.at(-1)!;
    const text = readFileSync(last, 'latin1');
    const header = text.slice(0, text.indexOf('\n') + 1).replace(/"last":"\d+"/, `"last":"${'0'.repeat(20)}"`);
    writeFileSync(last, header, 'latin1');
    await expect(payee.home.reconcile(files, { complete: true })).rejects.toMatchObject({
      code: 'journal-incomplete',
      message: expect.stringContaining('at its end'),
    });
    expect(await payee.state()).toEqual(before);
    expect(payee.home.restored).toBe(true);
    writeFileSync(last, text, 'latin1');
    expect((await payee.home.reconcile(files, { complete: true })).completed).toBe(1);
    expect(await payeeOf(both, id)).toMatchObject({ paidSat: 3_000n, restored: false });
  });

  it('is believed where the tide is lost too: the operator says it', async () => {
    const both = await parties();
    const id = await opened(both);
    const backup = await both.payee.backUp();
    await payMessages(both, id, 1_000n);
    both.payee.home.close();
    rmSync(`${both.payee.dir}.refunds`, { recursive: true });
    await both.payee.lose(backup);
    expect((await both.payee.home.reconcile(both.payee.journal(), { complete: true })).completed).toBe(1);
  });
});
