/** What was wrong in homes of program 0.1.0 is found, and mended or named with the command that mends it. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { mend, strike } from '../../src/lib/cli/mend.ts';
import { restoreRefunds } from '../../src/lib/cli/refunds.ts';
import { coinClaim, idClaim } from '../../src/lib/protocol/claims.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import { rollover } from '../../src/lib/credit/rollover.ts';
import { defaultPolicy } from '../../src/lib/credit/terms.ts';
import { paidUpTo, raisedBy } from '../../src/lib/credit/owed.ts';
import { creditKind, settledAs, type Credit, type PayerCredit } from '../../src/lib/credit/records.ts';
import { change } from '../../src/lib/home/change.ts';
import { spillway } from '../cli/run.ts';
import { asItself, oldHomes, unpack } from '../support/old-homes.ts';
import { opened, ownCoin, pair, rollMessages } from '../support/credit.ts';
import { leftoverOf } from '../../src/lib/mint/leftovers.ts';
import { tabKind } from '../../src/lib/mint/records.ts';
import { refused } from '../credit/helpers.ts';
import { TestParty } from '../support/party.ts';
import { tempDir } from './fixture.ts';

const VERSION = '0.1.0';
const HOMES = oldHomes(VERSION);
let party: TestParty;
afterEach(() => party.home.close());
async function open(name: string): Promise<(label: string) => string> {
  const old = HOMES.find((home) => home.name === name)!;
  party = await TestParty.at(asItself(unpack(VERSION, name, tempDir())), old.seed[0]!);
  return (label) => old.records.find((record) => record.label === label)!.name;
}
const stateOf = async (name: string): Promise<string | undefined> => (await party.home.store.byName(name))[0]?.state;
const coinsOf = async (name: string): Promise<readonly string[]> => {
  const { coins } = (await party.record(name)) as Extract<Credit, { coins: readonly string[] }>;
  return coins;
};
const reserved = async (coins: readonly string[]): Promise<number> =>
  (await party.home.store.load(coins.map(coinClaim))).found.size;

describe('reconcile --mend', () => {
  const ended = ['closed over a rollover', 'exited over a rollover', 'settled over a rollover'] as const;

  it('37: gives up next contracts of rollovers that have ended, and their coins are free', async () => {
    const named = await open('wrong-payer');
    // The payer has not heard of the payee's exit: that rollover may still go on.
    const orphans = [ended[0], ended[2]].map((label) => named(`${label}: next`));
    const coins = (await Promise.all(orphans.map(coinsOf))).flat();
    expect([coins.length, await reserved(coins)]).toEqual([2, 2]);
    const { documents } = await mend(party.home);
    for (const name of orphans)
      expect(documents).toContainEqual(expect.objectContaining({ kind: 'credit', name, outcome: 'mended' }));
    expect(await reserved(coins)).toBe(0);
    expect(await Promise.all(orphans.map(stateOf))).toEqual([undefined, undefined]);
    expect(await stateOf(named(`${ended[1]}: next`))).toBe('proposed');
    const again = (await mend(party.home)).documents;
    expect(again.at(-1)).toMatchObject({ mended: 0 });
  });

  it('37: gives up what the payee had accepted for them, and nothing that it opened otherwise', async () => {
    const named = await open('wrong-payee');
    const { documents } = await mend(party.home);
    expect(
      documents.slice(0, -1).map((d) => [(d as { name: string }).name, (d as { outcome: string }).outcome]),
    ).toEqual(ended.map((label) => [named(`${label}: next`), 'mended']));
    expect(await Promise.all(ended.map((label) => stateOf(named(`${label}: next`))))).toEqual(
      ended.map(() => undefined),
    );
    for (const label of ['open, erased by the cancel of a rollover', 'accepted over a coin of its own'])
      expect(await stateOf(named(label))).toBe('accepted');
    expect((await mend(party.home)).documents).toMatchObject([{ mended: 0, look: 0 }]);
  });

  it('36: names the contract that a cancel has erased, with the command that prints its refund', async () => {
    await open('wrong-payer');
    const { name: id } = HOMES.find(({ name }) => name === 'wrong-payee')!.records.find(({ label }) =>
      label?.startsWith('open, erased'),
    )!;
    expect(await stateOf(id)).toBeUndefined();
    const erased = { kind: 'credit', name: id, outcome: 'look', command: 'spillway restore' };
    expect((await mend(party.home)).documents).toContainEqual(expect.objectContaining(erased));
    expect((await restoreRefunds(party.home)).refunds).toContainEqual(
      expect.objectContaining({ contract: id, ours: true }),
    );
    rmSync(join(party.home.refundsDir, `${id}.json`));
    expect((await mend(party.home)).documents).not.toContainEqual(expect.objectContaining(erased));
  });

  it('gives up no contract that came back of a journal, which has no replies', async () => {
    const both = await pair(246);
    try {
      const backup = await both.payee.backUp();
      const id = await opened(both);
      await both.payee.lose(backup);
      await both.payee.home.reconcile(both.payee.journal(), { complete: true });
      expect((await mend(both.payee.home)).documents).toMatchObject([{ mended: 0, look: 0 }]);
      expect((await both.payee.record(id)).state).toBe('accepted');
    } finally {
      both.close();
    }
  });

  it('takes no refund of a rollover that came to nothing for that of a lost contract', async () => {
    const both = await pair(248);
    try {
      const id = await opened(both);
      await rollMessages(both, id);
      await change<{ contract: Credit }, void>(
        both.payer.home.store,
        { contract: creditKind },
        () => ({ contract: idClaim(id) }),
        ({ contract }) => ({
          writes: { contract: settledAs(contract as never, { by: 'refund', txid: 'ab'.repeat(32) }) },
          result: undefined,
        }),
      );
      expect((await both.payer.home.store.list('credit')).map(({ state }) => state)).toContain('cancelled');
      expect((await mend(both.payer.home)).documents).toMatchObject([{ mended: 0, look: 0 }]);
    } finally {
      both.close();
    }
  });

  it('1: names the rollover whose next contract was cancelled, with the command that ends it', async () => {
    const named = await open('wrong-payer');
    const id = named('rolling into an opening that was cancelled');
    const { documents, look } = await mend(party.home);
    expect(look).toBe(true);
    expect(documents).toContainEqual(
      expect.objectContaining({
        name: id,
        outcome: 'look',
        command: `spillway rollover --contract ${id.slice(0, 16)} --cancel`,
      }),
    );
    await party.run(rollover, { input: { contract: id }, cancel: true });
    expect((await mend(party.home)).documents).not.toContainEqual(expect.objectContaining({ name: id }));
  });

  it('34: names the contract over which an invoice is owed twice, until its owner has settled it', async () => {
    const named = await open('wrong-mint');
    const id = named('reverse, one invoice owed twice');
    const before = await party.state();
    const { documents, look } = await mend(party.home);
    expect([look, documents.length, await party.state()]).toEqual([true, 2, before]);
    expect(documents[0]).toMatchObject({
      name: id,
      outcome: 'look',
      why: '5000 of 10000 sat that are owed may be owed twice: agree with the merchant, then strike them off',
      command: `spillway reconcile --mend --contract ${id.slice(0, 16)} --strike 5000`,
    });
    const { store } = party.home;
    await change<{ contract: Credit }, void>(
      store,
      { contract: creditKind },
      () => ({ contract: idClaim(id) }),
      ({ contract }) => ({ writes: { contract: paidUpTo(contract as PayerCredit, 10_000n) }, result: undefined }),
    );
    expect((await mend(party.home)).documents).toMatchObject([{ mended: 0, look: 0 }]);
  });

  it('34: strikes off what its owner says, no more than may be owed twice, and no journal brings it back', async () => {
    const named = await open('wrong-mint');
    const id = named('reverse, one invoice owed twice');
    const { store } = party.home;
    const owed = async () => (await party.record(id)) as PayerCredit;
    const old = creditKind.parse(await owed());
    for (const sat of [0n, 5_001n, 10_000n]) await refused(() => strike(party.home, id, sat), 'amount-differs', party);
    await refused(() => strike(party.home, 'ee'.repeat(32), 1n), 'unknown-contract', party);
    expect(await strike(party.home, id, 5_000n)).toMatchObject({
      documents: [{ outcome: 'struck', struck_sat: 5_000n, owed_sat: 5_000n }],
      look: false,
    });
    await refused(() => strike(party.home, id, 1n), 'amount-differs', party);
    expect((await mend(party.home)).documents).toMatchObject([{ mended: 0, look: 0 }]);
    const tab = (await store.list(tabKind.name)).map(({ record }) => tabKind.parse(record));
    expect(tab.flatMap(({ due }) => due).filter(({ owedSat }) => owedSat > 5_000n)).toEqual([]);
    // What was counted is kept beside it: an older version adds nothing, a newer debt comes on top, and the store agrees.
    const struck = creditKind.parse(await owed()) as PayerCredit;
    expect(creditKind.merged!(old, struck)).toMatchObject({
      owedSat: 5_000n,
      struckSat: 5_000n,
      invoicesSat: struck.invoicesSat,
    });
    expect(creditKind.merged!(struck, old)).toMatchObject({ owedSat: 5_000n, struckSat: 5_000n });
    await change<{ contract: Credit }, void>(
      store,
      { contract: creditKind },
      () => ({ contract: idClaim(id) }),
      ({ contract }) => ({
        writes: { contract: raisedBy(contract as PayerCredit & { owedSat: bigint }, 700n) as Credit },
        result: undefined,
      }),
    );
    expect(await owed()).toMatchObject({ owedSat: 5_700n, struckSat: 5_000n });
  });

  it('34: strikes nothing off in a home that was restored, whose journal may know of more', async () => {
    const named = await open('wrong-mint');
    const id = named('reverse, one invoice owed twice');
    await party.lose(await party.backUp());
    expect(party.home.restored).toBe(true);
    await refused(() => strike(party.home, id, 5_000n), 'home-restored', party);
  });

  it('34: strikes nothing off a contract over which this home can owe nothing', async () => {
    const both = await pair(250);
    try {
      const { payer, payee } = both;
      await opened(both);
      const offered = await payee.run(openCredit, { input: { as: 'payee', policy: defaultPolicy('regtest') } });
      const utxo = [await ownCoin(payer, 1_300_000n)];
      const input = { utxo, amount: 1_200_000n, expires: { blocks: 4_320 } };
      await payer.run(openCredit, { on: offered.message, input });
      const states = new Map((await payer.home.store.list('credit')).map(({ state, name }) => [state, name]));
      expect([...states.keys()].sort()).toEqual(['open', 'proposed']);
      for (const id of states.values()) await refused(() => strike(payer.home, id, 1n), 'unknown-contract', payer);
    } finally {
      both.close();
    }
  });

  it('32: names, to the customer, the contract that ended over what waits for a quote', async () => {
    const named = await open('wrong-user');
    const id = named('closed over what waits for a quote');
    const { documents } = await mend(party.home);
    expect(documents).toMatchObject([
      { name: id, outcome: 'look', command: `spillway ecash-quote --contract ${id.slice(0, 16)}` },
      { look: 1 },
    ]);
    const c = creditKind.parse(await party.record(id)) as PayerCredit;
    expect(leftoverOf(c, [])).toBeDefined();
    expect(leftoverOf({ ...c, signedMaxSat: 1n }, [])).toBeDefined();
    // Nothing was paid: no quote is needed.
    expect(leftoverOf({ ...c, signedMaxSat: 0n }, [])).toBe(undefined);
  });

  it('ends with 3 where something is left for the owner, and with 0 once nothing is', async () => {
    const named = await open('wrong-payer');
    const contract = named('rolling into an opening that was cancelled');
    const env = {
      SPILLWAY_HOME: party.dir,
      SPILLWAY_INSECURE_SEED: Buffer.from(HOMES.find(({ name }) => name === 'wrong-payer')!.seed).toString('hex'),
    };
    const first = await spillway(['reconcile', '--mend'], { env });
    expect([first.code, first.stdout.trim().split('\n').length]).toEqual([3, 6]);
    expect(JSON.parse(first.stdout.trim().split('\n').at(-1)!)).toMatchObject({ mended: 3, look: 2 });
    const { command } = JSON.parse(first.stdout.split('\n').find((line) => line.includes(contract))!);
    expect((await spillway(command.split(' ').slice(1), { env })).code).toBe(0);
    const [erased] = first.stdout.split('\n').filter((line) => line.includes('"spillway restore"'));
    rmSync(join(party.home.refundsDir, `${JSON.parse(erased!).name}.json`));
    const last = await spillway(['reconcile', '--mend'], { env });
    expect([last.code, JSON.parse(last.stdout)]).toEqual([0, expect.objectContaining({ mended: 0, look: 0 })]);
    expect(await spillway(['reconcile', '--mend', '--journal', 'x'], { env })).toMatchObject({ code: 2, stdout: '' });
  });

  it.each(HOMES.filter(({ name, postgres }) => !postgres && !name.startsWith('wrong')).map(({ name }) => name))(
    'finds nothing wrong in %s, and changes nothing',
    async (name) => {
      await open(name);
      const before = await party.state();
      const { documents, look } = await mend(party.home);
      expect([documents.length, look, await party.state()]).toEqual([1, false, before]);
    },
  );
});
