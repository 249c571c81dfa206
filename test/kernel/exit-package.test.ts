/** Every transaction of the exit packages of all families, and every child, judged by Bitcoin Core's consensus code. */
import { afterAll, describe, expect, it } from 'vitest';
import { readExitPackage } from '../../src/lib/contract/exit-package.ts';
import { asRead, everyExit } from '../support/exits.ts';
import { judge } from '../support/kernel.ts';

const kernel = await judge();
afterAll(() => kernel?.close());
const all = kernel ? await everyExit(151) : [];

describe.skipIf(!kernel)('an exit package', () => {
  it.each(all)('of $name spends what it says, and nothing else', async ({ package: made }) => {
    for (const { hex, spends, child } of readExitPackage(asRead(made)).steps) {
      expect(await kernel!.scripts(hex, spends)).toBe(true);
      const [first, ...others] = spends;
      const other = { ...first!, script: `5120${'79'.repeat(32)}` };
      expect(await kernel!.scripts(hex, [other, ...others])).toBe(false);
      if (child) expect(await kernel!.scripts(child.hex, child.inputs)).toBe(true);
    }
  });
  it('has them of every family that has a way out alone', () => {
    expect([...new Set(all.map(({ family }) => family))].sort()).toEqual([
      'channel',
      'credit',
      'htlc',
      'pledge',
      'statechain',
    ]);
  });
});
