/**
 * A routed payment as the chain of HTLCs that it is: amounts and expiries from the payee back to
 * the payer. Each channel's balances are shown before, while the HTLC is pending, after it was
 * settled, and after it failed. BOLT7 (HTLC Fees), BOLT2 (`cltv_expiry_delta` Selection). A
 * channel's fee and delta are those of its `from` for what leaves through it; the first channel's
 * are not charged.
 * Not here: packets (`onion/`), finding routes.
 */
import { MAX_HTLC_CLTV, MOST_MSAT, routingFee } from '../wire/fees.ts';
import { maxSat } from '../bitcoin/amount.ts';
import { bytesToHex } from '../bitcoin/bytes.ts';
import { LOCKTIME_THRESHOLD } from '../bitcoin/locktime.ts';
import type { Hex } from '../protocol/action.ts';
import { pointIn, type Fields } from '../protocol/document.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';

export const ROUTE_LIMITS = {
  /** BOLT2: 3R + 2G + 2S with R = 2, G = 2, S = 12, and the least for the payee. */
  delta: { unit: 'blocks', least: 34n },
  finalDelta: { unit: 'blocks', least: 18n },
  /** BOLT4: more hops fit no packet. */
  hops: { unit: 'items', least: 1, most: 27 },
  height: { unit: 'height', most: BigInt(LOCKTIME_THRESHOLD - 1) },
  ahead: { unit: 'height', most: (height: bigint) => height + MAX_HTLC_CLTV },
  /** Ranges of BOLT7's numbers of two and four bytes. */
  two: { unit: 'number', most: 0xffffn },
  four: { unit: 'number', most: 0xffffffffn },
  amount: { unit: 'msat', most: MOST_MSAT },
  /** Amount over a channel: within its HTLC limits, and its balance beyond the reserve. */
  htlc: {
    unit: 'msat',
    least: ({ minimumMsat }: Pick<RouteChannel, 'minimumMsat'>) => minimumMsat,
    most: ({ maximumMsat }: Pick<RouteChannel, 'maximumMsat'>) => maximumMsat,
  },
  some: { unit: 'msat', least: 1n },
  balance: {
    unit: 'msat',
    most: ({ fromMsat, reserveMsat }: Pick<RouteChannel, 'fromMsat' | 'reserveMsat'>) => fromMsat - reserveMsat,
  },
} satisfies Limits;

/** Channel on a route, with its balances. */
export interface RouteChannel {
  from: string;
  to: string;
  fromMsat: bigint;
  toMsat: bigint;
  feeBaseMsat: bigint;
  feePpm: bigint;
  cltvDelta: bigint;
  /** Amount that `from` must keep. */
  reserveMsat: bigint;
  minimumMsat: bigint;
  maximumMsat: bigint;
  /** Node of `to`, and the channel that leads there, for onions. */
  pubkey: Hex | undefined;
  shortChannelId: string | undefined;
}
/** HTLCs of a routed payment, in msat, with the balances of each channel. */
export interface RoutePlan {
  height: bigint;
  amountMsat: bigint;
  finalDelta: bigint;
  paymentHash: Hex | undefined;
  paymentSecret: Hex | undefined;
  channels: readonly RouteChannel[];
}
/** Balances of a channel's two sides, and the amounts pending between them. */
export interface Balances {
  from: bigint;
  pending: bigint;
  to: bigint;
}
export interface PlannedHop {
  channel: RouteChannel;
  amountMsat: bigint;
  expiry: bigint;
  before: Balances;
  locked: Balances;
  after: Balances;
}

/** @throws Refusal `malformed-message`, `wrong-key` */
export function parseRoute(from: Fields): RoutePlan {
  const hex = (name: string): Hex | undefined => {
    const bytes = from.bytes(name, 32);
    return bytes && bytesToHex(bytes);
  };
  const plan = {
    height: from.need('height', from.whole('height', ROUTE_LIMITS.height.most), 'a height'),
    amountMsat: from.need('amount_msat', from.whole('amount_msat', ROUTE_LIMITS.amount.most), 'millisatoshis'),
    finalDelta: from.need('final_delta', from.whole('final_delta', ROUTE_LIMITS.two.most), 'a number of blocks'),
    paymentHash: hex('payment_hash'),
    paymentSecret: hex('payment_secret'),
    channels: from.need('channels', from.objects('channels', parseChannel), 'a list of channels'),
  };
  from.skip('type', 'version');
  from.end();
  return plan;
}

