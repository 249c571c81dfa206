/** A payee with an open contract, and servers of the built program on its home, which end with each test of the file. */
import { afterAll, afterEach, beforeAll } from 'vitest';
import { signUpdate } from '../../src/lib/ecash/credit.ts';
import { opened, pair, type Pair } from './credit.ts';
import type { Message } from './party.ts';
import { Server } from './server.ts';

/** @param begun told of the pair and its contract before the first test */
export function servedPair(seed: number, begun: (both: Pair, contract: string) => void) {
  let both: Pair;
  let id: string;
  beforeAll(async () => {
    both = await pair(seed);
    id = await opened(both);
    begun(both, id);
  });
  afterAll(() => both.close());
  const running: Server[] = [];
  afterEach(() => running.splice(0).forEach(({ child }) => child.kill('SIGKILL')));

  const env = (more: Record<string, string> = {}, of = seed): Record<string, string> => ({
    SPILLWAY_INSECURE_SEED: Buffer.alloc(32, of).toString('hex'),
    SPILLWAY_TIP: '1000',
    ...more,
  });
  /** Another server that ends with its test. */
  const ends = (server: Server): Server => (running.push(server), server);
  return {
    env,
    ends,
    /** A server on the payee's home. */
    serve: async (argv: readonly string[], more?: Record<string, string>): Promise<Server> =>
      ends(await Server.start(['--home', both.payee.dir, ...argv], env(more))),
    /** The payer's signature for a new request over a contract. */
    async signed(contract = id, amount = 1_000n): Promise<{ message: Message; text: string }> {
      const requested = await both.payee.run(signUpdate, { input: { contract, amount } });
      return both.payer.run(signUpdate, { on: requested.message, amount });
    },
  };
}
