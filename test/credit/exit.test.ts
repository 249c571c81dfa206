/** exit-credit: what is printed when, and what it freezes. */
import { describe, expect, it } from 'vitest';
import { exitCredit, rollover, signUpdate } from '../../src/lib/ecash/credit.ts';
import { creditShown } from '../../src/lib/ecash/status.ts';
import { dueList, verdictOf } from '../../src/lib/credit/exit.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import { settledAs } from '../../src/lib/credit/records.ts';
import { parseTransaction } from '../../src/lib/bitcoin/transaction.ts';
import { opened, payMessages } from '../support/credit.ts';
import { parties, payeeOf, payerOf, policy, refused, show, tip } from './helpers.ts';

const none = { coins: 'not-checked', known: 'not-checked' } as const;

describe('the coin that status asks for', () => {
  it('states what may spend it only when it is asked, for that hashes transactions', async () => {
    const both = await parties();
    const coin = creditShown.coin!(await payeeOf(both, await opened(both)))!;
    expect(Object.getOwnPropertyDescriptor(coin, 'ways')).toHaveProperty('get');
    expect([coin.ended, coin.ways.length > 0]).toEqual([false, true]);
  });
});

describe('the refund', () => {
  it('is valid one block after the expiry and not before: no bytes until nodes would take it', async () => {
    const both = await parties();
    const { payer } = both;
    const contract = await opened(both);
    const { expiry } = (await payerOf(both, contract)).terms;
    const print = () => payer.run(exitCredit, { input: { contract } });
    for (const height of [1_000, expiry - 1]) {
      tip(both, height);
      const early = await print();
      expect([early.exit, early.message['hex'], early.message['verdict']]).toEqual([3, undefined, 'early']);
      expect(early.message['valid_from_height']).toBe(expiry + 1);
    }
    tip(both, 'not-checked');
    expect((await print()).exit).toBe(3);
    // A tip at the expiry: the next block, expiry + 1, may hold it.
    tip(both, expiry);
    const due = await print();
    expect([due.exit, due.message['verdict']]).toEqual([0, 'due']);
    const tx = parseTransaction(due.message['hex']);
    expect([tx.lockTime, tx.inputs[0]!.sequence, tx.version]).toEqual([expiry, 0xfffffffe, 3]);
  });
  it('is all but its fee, whatever was paid; --export does not print it sooner', async () => {
    const both = await parties();
    const contract = await opened(both);
    await payMessages(both, contract, 50_000n);
    const early = await both.payer.run(exitCredit, { input: { contract, export: true } });
    expect(early.message).toMatchObject({ amount_sat: 1_199_778 });
    expect(early.message).not.toHaveProperty('hex');
  });
  it('there is none before it is finished', async () => {
    const both = await parties();
    const offered = await both.payee.run(openCredit, { input: { as: 'payee', policy } });
    const addressed = await both.payer.run(openCredit, {
      on: offered.message,
      input: { amount: 1_200_000n, expires: { blocks: 4_320 } },
    });
    await refused(
      () => both.payer.run(exitCredit, { input: { contract: addressed.message['id'] } }),
      'nothing-to-print',
      both.payer,
    );
  });
});

describe('the exit', () => {
  it('printed freezes the contract for good: live requests and rollovers are void', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const contract = await opened(both);
    await payMessages(both, contract, 50_000n);
    const requested = await payee.run(signUpdate, { input: { contract, amount: 900n } });
    const signed = await payer.run(signUpdate, { on: requested.message, amount: 900n });
    const offered = await payee.run(rollover, { input: { contract, policy } });
    const exit = await payee.run(exitCredit, { input: { contract } });
    expect(exit.message).toMatchObject({ amount_sat: 50_000, deadline_height: 5_176, valid_from_height: null });
    await refused(() => payee.run(signUpdate, { on: signed.message }), 'wrong-state', payee);
    await refused(() => payee.run(signUpdate, { input: { contract, amount: 50n } }), 'wrong-state', payee);
    await refused(
      () => payer.run(rollover, { on: offered.message, input: { expires: { blocks: 4_320 } } }),
      'update-in-flight',
      payer,
    );
    const { nonces } = await payee.home.store.load([`id:${contract}`]);
    expect(nonces).toEqual([]);
    expect((await payee.run(exitCredit, { input: { contract } })).message['hex']).toBe(exit.message['hex']);
  });
  it('exported does not, and says what an older export is worth', async () => {
    const both = await parties();
    const { payee } = both;
    const contract = await opened(both);
    await payMessages(both, contract, 50_000n);
    const before = await payee.home.store.list();
    const exported = await payee.run(exitCredit, { input: { contract, export: true } });
    expect(exported.hint).toContain('older export');
    expect(await payee.home.store.list()).toEqual(before);
    await payMessages(both, contract, 900n);
  });
  it('with nothing paid there is nothing to print', async () => {
    const both = await parties();
    const contract = await opened(both);
    await refused(() => both.payee.run(exitCredit, { input: { contract } }), 'nothing-to-print', both.payee);
  });
  it('amounts are those of the output: a remainder below dust is in it', async () => {
    const both = await parties();
    const contract = await opened(both);
    await payMessages(both, contract, 1_199_692n - 329n);
    const exit = await both.payee.run(exitCredit, { input: { contract } });
    expect(exit.message['amount_sat']).toBe(1_199_692);
    expect(parseTransaction(exit.message['hex']).outputs.length).toBe(1);
  });
  it('reads no message', async () => {
    const both = await parties();
    await expect(both.payee.run(exitCredit, { on: { type: 'exit-credit' } })).rejects.toMatchObject({ code: 'usage' });
  });
});

