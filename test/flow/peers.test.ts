/** networkx, where python3 has it (`pip install networkx`), finds the same maximum flows. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { flowNetwork } from '../../src/lib/flow/max-flow.ts';
import { drawer } from '../support/gossip.ts';

const hasJudge = spawnSync('python3', ['-c', 'import networkx']).status === 0;

it('agrees with networkx, where it is installed', () => {
  if (!hasJudge) {
    console.log('skipped: networkx (python3 has no module of that name)');
    return;
  }
  const draw = drawer(99);
  const cases = Array.from({ length: 20 }, (_, i) => {
    const nodes = 5 + 4 * i;
    const other = (a: number): number => (a + 1 + draw(nodes - 1)) % nodes;
    const edges = Array.from({ length: 3 * nodes }, () => {
      const a = draw(nodes);
      return [a, other(a), draw(2_000_000), draw(2_000_000)];
    });
    const pairs = Array.from({ length: 10 }, () => {
      const a = draw(nodes);
      return [a, other(a)] as const;
    });
    return { nodes, edges, pairs };
  });
  const { stdout } = spawnSync('python3', [join(import.meta.dirname, '../support/peers/networkx_flow.py')], {
    input: cases.map((each) => `${JSON.stringify(each)}\n`).join(''),
    encoding: 'utf8',
  });
  const theirs = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const ours = cases.map(({ nodes, edges, pairs }) => {
    const network = flowNetwork(nodes, Float64Array.from(edges.flat()));
    return pairs.map(([a, b]) => network.maxFlow(a, b));
  });
  expect(ours).toEqual(theirs);
});
