/** Published transactions through `verify` and `inspect`: taken as they are, refused with any byte of theirs altered. */
import { describe, expect, it } from 'vitest';
import { inspectTransaction } from '../../src/lib/channel/inspect.ts';
import { verifyCommitment } from '../../src/lib/channel/build.ts';
import { readHtlcs } from '../../src/lib/channel/document.ts';
import { hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { txidOfHex } from '../../src/lib/bitcoin/transaction.ts';
import { Fields } from '../../src/lib/protocol/document.ts';
import { Refusal } from '../../src/lib/protocol/refusal.ts';
import { CASES, channelOf, type Case } from '../support/channel.ts';
import { codeOf } from '../support/refusal.ts';

const verified = (one: Case, more: object = {}): any =>
  verifyCommitment(
    channelOf(one.channel),
    new Fields({
      ...one.state,
      commitment: one.commitment,
      htlc_transactions: one.htlc_transactions,
      htlc_signatures: one.htlc_signatures,
      ...(one.signature !== undefined && { signature: one.signature }),
      ...more,
    } as never),
  );
const contextOf = (one: Case) => ({
  channel: channelOf(one.channel),
  known: {
    pointOf: () => hexToBytes(String(one.state['per_commitment_point'])),
    htlcs: readHtlcs(new Fields({ htlcs: one.state.htlcs } as never)),
  },
});
const flipped = (hex: string, at: number): string => {
  const bytes = hexToBytes(hex);
  bytes[at]! ^= 1;
  return Buffer.from(bytes).toString('hex');
};

describe.each(CASES.map((one) => [`${one.source}: ${one.name}`, one] as const))('%s', (_, one) => {
  it('is verified, signatures too', () => {
    const { checks } = verified(one);
    expect(checks.commitment).toBe('same, signed by both');
    expect(checks.htlc_signatures).toBe('valid');
  });
  it('is refused with a byte altered, of the commitment or of an HTLC transaction', () => {
    // More of the first of each format.
    const every = CASES.find((c) => c.channel === one.channel) === one ? 5 : 97;
    for (let at = 0; at < one.commitment.length / 2; at += every)
      expect(() => verified(one, { commitment: flipped(one.commitment, at) }), `byte ${at}`).toThrow(Refusal);
    one.htlc_transactions.forEach((hex, i) => {
      for (let at = i; at < hex.length / 2; at += 97) {
        const htlc_transactions = one.htlc_transactions.map((h, k) => (k === i ? flipped(h, at) : h));
        expect(() => verified(one, { htlc_transactions }), `byte ${at} of ${i}`).toThrow(Refusal);
      }
    });
  });
  it('is told what it is', () => {
    const said: any = inspectTransaction(one.commitment, contextOf(one));
    expect(said).toMatchObject({ kind: 'commitment', number: 42n, holder: 'local', signatures: 'valid' });
    expect(said.outputs.map((o: { role: string }) => o.role)).not.toContain('unknown');
    expect(said.outputs.every((o: { spent_by?: unknown }) => o.spent_by)).toBe(true);
    const bare: any = inspectTransaction(one.commitment);
    expect(bare.kind).toBe('commitment');
    if (said.outputs.length > 1) expect(bare.formats).toContain(one.channel);
    for (const [i, hex] of one.htlc_transactions.entries()) {
      const stage: any = inspectTransaction(hex, contextOf(one));
      expect(stage).toMatchObject({ holder: 'local', outputs: [{ role: 'second stage' }] });
      expect(stage.kind).toMatch(/^htlc-(timeout|success)$/);
      expect(stage.inputs[0].outpoint.split(':')[0], String(i)).toBe(txidOfHex(one.commitment));
    }
  });
});

const HTLCS = CASES.find((c) => c.channel === 'anchors' && c.htlc_signatures.length > 2)!;
describe('verify', () => {
  it.each([
    ['a signature too few', { htlc_signatures: HTLCS.htlc_signatures.slice(1) }, 'htlc-signatures'],
    ['a signature too many', { htlc_signatures: [...HTLCS.htlc_signatures, '00'] }, 'htlc-signatures'],
    [
      'signatures in another order',
      { htlc_signatures: [...HTLCS.htlc_signatures].reverse(), htlc_transactions: null },
      'signature-invalid',
    ],
    ['a signature of another commitment', { signature: CASES[0]!.signature }, 'signature-invalid'],
    ['a transaction too few', { htlc_transactions: HTLCS.htlc_transactions.slice(1) }, 'transaction-differs'],
    ['another number', { number: 43 }, 'transaction-differs'],
    ['a msat more than the funding holds', { to_local_msat: 7_000_000_001 }, 'over-capacity'],
    ['a point that is none', { per_commitment_point: `02${'ff'.repeat(32)}` }, 'wrong-key'],
    ['another point', { per_commitment_point: CASES.at(-1)!.state['per_commitment_point'] }, 'transaction-differs'],
    [
      'a wrong preimage',
      { htlcs: HTLCS.state.htlcs.map((h) => ({ ...h, preimage: '11'.repeat(32) })) },
      'wrong-preimage',
    ],
  ] as const)('refuses %s', (_, more, code) => expect(codeOf(() => verified(HTLCS, more))).toBe(code));
  it('refuses a high s', () => {
    const der = hexToBytes(HTLCS.signature!);
    // The other s of the same signature, as a number below the order.
    const N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
    const rLength = der[3]!;
    const s = BigInt(`0x${Buffer.from(der.subarray(6 + rLength)).toString('hex')}`);
    const high = Buffer.from((N - s).toString(16).padStart(64, '0'), 'hex');
    const body = Buffer.concat([der.subarray(2, 4 + rLength), Buffer.of(2, 33, 0), high]);
    const signature = Buffer.concat([Buffer.of(0x30, body.length), body]).toString('hex');
    expect(codeOf(() => verified(HTLCS, { signature, commitment: null, htlc_transactions: null }))).toBe(
      'signature-invalid',
    );
  });
  it('refuses a type of signature other than ALL', () => {
    // Before the script with its length, and the locktime.
    const at = HTLCS.commitment.length - 154;
    expect(HTLCS.commitment.slice(at, at + 2)).toBe('01');
    const commitment = `${HTLCS.commitment.slice(0, at)}83${HTLCS.commitment.slice(at + 2)}`;
    expect(codeOf(() => verified(HTLCS, { commitment }))).toBe('sighash-refused');
  });
});
