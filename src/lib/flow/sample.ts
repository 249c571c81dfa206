/**
 * Samples of payments in large networks: drawn pairs, and the most that each can pay.
 *
 * There are two draws: `liquidity` balances every channel at random; `wealth` draws what members
 * own, and keeps what the channels can hold. Intervals are Wilson's, 95 percent. A seed repeats the
 * draws. Not here: networks that can be counted (`count.ts`).
 */
import type { Draws } from '../protocol/draws.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { NetworkBalances, type ChannelLiquidity } from './liquidity.ts';
import type { ChannelNetwork, MemberPair } from './network.ts';
import { decideWealth } from './wealth.ts';

export const SAMPLE_LIMITS = {
  pairs: { unit: 'items', least: 1, most: 1_000_000 },
  /** Distributions drawn for each that is kept. */
  tries: { unit: 'items', most: 10_000 },
} satisfies Limits;

export interface Sample extends MemberPair {
  /** Most that can be paid. */
  most: number;
}

function pairOf(draws: Draws, members: number): [number, number] {
  const payer = draws.below(members);
  const payee = draws.below(members - 1);
  return [payer, payee >= payer ? payee + 1 : payee];
}

/** Balances every channel of two at random: each split has the same chance. */
function drawLiquidity(network: ChannelNetwork, draws: Draws): ChannelLiquidity {
  return network.channels.map(({ capacity, members, id }) => {
    if (members.length !== 2)
      throw new Refusal('malformed-message', `${id}: ${members.length} members found, 2 expected to draw liquidity`);
    const first = draws.below(capacity + 1);
    return [first, capacity - first];
  });
}

/**
 * Draws a distribution of a capacity among n, all with the same chance: n − 1 different bars among
 * capacity + n − 1 places.
 */
function drawWealth(capacity: number, members: number, draws: Draws): number[] {
  const bars = new Set<number>();
  // Floyd's draw of distinct numbers.
  for (let top = capacity; top < capacity + members - 1; top++) {
    const drawn = draws.below(top + 1);
    bars.add(bars.has(drawn) ? top : drawn);
  }
  const sorted = [...bars].sort((a, b) => a - b);
  return [...sorted, capacity + members - 1].map((bar, i) => bar - (i === 0 ? 0 : sorted[i - 1]! + 1));
}

/**
 * Draws balances with a drawn wealth.
 * @throws Refusal `sample-too-rare` if fewer than one of 10^4 distributions can be held
 */
function feasibleLiquidity(network: ChannelNetwork, draws: Draws): { liquidity: ChannelLiquidity; tries: number } {
  for (let tries = 1; allows(SAMPLE_LIMITS.tries, tries); tries++) {
    const found = decideWealth(network, drawWealth(network.capacity, network.members.length, draws));
    if (found.feasible) return { liquidity: found.liquidity, tries };
  }
  const { most } = SAMPLE_LIMITS.tries;
  throw new Refusal('sample-too-rare', `none of ${most} drawn distributions can be held by the channels`, {
    hint: '--draw liquidity balances the channels instead',
  });
}

/** Draws pairs and the most that each can pay. @returns also the number of drawn distributions */
export function drawSamples(
  network: ChannelNetwork,
  pairs: number,
  draws: Draws,
  kind: 'liquidity' | 'wealth',
): { samples: Sample[]; drawn: number } {
  if (network.members.length < 2) throw new Refusal('malformed-message', 'members: two at least expected');
  const samples: Sample[] = [];
  let balances = kind === 'liquidity' ? new NetworkBalances(network, drawLiquidity(network, draws)) : undefined;
  let drawn = 0;
  for (let i = 0; i < pairs; i++) {
    if (kind === 'wealth') {
      const { liquidity, tries } = feasibleLiquidity(network, draws);
      balances = new NetworkBalances(network, liquidity);
      drawn += tries;
    }
    const [payer, payee] = pairOf(draws, network.members.length);
    samples.push({ payer, payee, most: balances!.most(payer, payee) });
  }
  return { samples, drawn };
}

const Z = 1.959964;

/** Returns Wilson's interval (95 percent) of a part of a whole, as fractions. */
export function wilson(part: number, whole: number): [number, number] {
  const p = part / whole;
  const centre = p + (Z * Z) / (2 * whole);
  const half = Z * Math.sqrt((p * (1 - p)) / whole + (Z * Z) / (4 * whole * whole));
  const scale = 1 + (Z * Z) / whole;
  return [(centre - half) / scale, (centre + half) / scale];
}
