/** Flags of the chain: a node is asked for whatever they leave open. */
import { expect, it, vi } from 'vitest';
import { chainOf } from '../../src/lib/cli/chain.ts';
import { door } from '../../src/lib/cli/door.ts';
import { chainFlags } from '../../src/lib/cli/flags.ts';
import { command } from '../support/command.ts';

const chain = 'http://127.0.0.1:1';

const Tip = door({
  summary: 'The height',
  description: 'The height.',
  examples: [],
  flags: chainFlags,
  run: ({ tip }) => ({ tip }),
});

it.each([
  ['a flag outdoes a node', ['--chain', chain, '--tip', '5'], 5],
  ['a flag outdoes a node', ['--chain', chain, '--tip=5'], 5],
  ['a flag outdoes the variable', ['--tip', '5'], 5],
  ['a node outdoes the variable', ['--chain', chain], undefined],
  ['the variable counts where there is no node', [], 6],
])('%s', async (_, argv, tip) => {
  vi.stubEnv('SPILLWAY_TIP', '6');
  expect(JSON.parse((await command(Tip, argv)).stdout)).toEqual({ tip });
  vi.unstubAllEnvs();
});

it('a node is asked for the rest where the tip is given', async () => {
  const { tip, rpc } = await chainOf({ chain, tip: 5 });
  expect([tip, rpc?.at]).toEqual([5, '127.0.0.1:1']);
});

it('without flags there is no chain', async () => expect(await chainOf({})).toEqual({}));
