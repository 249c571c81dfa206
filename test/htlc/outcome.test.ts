/** By which path an HTLC of a swap was spent, told by the transaction that spends it. */
import { sha256 } from '@noble/hashes/sha2.js';
import { expect, it } from 'vitest';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { outpointText } from '../../src/lib/bitcoin/outpoint.ts';
import { txidOfHex, withWitness } from '../../src/lib/bitcoin/transaction.ts';
import { claimStands } from '../../src/lib/htlc/swap-outcome.ts';

const preimage = new Uint8Array(32).fill(0x50);
const hash = bytesToHex(sha256(preimage));
const script = `5120${'ab'.repeat(32)}`;
const coin = { txid: 'c0'.repeat(32), vout: 1, sat: 10_000n, script };
const [signature, leaf, control] = [64, 40, 65].map((size) => new Uint8Array(size).fill(0xc0)) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
];

/** How an own claim stands once the coin is spent with this witness, six blocks deep. */
function stands(witness: readonly Uint8Array[]) {
  const template = {
    version: 2 as const,
    locktime: 0,
    inputs: [{ ...coin, sequence: 0xfffffffd }],
    outputs: [{ sat: 9_000n, script }],
  };
  const hex = withWitness(template, [witness]);
  const at = outpointText(coin);
  const seen = {
    tip: 100,
    coins: new Map([[at, 'missing' as const]]),
    spends: new Map([[at, { txid: txidOfHex(hex), hex, confirmations: 6 }]]),
  };
  return claimStands(seen, { coin, claim: 'cc'.repeat(32), hash, expiry: 90 });
}

it('a claim shows the preimage before its script', () => {
  expect(stands([signature, preimage, leaf, control]).is).toBe('settled');
});
it.each([
  ['a refund', [signature, leaf, control]],
  ['a refund with the preimage in its annex', [signature, leaf, control, preimage]],
] as const)('%s is no claim: the coin is lost', (_, witness) => {
  expect(stands(witness)).toMatchObject({ is: 'lost', words: expect.stringContaining('refund') });
});
it.each([
  ['a spend by both', [signature]],
  ['a spend by both with the preimage in its annex', [signature, preimage]],
] as const)('%s has the word of this home: nothing is lost', (_, witness) => {
  expect(stands(witness).is).toBe('settled');
});
