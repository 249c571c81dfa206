/** What a home keeps: claims that no second record may hold, states that are never left, and what a restore makes of each. */
import { describe, expect, it } from 'vitest';
import { canonicalJson, parseJson } from '../../src/lib/protocol/json.ts';
import {
  creditKind,
  isLeft,
  inState,
  paidOf,
  rollingOf,
  type Closing,
  type Credit,
  type FundedCredit,
} from '../../src/lib/credit/records.ts';
import { statusOf } from '../../src/lib/credit/status.ts';
import { exitFee, maxPaid } from '../../src/lib/credit/transactions.ts';
import { defaultPolicy } from '../../src/lib/credit/terms.ts';
import { contractWith, key, termsWith } from './things.ts';

const own = { path: [1, 2, 3, 4] as const, outside: false };
const side = { pubkey: key(2), auth: '11'.repeat(32), address: 'a' };
const contract = contractWith();
const live = [
  { paidSat: 2_100n, sighash: '22'.repeat(32), pubnonce: '33'.repeat(66), requestId: null, asked: null, offered: null },
];
const rolling = { nextKey: key(9), paidSat: 1_000n, topUps: [], change: null, sighash: '44'.repeat(32), witnesses: {} };
const close: Closing = { paidSat: 1_000n, feeSat: 300n, sighash: '55'.repeat(32) };
const payee = {
  ...contract,
  role: 'payee',
  own,
  paidSat: 1_000n,
  exit: '00',
  receipt: null,
  live: [],
  rolling: null,
  closing: null,
  signedClose: null,
  refundSighash: '66'.repeat(32),
  restored: false,
} as const;
const payer = {
  ...contract,
  role: 'payer',
  own,
  refund: '00',
  refundAnswer: '77'.repeat(32),
  funding: null,
  coins: [`${'bb'.repeat(32)}:0`],
  signedMaxSat: 2_100n,
  asked: [],
  owedSat: null,
  invoicesSat: 0n,
  agreed: [],
  freshSat: null,
  restored: false,
  rolling: null,
  closing: null,
  signedClose: null,
} as const;
const offer = { ...side, policy: defaultPolicy('regtest'), ecash: 'none', mint_url: null } as const;

const records: Record<string, Credit> = {
  offered: { role: 'payee', state: 'offered', network: 'regtest', own, offer, rolls: null, until: null, lasts: 86_400 },
  accepted: { ...payee, state: 'accepted', paidSat: 0n, exit: null },
  'open, payee': { ...payee, state: 'open', live, rolling },
  'closing, own of the payee': { ...payee, state: 'closing', closing: close },
  'closing, the payer’s at the payee': { ...payee, state: 'closing', signedClose: close },
  'rolled, payee': { ...payee, state: 'rolled', tx: '00' },
  exiting: { ...payee, state: 'exiting' },
  addressed: {
    role: 'payer',
    state: 'addressed',
    network: 'regtest',
    own,
    offer,
    terms: termsWith(),
    id: contract.id,
  },
  proposed: { ...contract, role: 'payer', state: 'proposed', own, funding: null, coins: [], rolls: null, nonce: null },
  'open, payer': { ...payer, state: 'open', rolling },
  'closing, own of the payer': { ...payer, state: 'closing', closing: close },
  'closing, the payee’s at the payer': { ...payer, state: 'closing', signedClose: close },
  'closed, payer': { ...payer, state: 'closed', tx: '00' },
  cancelled: { role: 'payer', state: 'cancelled', own, key: key(1) },
};
const of = (name: string): Credit => records[name]!;

describe('a record', () => {
  it('comes back from the store as it went in', () => {
    for (const [name, c] of Object.entries(records))
      expect(creditKind.parse(parseJson(canonicalJson(c))), name).toEqual(c);
  });

  it('shows the store what it must guard', () => {
    expect(creditKind.row(of('open, payee'))).toEqual({
      name: contract.id,
      state: 'open',
      highSat: 1_000n,
      limitSat: maxPaid(contract.terms),
      left: false,
    });
    expect(creditKind.row(of('open, payer')).highSat).toBe(2_100n);
    expect(creditKind.row(of('offered'))).toMatchObject({ name: key(2), highSat: 0n, limitSat: 0n });
  });

  it('claims its keys for ever, its coins while they are meant for it', () => {
    const claims = (name: string) => [...creditKind.claims(of(name))];
    expect(claims('offered')).toEqual([`key:${key(2)}`]);
    expect(claims('cancelled')).toEqual([`key:${key(1)}`]);
    expect(claims('addressed')).toEqual([`id:${contract.id}`, `key:${key(1)}`, `key:${key(2)}`]);
    expect(claims('open, payer')).toContain(`coin:${'bb'.repeat(32)}:0`);
    expect(claims('closed, payer')).not.toContain(`coin:${'bb'.repeat(32)}:0`);
    const at = `${'aa'.repeat(32)}:1`;
    for (const name of Object.keys(records).filter((n) => 'outpoint' in of(n)))
      expect(claims(name)).toEqual(
        expect.arrayContaining([
          `id:${contract.id}`,
          `key:${key(1)}`,
          `key:${key(2)}`,
          // What the payer has stated reserves nothing of the payee's.
          of(name).role === 'payee' ? `funding:${at}` : `coin:${at}`,
        ]),
      );
  });

  it('is left for good once the other holds, or may hold, a transaction that ends it', () => {
    const left = Object.keys(records).filter((name) => isLeft(of(name)));
    expect(left).toEqual([
      'closing, the payer’s at the payee',
      'rolled, payee',
      'exiting',
      'closing, the payee’s at the payer',
      'closed, payer',
      'cancelled',
    ]);
  });
});

