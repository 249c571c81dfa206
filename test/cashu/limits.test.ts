/** The limits of what a mint answers. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, vi } from 'vitest';
import { alone, TURN_LIMITS } from '../../src/lib/cashu/in-hand.ts';
import { requestTo, WALLET_LIMITS } from '../../src/lib/cashu/wallet.ts';
import { ANSWER_LIMITS, mintQuote } from '../../src/lib/cashu/quotes.ts';
import { hold } from '../../src/lib/home/hold.ts';
import { limits } from '../support/limits.ts';
import { at } from '../support/mint.ts';
import { tempDir } from '../home/fixture.ts';

let server: Server;
let answer = '';
beforeAll(async () => {
  server = createServer((_, response) => void response.end(answer));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
});
afterAll(() => void server.close());
const says = (text: string) => {
  answer = text;
  return mintQuote(at(`http://127.0.0.1:${(server.address() as AddressInfo).port}`), 'q1');
};
const quote = (request: string) => JSON.stringify({ quote: 'q1', request, amount_paid: 3, amount_issued: 2 });

describe('an answer of a mint', () => {
  limits(ANSWER_LIMITS, {
    answer: { takes: (n: number) => says(quote('r').padEnd(n)), above: 'mint-unavailable' },
    request: { takes: (n: number) => says(quote('r'.repeat(n))), above: 'mint-unavailable' },
  });
});

describe('an answer of a mint to the library', () => {
  limits(WALLET_LIMITS, {
    answer: {
      async takes(n: number) {
        answer = '{}'.padEnd(n);
        const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
        return (await requestTo(at(url)))({ endpoint: `${url}/v1/keys` });
      },
      above: 'mint-unavailable',
    },
  });
});

describe('the ecash of a home', () => {
  limits(TURN_LIMITS, {
    held: {
      /** Is another run still waited for, so long after the beginning? Then it ends. */
      async takes(n: number) {
        const dir = tempDir();
        const free = (await hold(join(dir, 'ecash.lock')))!;
        const work = vi.fn(async () => 1);
        let looks = 0;
        const clock = vi.spyOn(performance, 'now').mockImplementation(() => {
          if ((looks += 1) === 2) free();
          return looks === 1 ? 7 : 7 + n;
        });
        await alone({ dir } as never, work).finally(() => clock.mockRestore());
        expect(work).toHaveBeenCalledTimes(1);
      },
      above: 'concurrent',
    },
  });
});
