/** Flags of the chain: a node is asked for whatever they leave open. */
import { expect, it } from 'vitest';
import { chainOf, tipOf } from '../../src/lib/cli/chain.ts';

const chain = 'http://127.0.0.1:1';

it.each([
  ['a flag outdoes a node', { chain, tip: 5 }, ['--tip', '5'], 5],
  ['a flag outdoes a node', { chain, tip: 5 }, ['--tip=5'], 5],
  ['a node outdoes the variable', { chain, tip: 5 }, [], undefined],
  ['the variable counts where there is no node', { tip: 5 }, [], 5],
])('%s', (_, flags, argv, tip) => expect(tipOf(flags, argv)).toBe(tip));

it('a node is asked for the rest where the tip is given', async () => {
  const { tip, rpc } = await chainOf({ chain, tip: 5 }, ['--tip', '5']);
  expect([tip, rpc?.at]).toEqual([5, '127.0.0.1:1']);
});

it('without flags there is no chain', async () => expect(await chainOf({}, [])).toEqual({}));
