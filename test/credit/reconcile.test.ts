/**
 * A home that was lost and made of its backup: what its journal brings back, what stays in doubt, and that no order,
 * repetition or missing end of the journal makes it forget what it knows or claim what it does not.
 */
import { ledgerKind, payeeLedger, type Ledger, type PayeeLedger } from '../../src/lib/ecash/ledger.ts';
import fc from 'fast-check';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { closeCredit, exitCredit, signUpdate } from '../../src/lib/ecash/credit.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import {
  creditKind,
  settledAs,
  type Credit,
  type FundedCredit,
  type PayeeCredit,
} from '../../src/lib/credit/records.ts';
import { change } from '../../src/lib/home/change.ts';
import { idClaim } from '../../src/lib/protocol/claims.ts';
import { liquidityOf } from '../../src/lib/credit/liquidity.ts';
import { homeTotals } from '../../src/lib/engine/look.ts';
import { notifyPaid } from '../../src/lib/cdk/notify.ts';
import { confirmIssued } from '../../src/commands/ecash/issued.ts';
import { addKeyset, keysetsOf, trustKeysets } from '../../src/commands/ecash/keysets.ts';
import { keysOf } from '../../src/lib/credit/terms.ts';
import { readJournal } from '../../src/lib/home/journal.ts';
import type { Hex } from '../../src/lib/protocol/action.ts';
import { judge } from '../support/kernel.ts';
import { ecashMessages, opened, openedMint, ownCoin, payMessages, rollMessages } from '../support/credit.ts';
import type { TestParty } from '../support/party.ts';
import { parties, payeeOf, payerOf, policy, refused } from './helpers.ts';
import { creditGauges } from '../../src/lib/ecash/gauges.ts';

/** As the command does it. */
const bringIn = async (party: TestParty, files = party.journal()) => {
  const done = await party.home.reconcile(files);
  await trustKeysets(party.home);
  return done;
};
const linesOf = async ({ home }: TestParty, files: readonly string[]) => {
  const key = await home.journalKey();
  return files.flatMap((file) => readJournal(file, key).lines);
};
const outcomeOf = ({ outcomes }: Awaited<ReturnType<typeof bringIn>>, name: Hex) =>
  outcomes.find((o) => o.name === name)?.outcome;

