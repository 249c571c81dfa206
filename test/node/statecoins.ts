/** Statecoins of homes on a real node: one that is opened by Alice, and how each is handed on. */
import type { TestNode } from './node.ts';
import type { Pipes, Printed } from './pipes.ts';

export interface MadeCoin {
  id: string;
  operator: string;
  locktime: number;
}
/** Opens a coin of Alice's, and waits until its funding is in a block. @param policy flags of the operator */
export async function openCoin(node: TestNode, p: Pipes, policy: string, sat: number): Promise<MadeCoin> {
  const coin = await node.fund(await p.text('spillway address --home alice'), BigInt(sat) + 10_000n);
  p.write('coins.json', [coin]);
  const { coin: made } = await p.json(`
    spillway statechain-open --home operator --as operator ${policy} \\
      | spillway statechain-open --home alice --amount ${sat} --utxo coins.json \\
      | spillway statechain-open --home operator \\
      | spillway statechain-open --home alice | tee ready.json`);
  await p.confirm('ready.json');
  return { id: made.id, operator: made.operator, locktime: made.locktime };
}

/** Hands a coin on. Returns the receiver's last message. */
export const transferCoin = (
  p: Pipes,
  { id, operator }: Pick<MadeCoin, 'id' | 'operator'>,
  from: string,
  to: string,
): Promise<Printed> =>
  p.json(`
    spillway statechain-transfer --home ${to} --as receiver --operator ${operator} \\
      | spillway statechain-transfer --home ${from} --contract ${id} \\
      | spillway statechain-transfer --home operator \\
      | spillway statechain-transfer --home ${from} \\
      | spillway statechain-transfer --home ${to} \\
      | spillway statechain-transfer --home operator \\
      | spillway statechain-transfer --home ${to}`);
