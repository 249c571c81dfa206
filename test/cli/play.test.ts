/** The runner: the same input gives the same bytes, races have one winner, and nobody is asked about what is refused. */
import { beforeEach, afterEach, describe, expect, it } from 'vitest';
import { promptFrom } from '../../src/lib/cli/prompt.ts';
import { play, type RunInput } from '../../src/lib/engine/play.ts';
import { closeCredit, exitCredit, rollover, signUpdate } from '../../src/lib/ecash/credit.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import type { PayeeCredit, PayerCredit } from '../../src/lib/credit/records.ts';
import { defaultPolicy } from '../../src/lib/credit/terms.ts';
import type { Consent } from '../../src/lib/protocol/action.ts';
import { Refusal } from '../../src/lib/protocol/refusal.ts';
import { opened, ownCoin, pair, payMessages, type Pair } from '../support/credit.ts';
import type { Message } from '../support/party.ts';

const policy = defaultPolicy('regtest');
let seed = 150;
let both: Pair;
beforeEach(async () => void (both = await pair((seed += 2))));
afterEach(() => both.close());

const ask = async (contract: string, amount = 2_100n): Promise<Message> =>
  (await both.payee.run(signUpdate, { input: { contract, amount } })).message;
const codeOf = async (run: Promise<unknown>): Promise<string | undefined> =>
  run.then(
    () => undefined,
    (error: Refusal) => error.code,
  );

describe('the same input', () => {
  it('prints the same bytes and commits nothing, whatever its checks, key order or white space', async () => {
    const on = await ask(await opened(both));
    const first = await both.payer.run(signUpdate, { on, amount: 2_100n });
    const commits = await both.payer.home.store.commits();
    const turned = Object.fromEntries(Object.entries(on).reverse());
    for (const same of [on, { ...on, checks: { tip: 'believe me' } }, { ...on, checks: undefined }, turned])
      expect((await both.payer.run(signUpdate, { on: same, amount: 2_100n })).text).toBe(first.text);
    expect((await both.payer.run(signUpdate, { on: JSON.stringify(on, null, 3), amount: 2_100n })).text).toBe(
      first.text,
    );
    expect(await both.payer.home.store.commits()).toBe(commits);
  });

  it('does so after a restart, and after a crash at any point after the commit', async () => {
    const id = await opened(both);
    const signed = await both.payer.run(signUpdate, { on: await ask(id), amount: 2_100n });
    const crash = (at: string) => (label: string) => {
      if (label === at) throw new Error('crash');
    };
    await expect(both.payee.run(signUpdate, { on: signed.message, point: crash('before-commit') })).rejects.toThrow(
      'crash',
    );
    expect(((await both.payee.record(id)) as PayeeCredit).paidSat).toBe(0n);
    await expect(both.payee.run(signUpdate, { on: signed.message, point: crash('after-commit') })).rejects.toThrow(
      'crash',
    );
    expect(((await both.payee.record(id)) as PayeeCredit).paidSat).toBe(2_100n);
    await both.payee.reopen();
    expect(both.payee.home.restored).toBe(false);
    const accepted = await both.payee.run(signUpdate, { on: signed.message });
    expect(accepted.message).toMatchObject({ step: 'accepted', paid_sat: 2_100 });
  });

  it('is answered from the store before anything else: also once the contract has moved on', async () => {
    const id = await opened(both);
    const [requested, signed, accepted] = await payMessages(both, id, 2_100n);
    await both.payee.run(exitCredit, { input: { contract: id } });
    both.payer.chain.tip = both.payee.chain.tip = 9_999;
    expect((await both.payee.run(signUpdate, { on: signed! })).message).toEqual(accepted);
    expect((await both.payer.run(signUpdate, { on: requested!, amount: 2_100n })).message).toEqual(signed);
  });

  it('with one bit of the message changed it is another input', async () => {
    const on = await ask(await opened(both));
    await both.payer.run(signUpdate, { on, amount: 2_100n });
    const auth = (on['auth'] as string).replace(/.$/, (c) => (c === '0' ? '1' : '0'));
    expect(await codeOf(both.payer.run(signUpdate, { on: { ...on, auth }, amount: 2_100n }))).toBe('bad-seal');
  });
});