describe('a payee that lost its home', () => {
  it('may exit over a contract of which only its journal knows that it was settled', async () => {
    const both = await parties();
    const { payee } = both;
    const id = await opened(both);
    await payMessages(both, id, 1_000n);
    const backup = await payee.backUp();
    const settled = { by: 'close', txid: 'ab'.repeat(32), paysSat: 1_000n } as const;
    await change(
      payee.home.store,
      { contract: creditKind },
      () => ({ contract: idClaim(id) }),
      ({ contract }) => ({ writes: { contract: settledAs(contract as FundedCredit, settled) }, result: undefined }),
    );
    await payee.lose(backup);
    // The exit goes into the journal: a later version of the contract, without its settlement.
    await payee.run(exitCredit, { input: { contract: id } });
    await bringIn(payee);
    expect(await payeeOf(both, id)).toMatchObject({ settled, paidSat: 1_000n });
  });

  it('gets back the largest payment with its exit, and what was issued', async () => {
    const both = await parties();
    const { payee } = both;
    const id = await openedMint(both);
    await ecashMessages(both, id, 1_000n);
    const backup = await payee.backUp();
    await ecashMessages(both, id, 2_000n);
    const before = await payeeOf(both, id);
    await payee.lose(backup);
    expect((await payeeOf(both, id)).paidSat).toBe(1_000n);
    await refused(() => payee.run(openCredit, { input: { as: 'payee', policy } }), 'home-restored', payee);

    expect(outcomeOf(await bringIn(payee), id)).toBe('raised');
    const after = await payeeOf(both, id);
    expect(after).toMatchObject({ paidSat: 3_000n, exit: before.exit, receipt: before.receipt });
    expect(after).toMatchObject({ restored: true, live: [], state: 'open' });
    expect(await payee.ledger(id)).toMatchObject({ paidSat: 3_000n, issuedSat: 3_000n, unconfirmed: true });
    const kernel = await judge();
    const coin = { sat: after.terms.capacity_sat, script: keysOf(after.terms).script };
    if (kernel) expect(await kernel.scripts(after.exit!, [coin])).toBe(true);
    kernel?.close();
    expect((await payee.run(exitCredit, { input: { contract: id } })).message).toMatchObject({ hex: before.exit });
  });

  it('exits with what the backup knows before that, and is told that the journal may know more', async () => {
    const both = await parties();
    const id = await opened(both);
    await payMessages(both, id, 1_000n);
    const backup = await both.payee.backUp();
    await both.payee.lose(backup);
    const exported = await both.payee.run(exitCredit, { input: { contract: id, export: true } });
    expect(exported.hint).toMatch(/reconcile.*does not freeze/);
    const out = await both.payee.run(exitCredit, { input: { contract: id } });
    expect(out.hint).toContain('reconcile');
    // Left for good, but not behind: a later exit of the journal replaces it.
    await bringIn(both.payee);
    expect((await payeeOf(both, id)).state).toBe('exiting');
  });

  it('after an exit of before still prints the one that pays most', async () => {
    const both = await parties();
    const id = await opened(both);
    await payMessages(both, id, 1_000n);
    const backup = await both.payee.backUp();
    await payMessages(both, id, 500n);
    const { exit } = await payeeOf(both, id);
    await both.payee.lose(backup);
    await both.payee.run(exitCredit, { input: { contract: id } });
    await bringIn(both.payee);
    expect(await payeeOf(both, id)).toMatchObject({ state: 'exiting', paidSat: 1_500n, exit });
  });

  it('gets back contracts that the backup does not know, and those that were only offered then', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const offered = await payee.run(openCredit, { input: { as: 'payee', policy } });
    const backup = await payee.backUp();
    const utxo = [await ownCoin(payer, 1_300_000n)];
    const on = { on: offered.message, input: { utxo, amount: 1_200_000n, expires: { blocks: 4320 } } };
    const accepted = await payee.run(openCredit, { on: (await payer.run(openCredit, on)).message });
    const one = (await payer.run(openCredit, { on: accepted.message })).message['contract'].id as Hex;
    const two = await opened(both);
    await payMessages(both, one, 700n);
    await payMessages(both, two, 800n);
    await payee.lose(backup);
    const done = await bringIn(payee);
    expect(outcomeOf(done, one)).toBe('raised');
    expect(outcomeOf(done, two)).toBe('added');
    expect((await payeeOf(both, one)).paidSat).toBe(700n);
    expect((await payeeOf(both, two)).paidSat).toBe(800n);
    // Their keys are there too: a close is signed with them.
    for (const contract of [one, two]) {
      const proposed = await payee.run(closeCredit, { input: { contract } });
      const signed = await payer.run(closeCredit, { on: proposed.message });
      expect((await payee.run(closeCredit, { on: signed.message })).message['step']).toBe('complete');
    }
  });

  it('takes no update of them, but closes and rolls over', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const [one, two] = [await opened(both), await opened(both)];
    const requested = await payee.run(signUpdate, { input: { contract: one, amount: 500n } });
    const backup = await payee.backUp();
    for (const id of [one, two]) await payMessages(both, id, 1_000n);
    await payee.lose(backup);
    await bringIn(payee);
    await refused(() => payee.run(signUpdate, { input: { contract: one, amount: 5n } }), 'contract-restored', payee);
    const signed = await payer.run(signUpdate, { on: requested.message, amount: 500n }).catch(() => undefined);
    if (signed) await refused(() => payee.run(signUpdate, { on: signed.message }), 'contract-restored', payee);
    const messages = await rollMessages(both, one);
    expect(messages.at(-1)!['step']).toBe('complete');
    const proposed = await payee.run(closeCredit, { input: { contract: two } });
    const closed = await payee.run(closeCredit, {
      on: (await payer.run(closeCredit, { on: proposed.message })).message,
    });
    expect(closed.message['step']).toBe('complete');
  });

  it('learns of rollovers, closes and cancelled offers that came after the backup', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const [one, two] = [await opened(both), await opened(both)];
    await payMessages(both, two, 2_000n);
    const offer = await payee.run(openCredit, { input: { as: 'payee', policy } });
    const backup = await payee.backUp();
    await payMessages(both, one, 1_000n);
    const rolled = await rollMessages(both, one);
    const proposed = await payee.run(closeCredit, { input: { contract: two } });
    await payee.run(closeCredit, { on: (await payer.run(closeCredit, { on: proposed.message })).message });
    await payee.run(openCredit, { on: offer.message, cancel: true });
    const next = rolled.at(-1)!['next_contract'].id as Hex;
    const before = await Promise.all([one, two, next].map((id) => payeeOf(both, id)));
    await payee.lose(backup);
    await bringIn(payee);
    for (const [i, id] of [one, two, next].entries()) {
      const { state, paidSat, tx } = (await payeeOf(both, id)) as PayeeCredit & { tx?: Hex };
      expect({ state, paidSat, tx }).toEqual({
        state: before[i]!.state,
        paidSat: before[i]!.paidSat,
        tx: (before[i] as { tx?: Hex }).tx,
      });
    }
    const gone = (await payee.home.store.list('credit', 'cancelled')).map(({ record }) => record as object);
    expect(gone).toEqual([expect.not.objectContaining({ lost: true })]);
  });

  it('has its keysets and the outputs that it signed', async () => {
    const both = await parties();
    const { payee } = both;
    const backup = await payee.backUp();
    const id = await openedMint(both);
    await ecashMessages(both, id, 1_000n);
    await addKeyset(payee.home, undefined);
    const keysets = async () => (await keysetsOf(payee.home)).toSorted((a, b) => (a.keyset.id < b.keyset.id ? -1 : 1));
    const before = await keysets();
    const { store } = payee.home;
    const names = (await linesOf(payee, payee.journal())).flatMap(({ notes }) => notes.map(({ name }) => name));
    const notes = await store.notes(names);
    expect(notes.size).toBeGreaterThan(2);
    await payee.lose(backup);
    await bringIn(payee);
    expect(await keysets()).toEqual(before);
    expect(await payee.home.store.notes(names)).toEqual(notes);
  });

  it('has the keysets of the journal beside one that it made before it read that', async () => {
    const both = await parties();
    const { payee } = both;
    const backup = await payee.backUp();
    const lost = await addKeyset(payee.home, undefined);
    await payee.lose(backup);
    const made = await addKeyset(payee.home, undefined);
    expect((await bringIn(payee)).outcomes.map(({ outcome }) => outcome).sort()).toEqual(['added', 'same']);
    const keysets = new Map((await keysetsOf(payee.home)).map((k) => [k.keyset.id, k]));
    expect(keysets.get(lost.keyset.id)).toEqual({ ...lost, active: false });
    expect(keysets.get(made.keyset.id)).toEqual(made);
    expect((await bringIn(payee)).outcomes.map(({ outcome }) => outcome)).toEqual(['same', 'same']);
  });

  it('comes back from its words and the journal alone', async () => {
    const both = await parties();
    const { payee } = both;
    const id = await openedMint(both);
    await ecashMessages(both, id, 1_500n);
    const { exit } = await payeeOf(both, id);
    await payee.fromWords();
    expect(await payee.home.store.list()).toEqual([]);
    expect(outcomeOf(await bringIn(payee), id)).toBe('added');
    expect(await payeeOf(both, id)).toMatchObject({ exit, paidSat: 1_500n, restored: true });
  });
});

