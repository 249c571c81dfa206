/** A finished transaction before Bitcoin Core's consensus code: valid as it is, and invalid where anything that it signs is another. */
import { expect } from 'vitest';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { parseTransaction, type Spent } from '../../src/lib/bitcoin/transaction.ts';
import type { Judge, Prevout } from './kernel.ts';

export type Known = Map<string, Prevout>;
const at = ({ txid, vout }: { txid: string; vout: number }): string => `${txid}:${vout}`;
export const known = (...coins: readonly Spent[]): Known => new Map(coins.map((c) => [at(c), c]));
/** What the transaction spends, in the order of its inputs. */
const prevouts = (hex: string, coins: Known): Prevout[] =>
  parseTransaction(hex).inputs.map((i) => {
    const coin = coins.get(`${bytesToHex(i.txid)}:${i.index}`);
    if (!coin) throw new Error('an input that this test does not know');
    return coin;
  });
const altered = (hex: string, byte: number): string => {
  const bytes = Buffer.from(hex, 'hex');
  bytes[byte]! ^= 1;
  return bytes.toString('hex');
};

/** Valid as it is; invalid where a signature, what it spends or what it pays is another. */
export async function expectJudged(by: Judge, hex: string, coins: Known): Promise<void> {
  const spent = prevouts(hex, coins);
  const { outputs, witnesses } = parseTransaction(hex);
  expect(await by.scripts(hex, spent)).toBe(true);
  for (const [i, stack] of witnesses!.entries()) {
    if (spent[i]!.script === '51024e73') {
      // Anyone spends an anchor, with nothing.
      expect(stack).toEqual([]);
      continue;
    }
    expect(stack.map((part) => part.length)).toEqual([64]);
    const place = hex.indexOf(bytesToHex(stack[0]!)) / 2;
    for (const byte of [0, 31, 32, 63]) expect(await by.scripts(altered(hex, place + byte), spent)).toBe(false);
    const otherAmount = spent.map((p, k) => (k === i ? { ...p, sat: p.sat - 1n } : p));
    expect(await by.scripts(hex, otherAmount)).toBe(false);
  }
  for (const { amount, script } of outputs) {
    const amountHex = Buffer.alloc(8);
    amountHex.writeBigUInt64LE(amount);
    const output = amountHex.toString('hex') + (script.length.toString(16).padStart(2, '0') + bytesToHex(script));
    const place = hex.indexOf(output) / 2;
    expect(place).toBeGreaterThan(0);
    expect(await by.scripts(altered(hex, place), spent)).toBe(false);
    expect(await by.scripts(altered(hex, place + output.length / 2 - 1), spent)).toBe(false);
  }
}