describe('flags', () => {
  it('other flags on an answered message: answered-otherwise, and the answer stays', async () => {
    const offered = await both.payee.run(openCredit, { input: { as: 'payee', policy } });
    const utxo = [await ownCoin(both.payer, 1_300_000n)];
    const input = { utxo, amount: 1_200_000n, expires: { blocks: 4_320 } };
    const first = await both.payer.run(openCredit, { on: offered.message, input });
    for (const other of [
      { ...input, amount: 1_100_000n },
      { ...input, allowFee: true },
      { ...input, expires: { blocks: 4_321 } },
      { amount: 1_200_000n, expires: { blocks: 4_320 } },
    ])
      expect(await codeOf(both.payer.run(openCredit, { on: offered.message, input: other }))).toBe(
        'answered-otherwise',
      );
    expect(
      (await both.payer.run(openCredit, { on: offered.message, input: { ...input, change: undefined } })).text,
    ).toBe(first.text);
  });

  it('what the answer depends on beside the row’s flags counts too (the feerate)', async () => {
    const offered = await both.payee.run(openCredit, { input: { as: 'payee', policy } });
    const utxo = [await ownCoin(both.payer, 1_300_000n)];
    const line: RunInput<object> = {
      json: offered.message,
      input: { utxo, amount: 1_200_000n, expires: { blocks: 4_320 } },
      merged: [],
      context: { feerate: 3_000 },
    };
    const first = await play(openCredit, line as never, both.payer.ports());
    expect((await play(openCredit, line as never, both.payer.ports())).text).toBe(first.text);
    const other = { ...line, context: { feerate: 4_000 } };
    expect(await codeOf(play(openCredit, other as never, both.payer.ports()))).toBe('answered-otherwise');
  });

  it('flags that only agree may change', async () => {
    const on = await ask(await opened(both));
    const input = { amount: 2_100n };
    const first = await both.payer.run(signUpdate, { on, input, amount: 2_100n });
    for (const again of [{ max: 5_000n }, { amount: 7n }, {}])
      expect((await both.payer.run(signUpdate, { on, input: again, ...again })).text).toBe(first.text);
  });

  it('a flag that the row does not take, or one that it needs, is a usage error and changes nothing', async () => {
    const id = await opened(both);
    const on = await ask(id);
    const before = await both.payer.state();
    expect(await codeOf(both.payer.run(signUpdate, { on, input: { contract: id }, amount: 2_100n }))).toBe('usage');
    expect(await codeOf(both.payee.run(signUpdate, { input: { contract: id } }))).toBe('usage');
    expect(await both.payer.state()).toEqual(before);
  });
});

describe('starts', () => {
  it('--request-id repeats one; with other flags it is answered-otherwise', async () => {
    const id = await opened(both);
    const start = (amount: bigint) =>
      both.payee.run(signUpdate, { input: { contract: id, amount }, requestId: 'order 7' });
    const first = await start(2_100n);
    expect((await start(2_100n)).text).toBe(first.text);
    expect(await codeOf(start(2_200n))).toBe('answered-otherwise');
    expect(
      (await both.payee.run(rollover, { input: { contract: id, policy }, requestId: 'order 7' })).message['type'],
    ).toBe('rollover');
  });

  it('without one it is new each time', async () => {
    const offer = () => both.payee.run(openCredit, { input: { as: 'payee', policy } });
    const [one, two] = [await offer(), await offer()];
    expect(one.message['offer'].pubkey).not.toBe(two.message['offer'].pubkey);
  });

  it('a cancelled request is forgotten: the same --request-id asks anew', async () => {
    const id = await opened(both);
    const start = () => both.payee.run(signUpdate, { input: { contract: id, amount: 2_100n }, requestId: 'order 8' });
    const first = await start();
    await both.payee.run(signUpdate, { input: { contract: id }, cancel: true });
    expect((await start()).text).not.toBe(first.text);
  });
});

