/** Types of output scripts (hex), for fees, dust and the safety of inputs. */
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';

/** Type of an output script. */
export type ScriptType = 'p2tr' | 'p2wpkh' | 'p2wsh' | 'p2a' | 'witness' | 'p2pkh' | 'p2sh' | 'op_return' | 'other';

/**
 * Returns the type of an output script (hex).
 * @example
 * ```ts
 * scriptType(`5120${'79'.repeat(32)}`); // 'p2tr'
 * ```
 */
export function scriptType(script: string): ScriptType {
  if (/^5120[0-9a-f]{64}$/.test(script)) return 'p2tr';
  if (/^0014[0-9a-f]{40}$/.test(script)) return 'p2wpkh';
  if (/^0020[0-9a-f]{64}$/.test(script)) return 'p2wsh';
  if (script === '51024e73') return 'p2a';
  if (
    /^(00|5[1-9a-f]|60)(0[2-9a-f]|1[0-9a-f]|2[0-8])/.test(script) &&
    script.length === 4 + 2 * parseInt(script.slice(2, 4), 16)
  )
    return 'witness';
  if (/^76a914[0-9a-f]{40}88ac$/.test(script)) return 'p2pkh';
  if (/^a914[0-9a-f]{40}87$/.test(script)) return 'p2sh';
  return script.startsWith('6a') ? 'op_return' : 'other';
}

/** Tells whether a script is spent without scriptSig, so that no signature changes the txid. */
export const isNativeSegwit = (script: string): boolean => ['p2tr', 'p2wpkh', 'p2wsh'].includes(scriptType(script));
const isWitness = (script: string): boolean =>
  ['p2tr', 'p2wpkh', 'p2wsh', 'p2a', 'witness'].includes(scriptType(script));

const compactSize = (n: number): number => (n < 253 ? 1 : n < 65_536 ? 3 : 5);

/** Returns the size of an output with this script. */
export const outputSize = (script: string): number => 8 + compactSize(script.length / 2) + script.length / 2;

/**
 * Returns the least amount of an output that nodes relay: the cost of making and spending it at 3
 * sat/vB.
 * Source: Bitcoin Core, policy.cpp GetDustThreshold, DUST_RELAY_TX_FEE.
 * @example
 * ```ts
 * dustLimit(`5120${'79'.repeat(32)}`); // 330n
 * dustLimit(`0014${'00'.repeat(20)}`); // 294n
 * ```
 */
export function dustLimit(script: string): bigint {
  if (script.startsWith('6a')) return 0n;
  const spend = isWitness(script) ? 32 + 4 + 1 + Math.floor(107 / 4) + 4 : 32 + 4 + 1 + 107 + 4;
  return BigInt((outputSize(script) + spend) * 3);
}

export const DUST_LIMITS = {
  /** Smallest amount of an output with this script. */
  output: { unit: 'sat', least: dustLimit },
} satisfies Limits;

/**
 * Refuses an output below its dust limit. @param words makes the error's text of the limit
 * @throws Refusal `below-dust`
 */
export function checkDust(
  { sat, script }: { sat: bigint; script: string },
  words: (least: bigint) => string,
  details: ConstructorParameters<typeof Refusal>[2] = {},
): void {
  const least = DUST_LIMITS.output.least(script);
  if (!allows({ least }, sat)) throw new Refusal('below-dust', words(least), details);
}