function parseChannel(from: Fields): RouteChannel {
  const msat = (name: string) => from.whole(name, ROUTE_LIMITS.amount.most);
  return {
    from: nameIn(from, 'from'),
    to: nameIn(from, 'to'),
    fromMsat: from.need('balance_from_msat', msat('balance_from_msat')),
    toMsat: from.need('balance_to_msat', msat('balance_to_msat')),
    feeBaseMsat: from.need('fee_base_msat', from.whole('fee_base_msat', ROUTE_LIMITS.four.most)),
    feePpm: from.need('fee_ppm', from.whole('fee_ppm', ROUTE_LIMITS.four.most)),
    cltvDelta: from.need('cltv_delta', from.whole('cltv_delta', ROUTE_LIMITS.two.most)),
    reserveMsat: msat('reserve_msat') ?? 0n,
    minimumMsat: msat('htlc_minimum_msat') ?? 0n,
    maximumMsat: msat('htlc_maximum_msat') ?? ROUTE_LIMITS.amount.most,
    pubkey: from.has('to_pubkey') ? bytesToHex(pointIn(from, 'to_pubkey')) : undefined,
    shortChannelId: from.text('short_channel_id'),
  };
}

/** Reads a name for drawings: letters, digits and separators of words. */
function nameIn(from: Fields, name: string): string {
  const text = from.text(name);
  if (text === undefined || !/^[\p{L}\p{N}][\p{L}\p{N} _.-]{0,39}$/u.test(text))
    from.refuse(name, 'a name of up to 40 letters');
  return text!;
}

/**
 * @param unsafe allows deltas that leave no time to react
 * @throws Refusal `malformed-message`, `unsafe-expiry`, `route-limit`
 */
export function planRoute(plan: RoutePlan, unsafe = false): PlannedHop[] {
  checkChain(plan.channels);
  checkDeltas(plan, unsafe);
  let amount = plan.amountMsat;
  let expiry = plan.height + plan.finalDelta;
  const hops: PlannedHop[] = [];
  for (const channel of plan.channels.toReversed()) {
    checkHop(channel, amount, expiry, plan.height);
    const { fromMsat, toMsat } = channel;
    hops.unshift({
      channel,
      amountMsat: amount,
      expiry,
      before: { from: fromMsat, pending: 0n, to: toMsat },
      locked: { from: fromMsat - amount, pending: amount, to: toMsat },
      after: { from: fromMsat - amount, pending: 0n, to: toMsat + amount },
    });
    amount += routingFee(amount, channel.feeBaseMsat, channel.feePpm);
    expiry += channel.cltvDelta;
  }
  return hops;
}

function checkChain(channels: readonly RouteChannel[]): void {
  const refuse = (text: string): never => {
    throw new Refusal('malformed-message', text);
  };
  const { hops } = ROUTE_LIMITS;
  if (!allows(hops, channels.length))
    refuse(`channels: ${channels.length} found, ${hops.least} to ${hops.most} expected`);
  channels.forEach((channel, i) => {
    const next = channels[i + 1];
    if (next && next.from !== channel.to)
      refuse(`channels[${i + 1}].from: ${next.from} found, ${channel.to} expected, where the channel before ends`);
  });
  const nodes = [channels[0]!.from, ...channels.map(({ to }) => to)];
  const twice = nodes.find((node, i) => nodes.indexOf(node) !== i);
  if (twice !== undefined) refuse(`channels: ${twice} found twice, each node once expected`);
}