describe('races', () => {
  it('fifty runs of one acceptance at once: one does it, all print the same', async () => {
    const id = await opened(both);
    const signed = await both.payer.run(signUpdate, { on: await ask(id), amount: 2_100n });
    const commits = await both.payee.home.store.commits();
    const runs = await Promise.all(
      Array.from({ length: 50 }, () => both.payee.run(signUpdate, { on: signed.message })),
    );
    expect(new Set(runs.map((r) => r.text)).size).toBe(1);
    expect(await both.payee.home.store.commits()).toBe(commits + 1);
    expect(((await both.payee.record(id)) as PayeeCredit).paidSat).toBe(2_100n);
  });

  it('fifty signatures of one request at once count once', async () => {
    const id = await opened(both);
    const on = await ask(id);
    const runs = await Promise.all(
      Array.from({ length: 50 }, () => both.payer.run(signUpdate, { on, amount: 2_100n })),
    );
    expect(new Set(runs.map((r) => r.text)).size).toBe(1);
    expect(((await both.payer.record(id)) as PayerCredit).signedMaxSat).toBe(2_100n);
  });

  it('two requests signed at once from the same amount count what the larger one comes to', async () => {
    const id = await opened(both);
    const [one, two] = [await ask(id, 2_100n), await ask(id, 4_000n)];
    const ends = await Promise.all([one, two].map((on) => codeOf(both.payer.run(signUpdate, { on, max: 10_000n }))));
    // Where the larger one comes second, less is left to agree to than was asked: it is run again.
    expect([
      [undefined, 'concurrent'],
      [undefined, undefined],
    ]).toContainEqual(ends);
    if (ends[1] !== undefined) await both.payer.run(signUpdate, { on: two, max: 1_900n });
    expect(((await both.payer.record(id)) as PayerCredit).signedMaxSat).toBe(4_000n);
  });

  it('acceptance, close and exit at once: whatever wins, the rest is refused or follows', async () => {
    const id = await opened(both);
    await payMessages(both, id, 2_100n);
    const signed = await both.payer.run(signUpdate, { on: await ask(id, 900n), amount: 900n });
    const close = await both.payer.run(closeCredit, { input: { contract: id } });
    const ends = await Promise.all([
      codeOf(both.payee.run(signUpdate, { on: signed.message })),
      codeOf(both.payee.run(closeCredit, { on: close.message })),
      codeOf(both.payee.run(exitCredit, { input: { contract: id } })),
    ]);
    for (const end of ends) expect([undefined, 'wrong-state', 'state-moved-on', 'nonce-consumed']).toContain(end);
    const c = (await both.payee.record(id)) as PayeeCredit;
    expect(['closing', 'exiting']).toContain(c.state);
    expect(c.paidSat).toBe(ends[0] === undefined ? 3_000n : 2_100n);
  });

  it('twenty contracts asked at once do not disturb one another', async () => {
    const ids = [];
    for (let i = 0; i < 4; i++) ids.push(await opened(both));
    const asked = await Promise.all(ids.map((id) => ask(id)));
    const signed = await Promise.all(asked.map((on) => both.payer.run(signUpdate, { on, amount: 2_100n })));
    await Promise.all(signed.map((s) => both.payee.run(signUpdate, { on: s.message })));
    for (const id of ids) expect(((await both.payee.record(id)) as PayeeCredit).paidSat).toBe(2_100n);
  });

  it('a store that always moves on ends in ‘concurrent’, with nothing printed', async () => {
    const on = await ask(await opened(both));
    const ports = both.payer.ports({ amount: 2_100n });
    let tries = 0;
    const store = {
      reply: ports.store.reply.bind(ports.store),
      last: ports.store.last.bind(ports.store),
      recall: ports.store.recall.bind(ports.store),
      load: ports.store.load.bind(ports.store),
      flush: ports.store.flush.bind(ports.store),
      payouts: ports.store.payouts.bind(ports.store),
      notes: ports.store.notes.bind(ports.store),
      byName: ports.store.byName.bind(ports.store),
      ours: ports.store.ours.bind(ports.store),
      commit: async () => ((tries += 1), false),
    };
    expect(await codeOf(play(signUpdate, { json: on, input: {}, merged: [] }, { ...ports, store }))).toBe('concurrent');
    expect(tries).toBe(8);
  });
});

