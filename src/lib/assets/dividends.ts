/**
 * Dividends: holders are paid floor(total × units / all units) each, and the rest by a rule.
 *
 * A dividend is an ordinary payment and part of no asset protocol. A snapshot of holders is JSON
 * (`[{"address","quantity"}]` or `{address: quantity}`) or CSV (`address,quantity`).
 */
import { readPayee } from './openassets/payee.ts';
import type { Network } from '../bitcoin/network.ts';
import { dustLimit } from '../bitcoin/script.ts';
import { parseJson, type Json } from '../protocol/json.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';

export interface Holder {
  address: string;
  /** Hex. */
  script: string;
  units: bigint;
}
/**
 * Rules for what rounding leaves: the payer keeps it; one satoshi each to the largest fractions,
 * earlier holders first; all to the largest holder.
 */
export const REMAINDERS = ['keep', 'largest-fraction', 'largest-holder'] as const;
export type Remainder = (typeof REMAINDERS)[number];

const wrong = (text: string): never => {
  throw new Refusal('malformed-snapshot', text);
};

/**
 * Reads a snapshot, and adds up holders of one script.
 * @throws Refusal `malformed-snapshot`, `malformed-json`, and as `readPayee`
 */
export function readSnapshot(text: string, network: Network): Holder[] {
  const rows = /^\s*[[{]/.test(text) ? fromJson(parseJson(text)) : fromCsv(text);
  const found = new Map<string, Holder>();
  for (const [address, quantity] of rows) {
    if (!/^(?:0|[1-9]\d{0,29})$/.test(quantity))
      wrong(`${JSON.stringify(quantity.slice(0, 40))} found, whole units expected`);
    const { script } = readPayee(address, network);
    const known = found.get(script);
    if (known) known.units += BigInt(quantity);
    else found.set(script, { address, script, units: BigInt(quantity) });
  }
  return [...found.values()];
}

type HolderRow = readonly [address: string, quantity: string];

function fromJson(json: Json): HolderRow[] {
  const amount = (value: Json | undefined): string =>
    typeof value === 'string' || typeof value === 'number' ? String(value) : wrong('a holder without quantity found');
  if (Array.isArray(json))
    return json.map((entry: Json): HolderRow => {
      const { address, quantity, units, balance } = (entry ?? {}) as Record<string, Json>;
      if (typeof address !== 'string') return wrong('a holder without address found');
      return [address, amount(quantity ?? units ?? balance)];
    });
  return Object.entries(json as object).map(([address, value]): HolderRow => [address, amount(value as Json)]);
}

function fromCsv(text: string): HolderRow[] {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  const rows = lines.map((line): HolderRow => {
    const [address = '', quantity = '', ...more] = line.split(',').map((cell) => cell.trim().replace(/^"(.*)"$/, '$1'));
    if (more.length > 0) wrong(`${more.length + 2} columns found, address,quantity expected`);
    return [address, quantity];
  });
  // A first line whose second cell is a word is a heading.
  return rows[0] && /^[a-z _-]+$/i.test(rows[0][1]) ? rows.slice(1) : rows;
}

type Reason = 'excluded' | 'below-min' | 'below-dust' | 'nothing';
export interface DividendPlan {
  payouts: readonly (Holder & { sat: bigint })[];
  skipped: readonly (Holder & { sat: bigint; reason: Reason })[];
  /** Units among which the total is divided. */
  units: bigint;
  paid: bigint;
  /** Total less `paid`: rounding, and shares that are too small to pay. */
  kept: bigint;
}

/** Least amount paid to one holder, besides the dust limit. */
export const SHARE_LIMITS = { share: { unit: 'sat', least: (min: bigint) => min } } satisfies Limits;

/** Divides `total` satoshis, which is always paid + kept. @throws Refusal `nobody-to-pay` */
export function divide(
  holders: readonly Holder[],
  {
    total,
    min = 0n,
    exclude = [],
    remainder,
  }: { total: bigint; min?: bigint; exclude?: readonly string[]; remainder: Remainder },
): DividendPlan {
  const barred = new Set(exclude);
  const counted = holders.filter(({ script, units }) => !barred.has(script) && units > 0n);
  const units = counted.reduce((sum, holder) => sum + holder.units, 0n);
  if (units === 0n) throw new Refusal('nobody-to-pay', 'no holder with units found that is not excluded');
  const shares = counted.map((holder) => ({
    ...holder,
    sat: (total * holder.units) / units,
    part: (total * holder.units) % units,
  }));
  spread(shares, total, remainder);
  const why = ({ sat, script }: { sat: bigint; script: string }): Reason | undefined =>
    sat === 0n
      ? 'nothing'
      : !allows({ least: SHARE_LIMITS.share.least(min) }, sat)
        ? 'below-min'
        : sat < dustLimit(script)
          ? 'below-dust'
          : undefined;
  const plain = ({ address, script, units: held, sat }: Holder & { sat: bigint }) => ({
    address,
    script,
    units: held,
    sat,
  });
  const payouts = shares.filter((share) => !why(share)).map(plain);
  if (payouts.length === 0) throw new Refusal('nobody-to-pay', 'every share is below --min or the dust limit');
  const excluded = holders.filter(({ script, units: held }) => barred.has(script) || held === 0n);
  const skipped = [
    ...excluded.map((holder) => {
      const reason: Reason = barred.has(holder.script) ? 'excluded' : 'nothing';
      return { ...holder, sat: 0n, reason };
    }),
    ...shares.flatMap((share) => {
      const reason = why(share);
      return reason ? [{ ...plain(share), reason }] : [];
    }),
  ];
  const paid = payouts.reduce((sum, { sat }) => sum + sat, 0n);
  return { payouts, skipped, units, paid, kept: total - paid };
}

function spread(shares: { units: bigint; sat: bigint; part: bigint }[], total: bigint, rule: Remainder): void {
  const left = total - shares.reduce((sum, { sat }) => sum + sat, 0n);
  const by = (key: 'units' | 'part') => shares.toSorted((a, b) => (a[key] > b[key] ? -1 : a[key] < b[key] ? 1 : 0));
  if (rule === 'largest-holder') by('units')[0]!.sat += left;
  if (rule === 'largest-fraction') for (const share of by('part').slice(0, Number(left))) share.sat += 1n;
}