describe('verdicts', () => {
  it('of the payee follow freeze and deadline; of the payer the expiry', async () => {
    const both = await parties();
    const contract = await opened(both);
    expect(verdictOf(await payeeOf(both, contract), { tip: 9_999, ...none })).toBe('done');
    await payMessages(both, contract, 50_000n);
    const [payee, payer] = [await payeeOf(both, contract), await payerOf(both, contract)];
    const at = (height: number) => verdictOf(payee, { tip: height, ...none });
    expect([5_031, 5_032, 5_176, 5_177, 5_320].map(at)).toEqual(['early', 'due', 'due', 'late', 'late']);
    expect([5_319, 5_320].map((height) => verdictOf(payer, { tip: height, ...none }))).toEqual(['early', 'due']);
    expect(verdictOf(payee, { tip: 'not-checked', ...none })).toBe('unknown');
  });
  it('tell a spent coin from a funding that is not there yet and one that never will be', async () => {
    const both = await parties();
    const contract = await opened(both);
    await payMessages(both, contract, 50_000n);
    const c = await payerOf(both, contract);
    show(both, c, 'missing');
    const coins = both.payer.chain.coins as ReadonlyMap<string, 'missing'>;
    const input = c.funding!.template.inputs[0]!;
    const unspent = { sat: input.sat, script: input.script, confirmations: 6 };
    const key = `${input.txid}:${input.vout}`;
    const known = (seen: boolean) => new Map([[c.outpoint.txid, seen]]);
    const taken = (confirmations: number) => new Map([[key, { txid: 'ee'.repeat(32), hex: null, confirmations }]]);
    const verdict = (found: 'missing' | typeof unspent, seen: boolean, spends?: ReturnType<typeof taken>) =>
      verdictOf(c, {
        tip: 1_000,
        ...(spends && { spends }),
        coins: new Map<string, 'missing' | typeof unspent>([...coins, [key, found]]),
        known: known(seen),
      });
    expect(verdict('missing', true)).toBe('pending');
    expect(verdict(unspent, false)).toBe('unfunded');
    // An input that is gone proves nothing; a final transaction that has taken it does.
    expect(verdict('missing', false)).toBe('unfunded');
    expect([0, 5, 6].map((depth) => verdict('missing', false, taken(depth)))).toEqual(['unfunded', 'unfunded', 'dead']);
  });
  it('of what the chain has settled is done, whatever is not asked or not found, unless its coin is there again', async () => {
    const both = await parties();
    const contract = await opened(both);
    await payMessages(both, contract, 50_000n);
    const settled = { by: 'close', txid: '00'.repeat(32), paysSat: 50_000n } as const;
    for (const c of [await payeeOf(both, contract), await payerOf(both, contract)]) {
      const done = settledAs(c, settled) as typeof c;
      expect(verdictOf(done, { tip: 9_999, ...none })).toBe('done');
      show(both, c, 'missing');
      const gone = { ...both[c.role].chain, known: new Map([[c.outpoint.txid, false]]) };
      expect(verdictOf(done, { ...gone, tip: 9_999 })).toBe('done');
      show(both, c);
      expect(verdictOf(done, { ...both[c.role].chain, tip: 9_999 })).toBe(c.role === 'payee' ? 'late' : 'due');
    }
  });
  it('a list of what is due is sorted by deadline and leaves out what is far', async () => {
    const both = await parties();
    const [far, near] = [await opened(both, { blocks: 9_000 }), await opened(both, { blocks: 2_000 })];
    for (const id of [far, near]) await payMessages(both, id, 5_000n);
    const records = [await payeeOf(both, far), await payeeOf(both, near)];
    const names = (height: number, within: number) => dueList(records, height, within, none).map((l) => l.contract);
    expect(names(1_000, 100_000)).toEqual([near, far]);
    expect(names(2_800, 144)).toEqual([near]);
    expect(names(1_000, 144)).toEqual([]);
    // The deadline of the nearer one is at 2,856.
    expect([1_855, 1_856, 1_857].map((within) => names(1_000, within).length)).toEqual([0, 1, 1]);
  });
});