describe('consent', () => {
  it('is asked after everything that could refuse, once, and counted once', async () => {
    const id = await opened(both);
    const on = await ask(id);
    const asked: Consent[] = [];
    const settled: Consent[] = [];
    let lost = 2;
    const ports = both.payer.ports();
    const run = (json: Message) =>
      play(
        signUpdate,
        { json, input: {}, merged: [] },
        {
          ...ports,
          prompt: { agree: async (c) => void asked.push(c), settled: (c) => void settled.push(c) },
          store: {
            reply: ports.store.reply.bind(ports.store),
            last: ports.store.last.bind(ports.store),
            recall: ports.store.recall.bind(ports.store),
            load: ports.store.load.bind(ports.store),
            flush: ports.store.flush.bind(ports.store),
            payouts: ports.store.payouts.bind(ports.store),
            notes: ports.store.notes.bind(ports.store),
            byName: ports.store.byName.bind(ports.store),
            ours: ports.store.ours.bind(ports.store),
            commit: async (given) => (lost-- > 0 ? false : ports.store.commit(given)),
          },
        },
      );
    both.payer.chain.tip = 5_200; // frozen
    const late = { ...ports, ...both.payer.ports() };
    expect(
      await codeOf(
        play(
          signUpdate,
          { json: on, input: {}, merged: [] },
          { ...late, prompt: { agree: async (c) => void asked.push(c), settled: () => {} } },
        ),
      ),
    ).toBe('frozen');
    expect(asked).toEqual([]);
    both.payer.chain.tip = 1_000;
    await run(on);
    expect([asked.length, settled.length]).toEqual([1, 1]);
    expect(asked[0]).toMatchObject({ amountSat: 2_100n, growthSat: 2_100n });
    await run(on); // a repeated answer asks nothing
    expect([asked.length, settled.length]).toEqual([1, 1]);
  });

  it('no: nothing is kept', async () => {
    const on = await ask(await opened(both));
    const before = await both.payer.state();
    const prompt = { agree: () => Promise.reject(new Refusal('not-agreed', 'no')), settled: () => {} };
    expect(await codeOf(play(signUpdate, { json: on, input: {}, merged: [] }, { ...both.payer.ports(), prompt }))).toBe(
      'not-agreed',
    );
    expect(await both.payer.state()).toEqual(before);
  });

  it.each([
    // What another run signs while the question over 2100 sat stands: then less is left to agree to, or nothing.
    [1_000n, 'concurrent'],
    [2_100n, 'concurrent'],
    [4_000n, 'concurrent'],
  ])('a question that a lost race (%i sat) changes is not asked again: %s', async (meanwhile, code) => {
    const id = await opened(both);
    const [one, two] = [await ask(id, meanwhile), await ask(id, 2_100n)];
    const ports = both.payer.ports();
    let asked = 0;
    let other: unknown;
    const prompt = {
      agree: async () => {
        asked += 1;
        if (asked === 1) await both.payer.run(signUpdate, { on: one, amount: meanwhile });
        other = await both.payer.state();
      },
      settled: () => {},
    };
    expect(await codeOf(play(signUpdate, { json: two, input: {}, merged: [] }, { ...ports, prompt }))).toBe(code);
    expect(asked).toBe(1);
    expect(((await both.payer.record(id)) as PayerCredit).signedMaxSat).toBe(meanwhile);
    expect(await both.payer.state()).toEqual(other);
  });

  it('--max counts what was committed, not what was refused', async () => {
    const ids = [await opened(both), await opened(both)];
    const [a, b] = [await ask(ids[0]!), await ask(ids[1]!)];
    const ports = { ...both.payer.ports(), prompt: promptFrom({ max: 2_100n }) };
    const run = (json: Message) => play(signUpdate, { json, input: {}, merged: [] }, ports);
    both.payer.chain.tip = 5_200;
    expect(
      await codeOf(
        play(signUpdate, { json: a, input: {}, merged: [] }, { ...both.payer.ports(), prompt: ports.prompt }),
      ),
    ).toBe('frozen');
    both.payer.chain.tip = 1_000;
    await run(a);
    await run(a);
    expect(await codeOf(run(b))).toBe('over-max');
  });
});

