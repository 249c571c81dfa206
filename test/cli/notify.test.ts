/** --notify: each contract is told of, whatever becomes of another, and what is told last is never an older total. */
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { notifyPaid } from '../../src/lib/cdk/notify.ts';
import { ledgerClaim, ledgerKind, type Ledger, type PayeeLedger } from '../../src/lib/ecash/ledger.ts';
import { change } from '../../src/lib/home/change.ts';
import type { Home } from '../../src/lib/home/home.ts';
import { parties } from '../credit/helpers.ts';
import { opened, payMessages } from '../support/credit.ts';

const offer = { ecash: 'notify' } as const;
const file = (): string => join(mkdtempSync(join(tmpdir(), 'spillway-notify-')), 'told');
const sums = (at: string): number[] =>
  readFileSync(at, 'utf8')
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { paid_sat: number }).paid_sat);

describe('a mint that is told what was paid', () => {
  it('one contract that cannot be told of keeps no later one from it', async () => {
    const both = await parties();
    const ids: string[] = [];
    for (const sat of [1_000n, 2_000n, 3_000n]) {
      const id = await opened(both, { offer });
      await payMessages(both, id, sat);
      ids.push(id);
    }
    const issued = async () => Promise.all(ids.map(async (id) => (await both.payee.ledger(id)).issuedSat));
    const at = file();
    const program = `read -r line; case "$line" in *${ids[0]}*) exit 3;; esac; echo "$line" >> ${at}`;
    await expect(notifyPaid(both.payee.home, program)).rejects.toMatchObject({ code: 'outside-failed' });
    expect(sums(at).sort()).toEqual([2_000, 3_000]);
    expect(await issued()).toEqual([0n, 2_000n, 3_000n]);
    expect(await notifyPaid(both.payee.home, `cat >> ${at}`)).toBe(1);
    expect([sums(at).at(-1), await issued()]).toEqual([1_000, [1_000n, 2_000n, 3_000n]]);
    expect(await notifyPaid(both.payee.home, 'false')).toBe(0);
  });

  // Satoshis; by one who was faster since the list was made. More than was paid the store takes from nobody.
  it.each([
    [999n, 1],
    [1_000n, 0],
  ])('of a contract of which another has told %i of 1000 sat meanwhile it is told %i times', async (sat, times) => {
    const both = await parties();
    const id = await opened(both, { offer });
    await payMessages(both, id, 1_000n);
    const { home } = both.payee;
    const { store } = home;
    const listed = await store.unissued('notify');
    await change<{ ledger: Ledger }, void>(
      store,
      { ledger: ledgerKind },
      () => ({ ledger: ledgerClaim(id) }),
      ({ ledger: l }) => ({ writes: { ledger: { ...(l as PayeeLedger), issuedSat: sat } }, result: undefined }),
    );
    const [load, commit, flush] = [store.load.bind(store), store.commit.bind(store), store.flush.bind(store)];
    const stale = { ...home, store: { unissued: async () => listed, load, commit, flush } } as unknown as Home;
    const at = file();
    expect(await notifyPaid(stale, `cat >> ${at}`)).toBe(times);
    expect([existsSync(at), (await both.payee.ledger(id)).issuedSat]).toEqual([times > 0, 1_000n]);
  });

  it.each(['', '; exit 1'])(
    'of two tellers side by side, a slow one does not have an older word last (%j)',
    async (end) => {
      const both = await parties();
      const id = await opened(both, { offer });
      await payMessages(both, id, 1_000n);
      const at = file();
      const waits = `touch ${at}.begun; while [ ! -e ${at}.go ]; do sleep 0.05; done`;
      const slow = `read -r line; case "$line" in *:1000*) ${waits}; echo "$line" >> ${at}${end};; *) echo "$line" >> ${at};; esac`;
      const first = notifyPaid(both.payee.home, slow);
      while (!existsSync(`${at}.begun`)) await sleep(20);
      await payMessages(both, id, 2_000n);
      expect(await notifyPaid(both.payee.home, slow)).toBe(1);
      expect(sums(at)).toEqual([3_000]);
      writeFileSync(`${at}.go`, '');
      expect(await first).toBe(1);
      expect(sums(at)).toEqual([3_000, 1_000, 3_000]);
      expect(await both.payee.ledger(id)).toMatchObject({ issuedSat: 3_000n });
    },
  );
});