describe('a journal that is read again', () => {
  it('puts nothing in doubt that was confirmed, or made since', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const id = await openedMint(both);
    await ecashMessages(both, id, 1_000n);
    const backup = await payee.backUp();
    await ecashMessages(both, id, 2_000n);
    await payee.lose(backup);
    await bringIn(payee);
    await confirmIssued(payee.home, id, undefined);
    const reverse = await opened({ ...both, payee: payer, payer: payee }, { offer: { mint: 'http://127.0.0.1:3338' } });
    const forward = await opened(both);
    await payMessages(both, forward, 700n);
    const again = await bringIn(payee);
    expect(again.outcomes.filter(({ outcome }) => outcome !== 'same')).toEqual([]);
    expect(await payee.record(reverse)).toMatchObject({ restored: false });
    expect(await payee.ledger(id)).toMatchObject({ unconfirmed: false, issuedSat: 3_000n });
    expect(await payeeOf(both, forward)).toMatchObject({ restored: false });
  });
});

it('an exit that came after a rollover outlasts it, in either order', async () => {
  const both = await parties();
  const id = await opened(both);
  await payMessages(both, id, 1_000n);
  await rollMessages(both, id);
  const rolled = await payeeOf(both, id);
  await both.payee.run(exitCredit, { input: { contract: id } });
  const exiting = await payeeOf(both, id);
  for (const [a, b] of [
    [rolled, exiting],
    [exiting, rolled],
  ] as const)
    expect(creditKind.merged!(a, b)).toMatchObject({ state: 'exiting', paidSat: 1_000n });
});

