/**
 * What was recorded on nodes of lnd (`npm run test:lnd`), played again: the same backups and transactions, through the
 * same commands, judged by consensus.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { parseTransaction } from '../../src/lib/bitcoin/transaction.ts';
import { lndRoot, readLndBackup } from '../../src/lib/channel/lnd.ts';
import { judge } from '../support/kernel.ts';
import { importedAll, inspected, prevoutsOf, runStep, type Recording } from '../support/lnd-steps.ts';
import { codeOf } from '../support/refusal.ts';
import { fixture } from '../support/vectors.ts';

const { owners, steps, inspected: seen, backups } = fixture<Recording>('channel/lnd-scenes.json');
const kernel = await judge();
afterAll(() => kernel?.close());

/** The same transaction with another sequence in its first input. */
function hurried(hex: string): string | undefined {
  const { sequence } = parseTransaction(hex).inputs[0]!;
  if (sequence >= 0x10000) return undefined;
  const at = hex.indexOf(Buffer.from(Uint32Array.of(sequence).buffer).toString('hex'), 80);
  return `${hex.slice(0, at)}00000000${hex.slice(at + 8)}`;
}

describe.each(steps.map((step) => [step.name, step] as const))('recorded on lnd: %s', (_, step) => {
  it('is spent in the ways that a node took, and consensus agrees', async () => {
    const { spends } = await runStep({ ...owners[step.outpoint]!, ...step });
    expect(spends.map(({ ways }) => ways)).toEqual(step.ways);
    for (const { hex } of kernel ? spends : []) {
      const prevouts = prevoutsOf(hex, step.spends);
      expect(await kernel!.scripts(hex, prevouts)).toBe(true);
      const others = prevouts.map((p) => ({ ...p, sat: p.sat + 1n }));
      expect(await kernel!.scripts(hex, others)).toBe(false);
      const early = hurried(hex);
      if (early !== undefined) expect(await kernel!.scripts(early, prevouts)).toBe(false);
    }
  });
});

it.each(seen.map((one) => [one.name, one.kind, one] as const))(
  'recorded on lnd: %s is called %s',
  async (_, kind, one) => {
    const { formats, holder, number, outpoint } = one;
    const channel = outpoint === undefined ? undefined : { ...owners[outpoint]!, outpoint };
    expect(await inspected(one.hex, channel)).toMatchObject({ kind, formats, holder, number });
    if (kind === 'commitment') expect((await inspected(one.hex)).kind).toBe(kind);
  },
);

it.each(backups.map((one) => [one.name, one] as const))(
  'a backup recorded on lnd, %s, says what its node said',
  async (_, one) => {
    expect(await importedAll(one)).toEqual(one.channels);
  },
);

it('a backup recorded on lnd does not open with the root key of another node', () => {
  const [{ backup }, { root_key }] = [backups[0]!, Object.values(owners)[0]!];
  expect(codeOf(() => readLndBackup(hexToBytes(backup), lndRoot(root_key, 'regtest')))).toBe('wrong-seed');
});
