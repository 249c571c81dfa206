/**
 * The judge of this family's tests, judged: Bitcoin Core's published vectors of BIP65, BIP112 and witness scripts. A refund
 * that it calls early or on time is so by the rules of these.
 */
import { OP, Script } from '@scure/btc-signer/script.js';
import { afterAll, describe, expect, it } from 'vitest';
import { bytesToHex, concatBytes, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { parseTransaction } from '../../src/lib/bitcoin/transaction.ts';
import { judge } from '../support/kernel.ts';
import { fixture, vectors } from '../support/vectors.ts';

interface Vector {
  prevouts: { txid: string; vout: number; scriptPubKey: string; amount?: number }[];
  tx: string;
  flags: string;
  valid: boolean;
}
const kernel = await judge();
afterAll(() => kernel?.close());

/** The notation of these files: opcodes by name, numbers, 'text', 0xbytes. */
const assembled = (text: string): Uint8Array =>
  concatBytes(
    ...text
      .split(/\s+/)
      .filter(Boolean)
      .map((word) => {
        if (word.startsWith('0x')) return hexToBytes(word.slice(2));
        if (/^-?\d+$/.test(word)) return Script.encode([Number(word)]);
        if (word.startsWith("'")) return Script.encode([new TextEncoder().encode(word.slice(1, -1))]);
        return Script.encode([(word in OP ? word : `OP_${word}`) as 'DUP']);
      }),
  );

/** Rules of consensus; a valid vector may name those under which it fails. */
const CONSENSUS = /CHECKLOCKTIMEVERIFY|CHECKSEQUENCEVERIFY|P2SH|WITNESS\b|NULLDUMMY|DERSIG|TAPROOT/;

const judged = async ({ prevouts, tx }: Vector): Promise<boolean> => {
  const { inputs } = parseTransaction(tx);
  const spent = inputs.map(({ txid, index }) => {
    const found = prevouts.find((p) => p.txid === bytesToHex(txid) && p.vout === index)!;
    return { sat: BigInt(found.amount ?? 0), script: bytesToHex(assembled(found.scriptPubKey)) };
  });
  // A transaction that cannot even be put together is not valid either.
  return kernel!.scripts(tx, spent).catch(() => false);
};

describe.skipIf(!kernel)('published vectors', () => {
  it('BIP65 and BIP112', async () => {
    const { vectors: all } = fixture<{ vectors: Vector[] }>('htlc/locks.json');
    const wrong: Vector[] = [];
    let asked = 0;
    for (const vector of all) {
      if (vector.valid && CONSENSUS.test(vector.flags)) continue;
      asked += 1;
      if ((await judged(vector)) !== vector.valid) wrong.push(vector);
    }
    expect(wrong).toEqual([]);
    expect(asked).toBeGreaterThan(30);
  });
  it('witness scripts', async () => {
    const all = vectors<Vector[]>('segwit_script/tx_valid.json') ?? [];
    for (const vector of all) if (!CONSENSUS.test(vector.flags)) expect(await judged(vector), vector.tx).toBe(true);
  });
});
