/**
 * Charges of Lightning services: just-in-time channels (bLIP-52), liquidity ads (bolts#1153),
 * ordered channels (bLIP-51), phoenixd. Whole numbers, each formula as in its source. Not here:
 * costs on the chain (`chain.ts`).
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { minSat } from '../bitcoin/amount.ts';
import { bytesToHex, concatBytes, MAX_U64 } from '../bitcoin/bytes.ts';
import { writeUint } from '../wire/bigsize.ts';
import { costHead } from './chain.ts';

export interface Jit {
  paymentMsat: bigint;
  minFeeMsat: bigint;
  /** Part of the payment, in millionths. */
  ppm: bigint;
  minPaymentMsat?: bigint | undefined;
  maxPaymentMsat?: bigint | undefined;
}

/**
 * Returns the opening fee of LSPS2: max(min_fee, ⌊(payment · ppm + 999999) / 10^6⌋), in 64 bits.
 * Error 202: the payment does not cover the fee; 203: a step overflows. bLIP-52's prose divides by
 * 10^7, which its own listings contradict.
 */
export function jitCost(jit: Jit): object {
  const { paymentMsat: payment, minFeeMsat: minFee, ppm, minPaymentMsat: least, maxPaymentMsat: most } = jit;
  const made = { ...costHead('jit', 'bLIP-52'), payment_msat: payment, min_fee_msat: minFee, proportional_ppm: ppm };
  const refused = (error: number, reason: string, fee?: bigint): object => ({
    ...made,
    ...(fee !== undefined && { fee_msat: fee }),
    payable: false,
    error,
    reason,
  });
  if (payment * ppm > MAX_U64 || payment * ppm + 999_999n > MAX_U64)
    return refused(203, 'the product is above 64 bits');
  const proportional = (payment * ppm + 999_999n) / 1_000_000n;
  const fee = proportional > minFee ? proportional : minFee;
  if (fee >= payment) return refused(202, 'the payment does not cover the fee', fee);
  if (least !== undefined && payment < least) return refused(202, `below the least payment, ${least}`, fee);
  if (most !== undefined && payment > most) return refused(203, `above the largest payment, ${most}`, fee);
  return { ...made, fee_msat: fee, payable: true, received_msat: payment - fee };
}

/** Rates and purchase of an ad: satoshis; `basis` in hundredths of a percent, `weight` in WU. */
export interface Ads {
  /** Satoshis per 1,000 weight units. */
  feerateKw: bigint;
  weight: bigint;
  basis: bigint;
  base?: bigint | undefined;
  /** Charge for a new channel. */
  creation?: bigint | undefined;
  new?: boolean | undefined;
  requested: bigint;
  contributed: bigint;
  minAmount?: bigint | undefined;
  maxAmount?: bigint | undefined;
  /** Script of the funding output, which the seller signs. */
  script?: Uint8Array | undefined;
}

/** Returns the price of a liquidity ad as in eclair, its bytes, and what the seller signs. */
export function adsCost(ads: Ads): object {
  const { base = 0n, creation = 0n, minAmount = 0n, maxAmount = 0xffff_ffffn, basis, weight } = ads;
  const mining = (ads.feerateKw * weight) / 1000n;
  const share = (minSat(ads.requested, ads.contributed) * basis) / 10_000n;
  const service = share + base + (ads.new ? creation : 0n);
  const rate = concatBytes(
    writeUint(minAmount, 4),
    writeUint(maxAmount, 4),
    writeUint(weight, 2),
    writeUint(basis, 2),
    writeUint(base, 4),
    writeUint(creation, 4),
  );
  return {
    ...costHead('ads', 'bolts#1153'),
    mining_fee_sat: mining,
    service_fee_sat: service,
    total_fee_sat: mining + service,
    rate: bytesToHex(rate),
    ...(ads.script && {
      signing_hash: bytesToHex(sha256(concatBytes(utf8ToBytes('liquidity_ads_purchase'), rate, ads.script))),
    }),
  };
}

/** Amounts of an order, in satoshis. */
export interface Order {
  fee: bigint;
  balance: bigint;
  total: bigint;
}
/** Returns whether an LSPS1 order adds up: fee and returned balance are what is paid. */
export function channelCost({ fee, balance, total }: Order): object {
  const text = `${total} found, ${fee + balance} expected: fee_total_sat + client_balance_sat`;
  return {
    ...costHead('channel', 'bLIP-51'),
    fee_total_sat: fee,
    client_balance_sat: balance,
    order_total_sat: total,
    problems: total === fee + balance ? [] : [{ field: 'order_total_sat', text }],
  };
}

export interface Phoenixd {
  /** Received payments in order, in satoshis. */
  receive: readonly bigint[];
  /** Satoshis per 1,000 vbytes. */
  feerate: number;
  autoLiquidity?: bigint | undefined;
  /** Service fee in basis points. */
  basis?: bigint | undefined;
  /** Charge for the first channel, in satoshis. */
  newChannel?: bigint | undefined;
  vb?: bigint | undefined;
}

/**
 * Returns the cost of receiving with phoenixd. A payment that finds no room buys liquidity: 1 % of
 * amount and liquidity, 1,000 sat for the first channel, and the mining fee. A payment too small
 * for that becomes fee credit, which the next purchase uses up and nobody gives back. Sources:
 * phoenixd's documentation and issues 107, 138, 222, 229.
 */
export function phoenixdCost(phoenixd: Phoenixd): object {
  const { receive, feerate, autoLiquidity = 2_000_000n, basis = 100n, newChannel = 1000n, vb = 271n } = phoenixd;
  const mining = (vb * BigInt(feerate) + 999n) / 1000n;
  let [credit, room, channels] = [0n, 0n, 0];
  let [spent, received] = [0n, 0n];
  const payments = receive.map((amount) => {
    if (amount <= room) {
      room -= amount;
      received += amount;
      return { amount_sat: amount, event: 'received', received_sat: amount, fee_credit_sat: credit };
    }
    const service = ((amount + autoLiquidity) * basis) / 10_000n + (channels === 0 ? newChannel : 0n);
    const fee = service + mining;
    if (credit + amount <= fee) {
      credit += amount;
      return { amount_sat: amount, event: 'fee-credit', needed_sat: fee, received_sat: 0n, fee_credit_sat: credit };
    }
    const used = minSat(credit, fee);
    const paid = fee - used;
    credit -= used;
    channels += 1;
    // The payment that buys the liquidity does not use it up.
    room += autoLiquidity;
    spent += fee;
    received += amount - paid;
    return {
      amount_sat: amount,
      event: channels === 1 ? 'channel-opened' : 'liquidity-bought',
      service_fee_sat: service,
      mining_fee_sat: mining,
      credit_used_sat: used,
      fee_from_payment_sat: paid,
      received_sat: amount - paid,
      fee_credit_sat: credit,
    };
  });
  return {
    ...costHead('phoenixd', 'phoenixd'),
    auto_liquidity_sat: autoLiquidity,
    payments,
    received_sat: received,
    fees_sat: spent,
    fee_credit_sat: credit,
  };
}

/** Returns the fee as a part of the liquidity, in basis points, as in phoenixd's table. */
export function phoenixdRate(liquidity: bigint, feerate: bigint, basis: bigint, vb: bigint): bigint {
  const fee = liquidity * basis + vb * feerate * 10_000n;
  // Rounds to the nearest.
  return (fee + liquidity / 2n) / liquidity;
}
