/** --notify: each contract is told of, whatever becomes of another, and what is told last is never an older total. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { notifyPaid } from '../../src/lib/cli/notify.ts';
import { parties, payeeOf } from '../credit/helpers.ts';
import { opened, payMessages } from '../support/credit.ts';

const offer = { ecash: 'notify' } as const;
const file = (): string => join(mkdtempSync(join(tmpdir(), 'spillway-notify-')), 'told');
const sums = (at: string): number[] =>
  readFileSync(at, 'utf8')
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { paid_sat: number }).paid_sat);

describe('a mint that is told what was paid', () => {
  it('56: one contract that cannot be told of keeps no later one from it', async () => {
    const both = await parties();
    const ids: string[] = [];
    for (const sat of [1_000n, 2_000n, 3_000n]) {
      const id = await opened(both, { offer });
      await payMessages(both, id, sat);
      ids.push(id);
    }
    const issued = async () => Promise.all(ids.map(async (id) => (await payeeOf(both, id)).issuedSat));
    const at = file();
    const program = `read -r line; case "$line" in *${ids[0]}*) exit 3;; esac; echo "$line" >> ${at}`;
    await expect(notifyPaid(both.payee.home, program)).rejects.toMatchObject({ code: 'outside-failed' });
    expect(sums(at).sort()).toEqual([2_000, 3_000]);
    expect(await issued()).toEqual([0n, 2_000n, 3_000n]);
    expect(await notifyPaid(both.payee.home, `cat >> ${at}`)).toBe(1);
    expect([sums(at).at(-1), await issued()]).toEqual([1_000, [1_000n, 2_000n, 3_000n]]);
    expect(await notifyPaid(both.payee.home, 'false')).toBe(0);
  });

  it.each(['', '; exit 1'])(
    '57: of two tellers side by side, a slow one does not have an older word last (%j)',
    async (end) => {
      const both = await parties();
      const id = await opened(both, { offer });
      await payMessages(both, id, 1_000n);
      const at = file();
      const slow = `read -r line; case "$line" in *:1000*) sleep 1; echo "$line" >> ${at}${end};; *) echo "$line" >> ${at};; esac`;
      const first = notifyPaid(both.payee.home, slow);
      await sleep(300);
      await payMessages(both, id, 2_000n);
      expect(await notifyPaid(both.payee.home, slow)).toBe(1);
      expect(sums(at)).toEqual([3_000]);
      expect(await first).toBe(1);
      expect(sums(at)).toEqual([3_000, 1_000, 3_000]);
      expect(await payeeOf(both, id)).toMatchObject({ issuedSat: 3_000n });
    },
  );
});