describe('what stays in doubt', () => {
  /** The one that goes on; a backup has sealed the others. */
  const file = (party: TestParty) => party.journal().find((path) => !path.endsWith('.sealed.journal'))!;
  const text = (path: string) => readFileSync(path, 'utf8');
  /** The journal without its last lines. */
  const cutOff = (party: TestParty, lines: number): void => {
    const path = file(party);
    writeFileSync(
      path,
      text(path)
        .split('\n')
        .slice(0, -1 - lines)
        .join('\n') + '\n',
    );
  };

  it('all that was paid counts as issued, until the operator has confirmed it', async () => {
    const both = await parties();
    const { payee } = both;
    const id = await openedMint(both);
    await ecashMessages(both, id, 1_000n);
    await payMessages(both, id, 400n);
    const backup = await payee.backUp();
    await payee.lose(backup);
    // The journal knows of more than the backup: what is confirmed before it is read would be too little.
    await refused(() => confirmIssued(payee.home, id, 0n), 'home-restored', payee);
    await bringIn(payee);
    const shown = async () => [
      (await payee.status(id)).issued_sat,
      liquidityOf('regtest', 1_000, await homeTotals(payee.home, creditGauges)).issued_sat,
    ];
    expect(await shown()).toEqual([1_400n, 1_400n]);
    expect((await payee.status(id)).notes.join()).toContain('not confirmed');
    for (const issued of [999n, 1_401n])
      await refused(() => confirmIssued(payee.home, id, issued), 'amount-differs', payee);
    expect(await confirmIssued(payee.home, id, 1_000n)).toMatchObject({ issued_sat: 1_000n, outcome: 'confirmed' });
    expect(await shown()).toEqual([1_000n, 1_000n]);
    await refused(() => confirmIssued(payee.home, id, undefined), 'wrong-state', payee);
    // Still no update: confirming says what was issued, not that nothing else is missing.
    await refused(() => payee.run(signUpdate, { input: { contract: id, amount: 5n } }), 'contract-restored', payee);
  });

  it('of a contract without ecash nothing is to be confirmed', async () => {
    const both = await parties();
    const id = await opened(both);
    await payMessages(both, id, 400n);
    await both.payee.lose(await both.payee.backUp());
    await bringIn(both.payee);
    await refused(() => confirmIssued(both.payee.home, id, undefined), 'wrong-state', both.payee);
  });

  it('nothing is told to a mint of its own books before that', async () => {
    const both = await parties();
    const { payee } = both;
    const id = await opened(both, { offer: { ecash: 'notify' } });
    await payMessages(both, id, 1_000n);
    const backup = await payee.backUp();
    await payee.lose(backup);
    await bringIn(payee);
    expect(await notifyPaid(payee.home, 'false')).toBe(0);
    await confirmIssued(payee.home, id, 0n);
    expect(await notifyPaid(payee.home, 'true')).toBe(1);
  });

  it('nor what the journal does not hold, though the process that accepted the payment died before it had written that', async () => {
    const both = await parties();
    const { payee } = both;
    const id = await opened(both, { offer: { ecash: 'notify' } });
    await payMessages(both, id, 1_000n);
    payee.journal().forEach((path) => rmSync(path));
    await payee.reopen();
    await expect(notifyPaid(payee.home, 'false')).rejects.toMatchObject({ code: 'outside-failed' });
    const found = (await linesOf(payee, payee.journal())).flatMap(({ records }) => records);
    const kinds = found.toSorted((a, b) => (a.kind < b.kind ? -1 : 1));
    expect(kinds).toMatchObject([
      { kind: 'credit', name: id, record: { paidSat: 1_000 } },
      { kind: 'ecash', record: { contract: id, paidSat: 1_000, issuedSat: 0 } },
    ]);
  });

  it('the end of the journal is lost: the exit before it stands, and the contract is flagged', async () => {
    const both = await parties();
    const { payee } = both;
    const id = await openedMint(both);
    const backup = await payee.backUp();
    await ecashMessages(both, id, 1_000n);
    const { exit } = await payeeOf(both, id);
    await ecashMessages(both, id, 2_000n);
    payee.home.close();
    cutOff(payee, 1);
    await payee.lose(backup);
    await bringIn(payee);
    expect(await payeeOf(both, id)).toMatchObject({ paidSat: 1_000n, exit });
    expect(await payee.ledger(id)).toMatchObject({ unconfirmed: true });
  });

  it('a line within a record is cut: what is before it counts, and the file is named', async () => {
    const both = await parties();
    const { payee } = both;
    const id = await opened(both);
    const backup = await payee.backUp();
    await payMessages(both, id, 1_000n);
    payee.home.close();
    const path = file(payee);
    writeFileSync(path, text(path).slice(0, -9));
    await payee.lose(backup);
    const { gathered } = await bringIn(payee, [path]);
    expect(gathered.cut).toEqual([path]);
    expect((await payeeOf(both, id)).paidSat).toBe(0n);
  });
});

