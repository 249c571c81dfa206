/** A planned route as a picture: aligned lines for a terminal, or a mermaid sequence diagram. */
import type { Balances, PlannedHop, RoutePlan } from './route.ts';

const COIN_MSAT = 100_000_000_000n;

/** BTC, without the zeros at the end. */
function btc(msat: bigint): string {
  const part = (msat % COIN_MSAT).toString().padStart(11, '0').replace(/0+$/, '');
  return part === '' ? String(msat / COIN_MSAT) : `${msat / COIN_MSAT}.${part}`;
}
const sides = ({ from, to }: Balances): string => `${btc(from)}:${btc(to)}`;
const ahead = (plan: RoutePlan, hop: PlannedHop): string => `+${hop.expiry - plan.height}`;

/** One line a hop. */
export function drawText(plan: RoutePlan, hops: readonly PlannedHop[]): string {
  const head = ['', 'htlc', 'expiry', 'before', 'pending', 'settled', 'failed'];
  const rows = hops.map((hop) => [
    `${hop.channel.from} → ${hop.channel.to}`,
    btc(hop.amountMsat),
    ahead(plan, hop),
    sides(hop.before),
    `${btc(hop.locked.from)}:${btc(hop.locked.pending)}:${btc(hop.locked.to)}`,
    sides(hop.after),
    sides(hop.before),
  ]);
  const widths = head.map((word, i) => Math.max(word.length, ...rows.map((row) => row[i]!.length)));
  return [head, ...rows]
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

export function drawMermaid(plan: RoutePlan, hops: readonly PlannedHop[]): string {
  const nodes = [hops[0]!.channel.from, ...hops.map(({ channel }) => channel.to)];
  const id = (name: string): string => `n${nodes.indexOf(name)}`;
  return [
    'sequenceDiagram',
    ...nodes.map((name) => `  participant ${id(name)} as ${name}`),
    ...hops.map(
      (hop) =>
        `  ${id(hop.channel.from)}->>${id(hop.channel.to)}: HTLC ${btc(hop.amountMsat)} BTC, expires ${ahead(plan, hop)}`,
    ),
    ...hops
      .toReversed()
      .map((hop) => `  ${id(hop.channel.to)}-->>${id(hop.channel.from)}: preimage, then ${sides(hop.after)}`),
  ].join('\n');
}
