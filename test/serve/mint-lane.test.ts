/**
 * A mint that does not answer, and payments beside it: in one process and in workers. Counted are places, calls and answers,
 * in the order in which they come.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { signUpdate } from '../../src/lib/ecash/credit.ts';
import { ecashQuote } from '../../src/lib/mint/bind.ts';
import type { FactSource } from '../../src/lib/protocol/ports.ts';
import { desk } from '../../src/lib/serve/desk.ts';
import { LANE_LIMITS, Lanes, MintLane } from '../../src/lib/serve/lanes.ts';
import { Pool } from '../../src/lib/serve/pool.ts';
import { served, workHere } from '../../src/lib/serve/work.ts';
import { Market } from '../support/mint-home.ts';
import type { Message } from '../support/party.ts';

const settled = async () => {
  for (let i = 0; i < 20; i++) await turn();
};
const hangs = <T>() => Promise.withResolvers<T>();

describe('a work that waits for a mint', () => {
  it('gives its place away, keeps its turn among those of its key, and goes on once it has a place again', async () => {
    const lanes = new Lanes(1);
    const mint = hangs<string>();
    const done: string[] = [];
    const slow = lanes.run('a', async (away) => {
      done.push(await away(() => mint.promise));
    });
    const behind = lanes.run('a', async () => void done.push('behind it'));
    await lanes.run('b', async () => void done.push('beside it'));
    const place = hangs<void>();
    const other = lanes.run('c', () => place.promise);
    mint.resolve('it');
    await settled();
    expect(done).toEqual(['beside it']);
    place.resolve();
    await Promise.all([slow, behind, other]);
    expect(done).toEqual(['beside it', 'it', 'behind it']);
  });

  it('takes its place again though the mint refuses', async () => {
    const lanes = new Lanes(1);
    const failing = lanes.run('a', (away) => away(() => Promise.reject(new Error('no mint'))));
    await expect(failing).rejects.toThrow('no mint');
    let [now, most] = [0, 0];
    const work = async () => {
      most = Math.max(most, (now += 1));
      await turn();
      now -= 1;
    };
    await Promise.all(['a', 'b', 'c'].map((key) => lanes.run(key, work)));
    expect(most).toBe(1);
  });

  it('asks the chain once the mint has answered, and a step without a mint in one question', async () => {
    const facts = vi.fn<FactSource['facts']>(async (queries) => ({
      facts: { ...(queries.tip && { tip: 7 }) },
      checks: { [Object.keys(queries).join('+')]: 'asked' },
    }));
    const away = vi.fn((wait: () => Promise<any>) => wait());
    const source = new MintLane(8).source({ facts }, away);
    expect(await source.facts({ tip: true, remote: [] })).toMatchObject({ facts: { tip: 7 } });
    expect([facts.mock.calls.length, away.mock.calls.length]).toEqual([1, 0]);
    const remote = [{ at: 'https://mint.example', id: 'q' }];
    const both = await source.facts({ tip: true, now: true, remote });
    expect(both.checks).toEqual({ remote: 'asked', 'tip+now': 'asked' });
    expect(facts.mock.calls.slice(1).map(([queries]) => Object.keys(queries))).toEqual([['remote'], ['tip', 'now']]);
    expect(away).toHaveBeenCalledTimes(1);
  });
});

describe('while a mint hangs', () => {
  it('more messages for it than there are places stall no payment; beyond a share of the queue they are refused', async () => {
    const market = await Market.make(190);
    const QUEUE = 4 * (LANE_LIMITS.works.most + 2);
    const contracts: string[] = [];
    for (let i = 0; i < LANE_LIMITS.works.most + 3; i++) contracts.push(await market.forward());
    const payable = await market.forward();
    const made: Message[] = [];
    for (const contract of contracts)
      made.push(
        (await market.user.run(ecashQuote, { input: { contract, quote: `q-${contract.slice(0, 8)}` } })).message,
      );
    const requested = await market.operator.run(signUpdate, { input: { contract: payable, amount: 1_000n } });
    const paid = await market.user.run(signUpdate, {
      on: requested.message,
      input: { maxInflight: 10_000n },
      amount: 1_000n,
    });

    const answers: PromiseWithResolvers<'unknown'>[] = [];
    market.operator.askMint = vi.fn(() => {
      const answer = hangs<'unknown'>();
      answers.push(answer);
      return answer.promise;
    });
    const answer = desk(workHere(served(market.operator.ports()), {}, QUEUE), () => {});
    const codes: unknown[] = [];
    const said = made.map(async (message) => {
      const line = JSON.parse(await answer(JSON.stringify(message), 'test')) as Message;
      codes.push(line['error']?.code ?? line['step']);
    });
    const accepted = JSON.parse(await answer(paid.text, 'test')) as Message;
    expect([accepted['step'], accepted['paid_sat']]).toEqual(['accepted', 1_000]);
    // A quarter of the queue waits for the one mint; what is more has its answer, and all others are open.
    await expect.poll(() => [answers.length, codes]).toEqual([LANE_LIMITS.works.most + 2, ['busy']]);
    for (const { resolve } of answers) resolve('unknown');
    await Promise.all(said);
    expect(codes.slice(1)).toEqual(answers.map(() => 'quote-unknown'));
    await market.close();
  });

  it('a worker answers what came behind it; answers go to their messages by number, never by order', async () => {
    // A worker that holds back what asks the mint until it is told, then answers the last first; and says things of its own.
    const program = `
      console.log('ready');
      const held = [];
      require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
        const [number, text] = line.split(' ');
        if (text === 'mint') return held.unshift(number);
        console.log(number + ' answer to ' + text);
        console.log('99 nobody asked\\nwithout a number\\n' + number + ' once more');
        if (text === 'go') for (const one of held) console.log(one + ' answer of the mint to ' + one);
      });`;
    const pool = await Pool.start({ jobs: 1, command: [process.execPath, '-e', program] });
    const order: string[] = [];
    const ask = (text: string) => pool.ask('00', text).then((line) => (order.push(line), line));
    const slow = [ask('mint'), ask('mint')];
    expect(await Promise.all([ask('pay'), ask('pay')])).toEqual(['answer to pay', 'answer to pay']);
    await ask('go');
    expect(await Promise.all(slow)).toEqual(['answer of the mint to 1', 'answer of the mint to 2']);
    expect(order).toEqual([
      'answer to pay',
      'answer to pay',
      'answer to go',
      'answer of the mint to 2',
      'answer of the mint to 1',
    ]);
    await pool.close();
  });

  it('what one of several mints keeps waiting leaves room for the others', async () => {
    const lane = new MintLane(8);
    const hanging = hangs<void>();
    const waits = [1, 2].map(() => lane.run('a', () => hanging.promise));
    await expect(lane.run('a', async () => {})).rejects.toMatchObject({ code: 'busy' });
    await lane.run('b', async () => {});
    hanging.resolve();
    await Promise.all(waits);
    await lane.run('a', async () => {});
  });
});