describe('restored', () => {
  const after = (name: string) => creditKind.restored(of(name));
  it.each(['offered', 'addressed', 'proposed'])('%s ends', (name) => {
    expect(after(name)).toMatchObject({ state: 'cancelled' });
  });
  it('no request or own close survives; a rollover is known until it is given up', () => {
    expect(after('open, payee')).toMatchObject({ state: 'open', live: [], restored: true });
    expect(after('accepted')).toMatchObject({ state: 'accepted', restored: true });
    expect(after('closing, own of the payee')).toMatchObject({ state: 'open', closing: null, restored: true });
    expect(after('closing, own of the payer')).toMatchObject({ state: 'open', closing: null });
    expect(after('open, payer')).toMatchObject({ state: 'open', signedMaxSat: 2_100n });
    for (const name of ['open, payee', 'open, payer', 'rolled, payee'])
      expect(rollingOf(after(name)), name).toEqual(rollingOf(of(name)));
  });
  it('what was signed for the other stays signed', () => {
    for (const name of Object.keys(records).filter((n) => isLeft(of(n)))) expect(isLeft(after(name)), name).toBe(true);
  });
  it('neither amounts nor exit nor refund change', () => {
    for (const name of ['open, payee', 'closing, the payer’s at the payee', 'exiting', 'open, payer']) {
      const [was, is] = [of(name) as FundedCredit, after(name) as FundedCredit];
      expect(paidOf(is)).toBe(paidOf(was));
      expect(is.outpoint).toEqual(was.outpoint);
    }
  });
  it('is harmless twice', () => {
    for (const name of Object.keys(records)) expect(creditKind.restored(after(name)), name).toEqual(after(name));
  });
});

it('a step says which role and state it needs', () => {
  const code = (f: () => unknown) => {
    try {
      f();
      return undefined;
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  expect(code(() => inState(undefined, 'payee', 'open'))).toBe('unknown-contract');
  expect(code(() => inState(of('open, payer'), 'payee', 'open'))).toBe('not-your-turn');
  expect(code(() => inState(of('exiting'), 'payee', 'accepted', 'open'))).toBe('wrong-state');
  expect(inState(of('open, payee'), 'payee', 'open')).toBe(of('open, payee'));
});

describe('of what came to nothing', () => {
  it.each([
    // sat owed over a reverse contract, nothing signed
    [null, 'cancelled'],
    [0n, 'cancelled'],
    [1n, 'open'],
  ])('a next contract with %s sat owed is %s', (owedSat, state) => {
    const c = { ...of('open, payer'), rolling: null, signedMaxSat: 0n, owedSat } as Credit;
    expect(creditKind.released!(c).state).toBe(state);
  });
  it.each([
    [0n, 'cancelled'],
    [1n, 'open'],
  ])('an end that no restore made stands where %s sat were paid: %s', (paidSat, state) => {
    const open = { ...of('open, payee'), paidSat } as Credit;
    const end = { ...of('cancelled'), role: 'payee' } as Credit;
    expect([creditKind.merged!(open, end).state, creditKind.merged!(end, open).state]).toEqual([state, state]);
  });
  it.each([
    [2_099n, []],
    [2_100n, []],
    [2_101n, ['1 sat are owed and not signed']],
  ])('a payer that owes %s sat and has signed for 2100 is told so', (owedSat, notes) => {
    const c = { ...of('open, payer'), rolling: null, owedSat } as Credit;
    expect(statusOf(contract.id, c, { tip: 1_000, coins: 'not-checked', known: 'not-checked' }).notes).toEqual(notes);
  });
});

describe('a mint whose merchant has exited', () => {
  const left = (paid: bigint) => contract.terms.capacity_sat - exitFee(contract.terms) - paid;
  it.each([
    ['with the last update', left(2_100n), 'ended', undefined],
    ['with an older one', left(1_500n), undefined, '600 sat are owed and not paid'],
    ['with a rest that is dust', 0n, 'ended', undefined],
  ])('%s', (_, paysSat, over, told) => {
    const settled = { by: 'exit', txid: '88'.repeat(32), paysSat } as const;
    const c = { ...of('open, payer'), rolling: null, owedSat: 2_100n, state: 'exiting', settled } as Credit;
    expect(creditKind.row(c).over).toBe(over);
    const { notes } = statusOf(contract.id, c, { tip: 1_000, coins: 'not-checked', known: 'not-checked' });
    expect(notes.find((note) => note.includes('owed'))).toBe(told);
  });
});

describe('of two versions', () => {
  const merged = (a: object, b: object) => creditKind.merged!(a as Credit, b as Credit);
  it.each([
    ['state', { state: 'exiting' }, { state: 'open', paidSat: 2_000n }, 'exiting'],
    ['what was paid', { paidSat: 2_000n, state: 'open' }, { paidSat: 1_999n, state: 'open' }, 'open'],
  ])('the one that has come further by its %s counts', (_, later, earlier, state) => {
    const [a, b] = [later, earlier].map((more) => ({ ...of('open, payee'), ...more }));
    for (const both of [merged(a!, b!), merged(b!, a!)]) expect(both).toMatchObject({ state, paidSat: 2_000n });
  });

  it('that have come as far the one that is read in counts, with the exit that the store has', () => {
    const own = { ...of('open, payee'), paidSat: 2_000n, exit: 'aa', signedClose: null, coins: [] };
    const read = { ...own, exit: 'bb', coins: [{ txid: 'ab'.repeat(32), vout: 0, sat: 1n, script: '' }] };
    expect(merged(own, read)).toMatchObject({ exit: 'aa', coins: read.coins });
    expect(merged(read, own)).toMatchObject({ exit: 'bb', coins: [] });
  });
});
