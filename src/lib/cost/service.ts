/**
 * What others charge for the last mile: just-in-time channels (bLIP-52), liquidity ads (bolts#1153), ordered channels
 * (bLIP-51) and phoenixd. Whole numbers, each formula as its source computes it.
 *
 * Not here: what the chain itself costs (`chain.ts`).
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { bytesToHex, concatBytes, MAX_U64 } from '../bitcoin/bytes.ts';
import { writeUint } from '../wire/bigsize.ts';

const head = (kind: string, source: string) => ({ type: 'cost', version: 1, kind, source });
const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);

export interface Jit {
  payment: bigint;
  minFee: bigint;
  ppm: bigint;
  minPayment?: bigint | undefined;
  maxPayment?: bigint | undefined;
}

/**
 * The opening fee of LSPS2, in millisatoshis: max(min_fee, ⌊(payment · ppm + 999999) / 10^6⌋), each step within 64 bits.
 * Error 202: the payment does not cover its fee; 203: a step overflows. The prose of bLIP-52 divides by 10^7, which its own
 * listings contradict.
 */
export function jitCost({ payment, minFee, ppm, minPayment, maxPayment }: Jit): object {
  const made = { ...head('jit', 'bLIP-52'), payment_msat: payment, min_fee_msat: minFee, proportional_ppm: ppm };
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
  if (minPayment !== undefined && payment < minPayment)
    return refused(202, `below the least payment, ${minPayment}`, fee);
  if (maxPayment !== undefined && payment > maxPayment)
    return refused(203, `above the largest payment, ${maxPayment}`, fee);
  return { ...made, fee_msat: fee, payable: true, received_msat: payment - fee };
}

export interface Ads {
  feerateKw: bigint;
  requested: bigint;
  contributed: bigint;
  minAmount: bigint;
  maxAmount: bigint;
  weight: bigint;
  basis: bigint;
  base: bigint;
  /** Charged for a new channel only. */
  creation: bigint;
  newChannel: boolean;
  /** The funding output's script, for what the seller signs. */
  script?: Uint8Array | undefined;
}

/** The price of a liquidity ad, in satoshis, as eclair computes it; the rate's bytes, and what the seller signs. */
export function adsCost(ads: Ads): object {
  const mining = (ads.feerateKw * ads.weight) / 1000n;
  const creation = ads.newChannel ? ads.creation : 0n;
  const service = (least(ads.requested, ads.contributed) * ads.basis) / 10_000n + ads.base + creation;
  const rate = concatBytes(
    writeUint(ads.minAmount, 4),
    writeUint(ads.maxAmount, 4),
    writeUint(ads.weight, 2),
    writeUint(ads.basis, 2),
    writeUint(ads.base, 4),
    writeUint(ads.creation, 4),
  );
  return {
    ...head('ads', 'bolts#1153'),
    mining_fee_sat: mining,
    service_fee_sat: service,
    total_fee_sat: mining + service,
    rate: bytesToHex(rate),
    ...(ads.script && {
      signing_hash: bytesToHex(sha256(concatBytes(utf8ToBytes('liquidity_ads_purchase'), rate, ads.script))),
    }),
  };
}

/** An order of LSPS1: what is paid is the fee and the balance that comes back. */
export function channelCost(fee: bigint, balance: bigint, total: bigint): object {
  const expected = fee + balance;
  return {
    ...head('channel', 'bLIP-51'),
    fee_total_sat: fee,
    client_balance_sat: balance,
    order_total_sat: total,
    problems:
      total === expected
        ? []
        : [
            {
              field: 'order_total_sat',
              text: `${total} found, ${expected} expected: fee_total_sat + client_balance_sat`,
            },
          ],
  };
}

export interface Phoenixd {
  /** Satoshis that are received, one after another. */
  receive: readonly bigint[];
  autoLiquidity: bigint;
  feerateKvb: bigint;
  /** Basis points of the service fee. */
  basis: bigint;
  newChannel: bigint;
  vb: bigint;
}

/**
 * Receiving with phoenixd: a payment that finds no room buys liquidity, for 1 % of amount and liquidity, 1,000 sat for the
 * first channel, and mining. A payment that cannot pay that becomes fee credit, which is used up before the next purchase
 * and never given back. Sources: phoenixd's documentation and issues 107, 138, 222, 229.
 */
export function phoenixdCost({ receive, autoLiquidity, feerateKvb, basis, newChannel, vb }: Phoenixd): object {
  const mining = (vb * feerateKvb + 999n) / 1000n;
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
    const used = least(credit, fee);
    const paid = fee - used;
    credit -= used;
    channels += 1;
    // What comes through the purchase does not take of the room that was bought.
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
    ...head('phoenixd', 'phoenixd'),
    auto_liquidity_sat: autoLiquidity,
    payments,
    received_sat: received,
    fees_sat: spent,
    fee_credit_sat: credit,
  };
}

/** The fee for liquidity alone as a part of it, in basis points, as phoenixd's table has it. */
export function phoenixdRate(liquidity: bigint, feerate: bigint, basis: bigint, vb: bigint): bigint {
  const fee = liquidity * basis + vb * feerate * 10_000n;
  // Rounded to the nearest.
  return (fee + liquidity / 2n) / liquidity;
}
