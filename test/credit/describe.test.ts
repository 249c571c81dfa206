/** A message in words: what does not follow from its terms is said, and nothing crashes. */
import { describe, expect, it } from 'vitest';
import { describeCredit } from '../../src/lib/credit/describe.ts';
import { withSats } from '../../src/lib/protocol/json.ts';
import { signUpdate } from '../../src/lib/ecash/credit.ts';
import { openMessages, opened } from '../support/credit.ts';
import { parties } from './helpers.ts';

describe('an opening in words', () => {
  it('says whether its terms give what it carries, and of a network that nobody knows that it is none', async () => {
    const [, proposed] = await openMessages(await parties());
    const said = (network: string) => describeCredit(withSats({ ...proposed!, network } as never) as object).checks;
    expect(said('regtest')).toEqual([
      ['contract id', 'id, address and descriptor follow from the terms'],
      ['psbt.refund', 'the transaction that the terms give'],
      ['seal', 'by the payer'],
    ]);
    expect(said('mainnet')[0]![1]).toMatch(/^no: /);
    expect(said('elsewhere')).toEqual([['contract id', 'no: network elsewhere is not known', 'wrong-network']]);
  });
});

it('a wish to pay in words says how much, until when, and names no transaction', async () => {
  const both = await parties();
  const contract = await opened(both);
  const { message } = await both.payer.run(signUpdate, { input: { contract, amount: 2_100n } });
  const { facts, checks } = describeCredit(withSats(message as never) as object);
  expect(facts).toContainEqual(['amount', '2100 sat']);
  expect(facts).toContainEqual(['asked for', expect.stringContaining(`${message['asked'].id}, until `)]);
  expect(facts.map(([label]) => label)).not.toContain('update transaction');
  expect(checks.map(([label, text]) => [label, text])).toContainEqual(['seal', 'by the payer']);
});
