/** What two parties agree on: bounds, keys, and what follows from the terms alone. */
import { describe, expect, it } from 'vitest';
import { openCredit } from '../../src/lib/credit/open.ts';
import {
  checkKeys,
  checkPolicy,
  checkTermsWithin,
  contractAddress,
  contractDescriptor,
  contractId,
  defaultPolicy,
  keysOf,
  readContract,
  termsFrom,
  viewOf,
  type Policy,
  type Terms,
} from '../../src/lib/credit/terms.ts';
import { seal } from '../../src/lib/signing/seal.ts';
import { xOnlyKey } from '../../src/lib/signing/bip340.ts';
import { ownCoin } from '../support/credit.ts';
import { parties, policy, refused } from './helpers.ts';
import { ADDRESSES, contractWith, key, secret, termsWith } from './things.ts';

const code = (f: () => unknown): string | undefined => {
  try {
    f();
    return undefined;
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe('policy', () => {
  it.each<[string, Partial<Policy>]>([
    ['the least amount above the largest', { min_amount_sat: 11n, max_amount_sat: 10n }],
    ['the shortest term above the longest', { min_blocks: 2_000, max_blocks: 1_999 }],
    ['no time between freeze and margin', { freeze_blocks: 144, margin_blocks: 144 }],
    ['a term that is frozen from the start', { min_blocks: 288, freeze_blocks: 288 }],
  ])('%s is refused', (_, change) => {
    expect(code(() => checkPolicy({ ...policy, ...change }))).toBe('usage');
  });
  it.each<[string, Partial<Policy>]>([
    ['one amount (sat)', { min_amount_sat: 10_000n, max_amount_sat: 10_000n }],
    ['one term (blocks)', { min_blocks: 2_000, max_blocks: 2_000 }],
    ['one block between freeze and margin', { freeze_blocks: 145, margin_blocks: 144 }],
    ['one block before the freeze', { min_blocks: 289, freeze_blocks: 288 }],
  ])('may allow %s', (_, change) => {
    expect(code(() => checkPolicy({ ...policy, ...change }))).toBe(undefined);
  });
  it('waits for three confirmations where blocks are not free', () => {
    expect(defaultPolicy('mainnet').min_conf).toBe(3);
  });
});

describe('bounds', () => {
  const within = (change: Partial<Terms>, tip: number | 'not-checked' = 1_000) =>
    code(() => checkTermsWithin(termsWith(change), policy, tip));
  it.each<[string, Partial<Terms>, string | undefined]>([
    ['those of the offer', {}, undefined],
    ['another feerate', { exit_feerate: 3 }, 'out-of-policy'],
    ['fewer confirmations', { min_conf: 2 }, 'out-of-policy'],
    ['a later freeze', { freeze_blocks: 287 }, 'out-of-policy'],
    ['another margin', { margin_blocks: 1 }, 'out-of-policy'],
  ])('%s', (_, change, expected) => expect(within(change)).toBe(expected));
  it('an expiry that lies behind is out of policy; without a height it cannot be told', () => {
    expect(within({ expiry: 999 })).toBe('out-of-policy');
    expect(within({ expiry: 1 }, 'not-checked')).toBe(undefined);
  });
});

describe('keys', () => {
  it.each<[string, Partial<Terms>]>([
    ['equal keys', { payee_pubkey: key(1) }],
    ['one the negation of the other', { payee_pubkey: (key(1).startsWith('02') ? '03' : '02') + key(1).slice(2) }],
    ['a key that is no point', { payer_pubkey: '02' + 'ff'.repeat(32) }],
    ['equal authentication keys', { payer_auth: xOnlyKey(secret(102)) }],
    ['the payer’s signing key for its authentication', { payer_auth: key(1).slice(2) }],
    ['the payee’s signing key for the payer’s authentication', { payer_auth: key(2).slice(2) }],
    ['the payee’s signing key for its authentication', { payee_auth: key(2).slice(2) }],
    ['the payer’s signing key for the payee’s authentication', { payee_auth: key(1).slice(2) }],
    ...[key(1), key(2), '02' + xOnlyKey(secret(101)), '02' + xOnlyKey(secret(102))].flatMap((used, i) =>
      ['02', '03'].map((parity): [string, Partial<Terms>] => [
        `the ecash key a second time, ${i} ${parity}`,
        { ecash: 'home', ecash_pubkey: parity + used.slice(2) },
      ]),
    ),
  ])('%s: key-rejected', (_, change) => {
    expect(code(() => checkKeys(termsWith(change), 'payer'))).toBe('key-rejected');
  });
  it('a rogue key gains nothing: every key weighs by a hash of all', () => {
    // B' = B - A would make A + B' = B with a plain sum; here the aggregate is of both, and not B.
    const set = keysOf(termsWith());
    expect(set.agg.coefficients.some((c) => c !== 1n)).toBe(true);
    expect(set.script).not.toContain(key(1).slice(2));
    expect(set.script).not.toContain(key(2).slice(2));
  });
  it('are sorted (BIP390): who is named first changes nothing', () => {
    const { payer_pubkey, payee_pubkey } = termsWith();
    const turned = termsWith({ payer_pubkey: payee_pubkey, payee_pubkey: payer_pubkey });
    expect(contractAddress(turned)).toBe(contractAddress(termsWith()));
    expect(contractDescriptor(termsWith())).toMatch(/^tr\(musig\(0[23][0-9a-f]{64},0[23][0-9a-f]{64}\)\)#[a-z0-9]{8}$/);
  });
});

describe('the contract as messages show it', () => {
  it('every term is in the id', () => {
    const terms = termsWith();
    const ids = Object.keys(terms).map((name) => {
      const value = terms[name as keyof Terms];
      const other = typeof value === 'bigint' ? value + 1n : typeof value === 'number' ? value + 1 : `${value}x`;
      return contractId({ ...terms, [name]: other } as Terms);
    });
    expect(new Set([contractId(terms), ...ids]).size).toBe(Object.keys(terms).length + 1);
  });
  it('is read back, and refused where something does not follow from its terms', () => {
    const contract = contractWith();
    const view = viewOf(contract);
    expect(readContract(view, 'regtest', 'payer')).toEqual(contract);
    for (const change of [
      { id: '00'.repeat(32) },
      { address: ADDRESSES.p2tr },
      { descriptor: view.descriptor.slice(0, -1) + 'q' },
      { capacity_sat: 1n },
      { expiry: 5_321 },
    ])
      expect(code(() => readContract({ ...view, ...change }, 'regtest', 'payer'))).toBe('terms-differ');
    expect(code(() => readContract(view, 'signet', 'payer'))).toBe('terms-differ');
  });
  it.each<[string, Partial<Terms>]>([
    ['an ecash key without ecash', { ecash_pubkey: key(3) }],
    ['ecash without its key', { ecash: 'home', ecash_pubkey: null }],
    ['sats of a running mint that has no URL', { ecash: 'cdk', ecash_pubkey: key(3), mint_url: null }],
  ])('%s is refused, whatever follows from it', (_, change) => {
    const view = viewOf(contractWith(change));
    expect(code(() => readContract(view, 'regtest', 'payer'))).toBe('terms-differ');
  });
});

describe('an offer that a payee made up', () => {
  const made = (change: object, bounds: object = {}) => {
    const auth = xOnlyKey(secret(9));
    const side = { pubkey: key(30), auth, address: ADDRESSES.p2tr };
    const offer = { ...side, ecash: 'none', mint_url: null, ...change, policy: { ...shown, ...bounds } };
    return seal({ type: 'open-credit', version: 1, step: 'offered', network: 'regtest', offer }, secret(9));
  };
  const shown = { ...policy, min_amount_sat: 10_000, max_amount_sat: 100_000_000 };
  const answer = async (message: object, amount = 1_200_000n, more: object = {}) => {
    const { payer } = await parties();
    const utxo = [await ownCoin(payer, amount + 100_000n)];
    return {
      payer,
      run: () => payer.run(openCredit, { on: message, input: { utxo, amount, expires: { blocks: 4_320 }, ...more } }),
    };
  };

  it('is answered where it is in order', async () => {
    const { run } = await answer(made({}));
    expect((await run()).message['step']).toBe('proposed');
  });
  it('an address of another network: wrong-network; none at all: malformed-address', async () => {
    for (const [address, expected] of [
      ['bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4', 'wrong-network'],
      ['bcrt1qhello', 'malformed-address'],
    ] as const) {
      const { payer, run } = await answer(made({ address }));
      await refused(run, expected, payer);
    }
  });
  it('an amount outside its bounds: out-of-policy', async () => {
    const { payer, run } = await answer(made({}, { max_amount_sat: 1_199_999 }));
    await refused(run, 'out-of-policy', payer);
  });
  it('a contract that could carry no payment, which the offer allows: below-dust', async () => {
    const { payer, run } = await answer(made({}, { min_amount_sat: 1 }), 600n, { allowFee: true });
    await refused(run, 'below-dust', payer);
  });
  it('the payer’s own other key is no key for a payee', async () => {
    const { payer, run } = await answer(made({ pubkey: key(30) }), 1_200_000n);
    const first = await run();
    const own = first.message['contract'].payer_pubkey as string;
    const input = { utxo: [await ownCoin(payer, 1_300_000n)], amount: 1_200_000n, expires: { blocks: 4_320 } };
    await refused(() => payer.run(openCredit, { on: made({ pubkey: own }), input }), 'already-known', payer);
  });
  it('a key that is no point is the payee’s fault (key-rejected), not one of this program', async () => {
    const { payer, run } = await answer(made({ pubkey: '02' + 'ff'.repeat(32) }));
    await refused(run, 'key-rejected', payer);
  });
  it('a key equal to --own-key is rejected before anything is recorded', async () => {
    const { payer, run } = await answer(made({}), 1_200_000n, { ownKey: key(30) });
    await refused(run, 'key-rejected', payer);
  });
  it('an exit feerate that burns more than a tenth of the contract needs --allow-fee', async () => {
    // 1000 sat/vB: a refund of 400,000 sat would pay 111,000 of them to miners.
    const { payer, run } = await answer(made({}, { exit_feerate: 1_000 }), 400_000n);
    await refused(run, 'fee-too-high', payer);
  });
});

it('terms come from the offer, and from nothing else of the payer but keys, amount and expiry', () => {
  const offer = {
    pubkey: key(2),
    auth: xOnlyKey(secret(102)),
    address: ADDRESSES.p2tr,
    policy,
    ecash: 'none',
    mint_url: null,
  } as const;
  const payer = { pubkey: key(1), auth: xOnlyKey(secret(101)), address: ADDRESSES.p2wpkh, ecash: () => key(3) };
  expect(termsFrom('regtest', offer, payer, 1_200_000n, 5_320)).toEqual(termsWith());
  expect(code(() => termsFrom('elsewhere', offer, payer, 1n, 1))).toBe('wrong-network');
});