function checkDeltas({ channels, finalDelta }: RoutePlan, unsafe: boolean): void {
  if (unsafe) return;
  const hint = '--unsafe-deltas plans it all the same, for textbooks and tests';
  const short = channels.slice(1).find(({ cltvDelta }) => !allows(ROUTE_LIMITS.delta, cltvDelta));
  if (short)
    throw new Refusal(
      'unsafe-expiry',
      `a delta of ${short.cltvDelta} blocks at ${short.from} found, at least ${ROUTE_LIMITS.delta.least} expected (BOLT2): too little time to claim on the chain`,
      { hint },
    );
  if (!allows(ROUTE_LIMITS.finalDelta, finalDelta))
    throw new Refusal(
      'unsafe-expiry',
      `a final delta of ${finalDelta} blocks found, at least ${ROUTE_LIMITS.finalDelta.least} expected (BOLT2)`,
      {
        hint,
      },
    );
}

function checkHop(channel: RouteChannel, amount: bigint, expiry: bigint, height: bigint): void {
  const { from, to, fromMsat, reserveMsat, minimumMsat, maximumMsat } = channel;
  const refuse = (text: string): never => {
    throw new Refusal('route-limit', `${from} to ${to}: ${text}`);
  };
  if (!allows(ROUTE_LIMITS.some, amount)) refuse('an HTLC of 0 msat found, more expected');
  if (amount < ROUTE_LIMITS.htlc.least(channel)) refuse(`${amount} msat found, at least ${minimumMsat} expected`);
  if (amount > ROUTE_LIMITS.htlc.most(channel)) refuse(`${amount} msat found, at most ${maximumMsat} expected`);
  if (amount > ROUTE_LIMITS.balance.most(channel))
    refuse(`${amount} msat found, at most ${maxSat(fromMsat - reserveMsat, 0n)} of ${from}'s balance expected`);
  if (!allows(ROUTE_LIMITS.height, expiry)) refuse(`expiry ${expiry} found, a height expected`);
  if (expiry > ROUTE_LIMITS.ahead.most(height))
    refuse(`expiry ${expiry} found, at most ${MAX_HTLC_CLTV} blocks above ${height} expected`);
}

const balances = ({ from, pending, to }: Balances) => ({ from_msat: from, htlc_msat: pending, to_msat: to });

/** Returns the document that `htlc route` prints. */
export function routePlanDocument(plan: RoutePlan, hops: readonly PlannedHop[]): object {
  return {
    type: 'htlc-route',
    version: 1,
    height: plan.height,
    amount_msat: plan.amountMsat,
    fees_msat: hops[0]!.amountMsat - plan.amountMsat,
    hops: hops.map(({ channel, amountMsat, expiry, before, locked, after }) => ({
      from: channel.from,
      to: channel.to,
      amount_msat: amountMsat,
      expiry,
      balances: {
        before: balances(before),
        locked: balances(locked),
        after: balances(after),
        failed: balances(before),
      },
    })),
  };
}

/** Returns the hops for `onion-build`, without the first. @throws Refusal `malformed-message` */
export function onionHops(plan: RoutePlan, hops: readonly PlannedHop[]): object {
  const need = <T>(value: T | undefined, i: number, name: string): T => {
    if (value === undefined)
      throw new Refusal('malformed-message', `channels[${i}].${name}: nothing found, expected for onions`);
    return value;
  };
  return {
    associated_data: plan.paymentHash ?? '',
    hops: hops.map(({ channel, amountMsat, expiry }, i) => {
      const next = hops[i + 1];
      return {
        pubkey: need(channel.pubkey, i, 'to_pubkey'),
        payload: next
          ? {
              amt_to_forward: next.amountMsat,
              outgoing_cltv_value: next.expiry,
              short_channel_id: need(next.channel.shortChannelId, i + 1, 'short_channel_id'),
            }
          : {
              amt_to_forward: amountMsat,
              outgoing_cltv_value: expiry,
              ...(plan.paymentSecret !== undefined && {
                payment_data: { payment_secret: plan.paymentSecret, total_msat: amountMsat },
              }),
            },
      };
    }),
    amount_msat: hops[0]!.amountMsat,
    cltv_expiry: hops[0]!.expiry,
  };
}