describe('a payer that lost its home', () => {
  it('knows again what it signed, and its refund, and goes on paying', async () => {
    const both = await parties();
    const { payer } = both;
    const id = await opened(both);
    const backup = await payer.backUp();
    await payMessages(both, id, 1_000n);
    await payMessages(both, id, 2_000n);
    await payer.lose(backup);
    await bringIn(payer);
    expect(await payerOf(both, id)).toMatchObject({ signedMaxSat: 3_000n, state: 'open' });
    await payMessages(both, id, 500n);
    expect((await payerOf(both, id)).signedMaxSat).toBe(3_500n);
  });
});

describe('any part of a journal, in any order', () => {
  /** Of the contract, each with its ledger. */
  const versions: [Credit, Ledger][] = [];
  let store: [Credit, Ledger];

  beforeAll(async () => {
    const both = await parties();
    const { payee, payer } = both;
    const id = await openedMint(both);
    const first = await payeeOf(both, id);
    store = [creditKind.restored(first), ledgerKind.restored(payeeLedger(first, undefined))];
    await ecashMessages(both, id, 1_000n);
    await payMessages(both, id, 200n);
    await ecashMessages(both, id, 300n);
    await rollMessages(both, id);
    const lines = await linesOf(payee, payee.journal());
    let ledger = store[1];
    for (const { records } of lines)
      for (const { kind, record, name } of records.toSorted((a, b) => (a.kind > b.kind ? -1 : 1))) {
        if (name === `ecash ${id}`) ledger = ledgerKind.restored(ledgerKind.parse(record));
        if (kind === 'credit' && name === id) versions.push([creditKind.restored(creditKind.parse(record)), ledger]);
      }
    expect(versions.length).toBeGreaterThan(6);
    expect(payer.home.restored).toBe(false);
  });

  const fold = (list: readonly [Credit, Ledger][]) =>
    list.reduce(([a, l], [b, m]) => [creditKind.merged!(a, b), ledgerKind.merged!(l, m)], store) as [
      PayeeCredit,
      PayeeLedger,
    ];

  it('gives the largest payment with its own exit, the largest sum issued, and no way back', () => {
    const indexes = fc.array(
      fc.integer({ min: 0, max: 100 }).map((n) => n % versions.length),
      { minLength: 1 },
    );
    fc.assert(
      fc.property(indexes, (chosen) => {
        const some = chosen.map((i) => versions[i]!) as [PayeeCredit, PayeeLedger][];
        const [merged, ledger] = fold(some);
        const most = some.map(([c]) => c).reduce((a, b) => (b.paidSat > a.paidSat ? b : a));
        expect(merged.paidSat).toBe(most.paidSat);
        expect(merged.exit).toBe(most.exit);
        expect(ledger.issuedSat).toBe(some.reduce((sum, [, l]) => (l.issuedSat > sum ? l.issuedSat : sum), 0n));
        const states = new Set(some.map(([{ state }]) => state));
        expect(merged.state).toBe((['rolled', 'open'] as const).find((s) => states.has(s)) ?? 'accepted');
        expect(merged).toMatchObject({ restored: true, live: [] });
        expect(ledger).toMatchObject({ unconfirmed: true });
        // In any order, and once more.
        expect(fold(some.toReversed())).toEqual([merged, ledger]);
        expect(fold([...some, ...some])).toEqual([merged, ledger]);
        expect(creditKind.merged!(merged, merged)).toEqual(merged);
        expect(ledgerKind.merged!(ledger, ledger)).toEqual(ledger);
        // The row that the store guards never falls.
        const rowsOf = ([c, l]: [Credit, Ledger]) => [creditKind.row(c), ledgerKind.row(l)] as const;
        let [row, beside] = rowsOf(store);
        for (const both of some.map((_, n) => fold(some.slice(0, n + 1)))) {
          const [next, after] = rowsOf(both);
          expect(next.highSat >= row.highSat && next.left >= row.left).toBe(true);
          expect(after.highSat >= beside.highSat && after.issuedSat! >= beside.issuedSat!).toBe(true);
          [row, beside] = [next, after];
        }
      }),
      { numRuns: 300 },
    );
  });
});