describe('refused before anything is loaded', () => {
  it('another network, type, version or step', async () => {
    const on = await ask(await opened(both));
    const code = (change: object) => codeOf(both.payer.run(signUpdate, { on: { ...on, ...change }, amount: 2_100n }));
    expect(await code({ network: 'mainnet' })).toBe('wrong-network');
    expect(await code({ type: 'rollover' })).toBe('unknown-type');
    expect(await code({ version: 2 })).toBe('unknown-version');
    expect(await code({ step: 'constructor' })).toBe('unknown-step');
    expect(await codeOf(both.payer.run(signUpdate, { on: '[]' }))).toBe('malformed-message');
    expect(await codeOf(both.payer.run(signUpdate, { on: '{"type":"sign-update","type":"sign-update"}' }))).toBe(
      'malformed-json',
    );
    expect(
      await codeOf(
        both.payer.run(signUpdate, { on: JSON.stringify(on).replace('"amount_sat":2100', '"amount_sat":2100.0') }),
      ),
    ).toBe('malformed-message');
  });
});

describe('a server', () => {
  const served = {};
  it('takes the rows of the party that it plays, and gives the bytes that the command gives', async () => {
    const id = await opened(both);
    const signed = await both.payer.run(signUpdate, { on: await ask(id), amount: 2_100n });
    const first = await both.payee.run(signUpdate, { on: signed.message, served });
    expect(first.message).toMatchObject({ step: 'accepted', paid_sat: 2_100 });
    expect((await both.payee.run(signUpdate, { on: signed.message })).text).toBe(first.text);
  });

  it('takes no row of the other party, no start and no table that names none: not-served', async () => {
    const id = await opened(both);
    const on = await ask(id);
    const offered = await both.payee.run(openCredit, { input: { as: 'payee', policy } });
    const [before, payees] = [await both.payer.state(), await both.payee.state()];
    const input = { amount: 1_200_000n, expires: { blocks: 4_320 } };
    expect(await codeOf(both.payer.run(openCredit, { on: offered.message, input, served }))).toBe('not-served');
    const rows = signUpdate.rows.map(({ unattended: _, ...row }) => row);
    expect(await codeOf(both.payer.run({ ...signUpdate, rows }, { on, amount: 2_100n, served }))).toBe('not-served');
    const starts = [
      [signUpdate, { contract: id, amount: 2_100n }],
      [rollover, { contract: id, policy }],
      [closeCredit, { contract: id }],
      [openCredit, { as: 'payee', policy }],
      [exitCredit, { contract: id }],
    ] as const;
    for (const [table, input] of starts)
      expect(await codeOf(both.payee.run(table, { input, served })), table.type).toBe('not-served');
    expect([await both.payer.state(), await both.payee.state()]).toEqual([before, payees]);
  });

  it('takes a row of the other party that is marked for it', async () => {
    const on = await ask(await opened(both));
    const signed = await both.payer.run(signUpdate, { on, amount: 2_100n, served });
    expect(signed.message['step']).toBe('signed');
  });

  it('gives its standing orders to the rows that take them, and repeats an answer once they have changed', async () => {
    const id = await opened(both);
    const close = await both.payer.run(closeCredit, { input: { contract: id } });
    const strict = { maxFeerate: 100, policy };
    expect(await codeOf(both.payee.run(closeCredit, { on: close.message, served: strict }))).toBe('fee-too-high');
    const signed = await both.payee.run(closeCredit, { on: close.message, served: { maxFeerate: 5_000, policy } });
    expect(signed.message['step']).toBe('signed');
    expect((await both.payee.run(closeCredit, { on: close.message, served: strict })).text).toBe(signed.text);
  });
});
