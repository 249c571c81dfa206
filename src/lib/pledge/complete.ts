/**
 * The transaction that completes a campaign, and the transaction that takes a pledge back.
 *
 * Completing: version 2, locktime 0, the pledges as inputs in the order of BIP69, and the outputs
 * of the campaign. Anyone may exchange its inputs in the mempool, so its id is not final, unless
 * one input that the sum needs is signed SIGHASH_DEFAULT.
 * Taking back: version 3, one input, one output.
 */
import { hexToBytes } from '../bitcoin/bytes.ts';
import { feeFor } from '../bitcoin/fee.ts';
import type { Network } from '../bitcoin/network.ts';
import { outpointText } from '../bitcoin/outpoint.ts';
import { checkDust } from '../bitcoin/script.ts';
import { Sighashes, SIGHASH_DEFAULT } from '../bitcoin/sighash.ts';
import {
  feeOf,
  keySpendVsize,
  SEQUENCE_RBF,
  sortInputs,
  txidOf,
  withWitness,
  type Spent,
  type Template,
} from '../bitcoin/transaction.ts';
import { signKeyPath } from '../bitcoin/wallet-inputs.ts';
import type { Hex } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';
import { signHash } from '../signing/bip340.ts';
import { keyPathSecret } from '../signing/keyset.ts';
import type { Campaign } from './campaign.ts';
import { templateOf, witnessOf, type Pledge } from './pledge.ts';
import { choose, inputWeight, netOf, type Goal } from './sums.ts';

/** A coin of the completer, signed SIGHASH_DEFAULT over the whole transaction. */
export interface Lock extends Spent {
  /** Untweaked key (BIP86), 32 bytes. */
  secret: Uint8Array;
  /** 32 random bytes. */
  aux: Uint8Array;
}
export interface Finished {
  txid: Hex;
  hex: Hex;
  feeSat: bigint;
  inputs: number;
  /** Fee beyond the campaign's own. */
  excessSat: bigint;
}

/**
 * Chooses among pledges, whose signatures were checked, and returns the finished transaction.
 * @param pledges in the order in which they came
 * @param allowExcess the excess may be any: it is a fee
 * @returns what is missing, where the goal is not reached
 * @throws Refusal `overfunded`
 */
export function complete(
  campaign: Campaign,
  network: Network,
  goal: Goal,
  pledges: readonly Pledge[],
  { allowExcess, lock }: { allowExcess: boolean; lock?: Lock },
): { finished: Finished } | { missing: bigint } {
  const weighed = (coin: Spent) => ({ weight: inputWeight(coin.script), netSat: netOf(coin, campaign) });
  const offered = pledges.map((pledge) => ({ ...weighed(pledge), pledge }));
  if (lock && !('missing' in choose(goal, offered)))
    throw new Refusal('overfunded', 'the pledges reach the goal without the coin that is to lock it', {
      hint: 'a lock binds only where the sum needs it: leave pledges out with --without',
    });
  // Without the lock the goal is not reached, so every choice has it.
  const own = lock ? [{ ...weighed(lock), pledge: undefined }] : [];
  const choice = choose(goal, [...own, ...offered]);
  if ('missing' in choice) return choice;
  const { chosen, excess } = choice;
  const most = goal.mostExcess;
  if (excess > most && !allowExcess)
    throw new Refusal('overfunded', `${excess} sat above goal and fee found, at most ${most} expected`, {
      hint: 'wait for pledges of other amounts, leave one out with --without, or pay it as fee with --allow-fee',
    });
  const taken = chosen.flatMap(({ pledge }) => (pledge ? [pledge] : []));
  return { finished: assembled(campaign, network, taken, lock, excess) };
}

function assembled(
  campaign: Campaign,
  network: Network,
  taken: readonly Pledge[],
  lock: Lock | undefined,
  excessSat: bigint,
): Finished {
  const byOutpoint = new Map(taken.map((pledge) => [outpointText(pledge), pledge]));
  const template = templateOf(campaign, network, sortInputs([...taken, ...(lock ? [lock] : [])]));
  const sighashes = new Sighashes(template);
  const stacks = template.inputs.map((input, i) => {
    const pledge = byOutpoint.get(outpointText(input));
    if (pledge) return witnessOf(pledge);
    const hash = sighashes.v1(i, SIGHASH_DEFAULT);
    return [hexToBytes(signHash(hash, keyPathSecret(lock!.secret), lock!.aux))];
  });
  return {
    txid: txidOf(template),
    hex: withWitness(template, stacks),
    feeSat: feeOf(template),
    inputs: template.inputs.length,
    excessSat,
  };
}

export interface Revocation {
  txid: Hex;
  hex: Hex;
  feeSat: bigint;
}

/**
 * Returns the finished transaction that spends a pledged taproot coin to an own address.
 * @param own the untweaked key of the coin (BIP86), the script that is paid, 32 random bytes
 * @param feerate satoshis for 1000 vB
 * @throws Refusal `below-dust`
 */
export function revocation(
  coin: Spent,
  own: { secret: Uint8Array; script: Hex; aux: Uint8Array },
  feerate: number,
): Revocation {
  const { txid, vout, sat, script } = coin;
  const inputs = [{ txid, vout, sat, script, sequence: SEQUENCE_RBF }];
  const feeSat = feeFor(feerate, keySpendVsize({ inputs, outputs: [{ sat, script: own.script }] }));
  const output = { sat: sat - feeSat, script: own.script };
  checkDust(output, (least) => `the pledge taken back leaves ${output.sat} sat, at least ${least} sat expected`);
  const template: Template = { version: 3, locktime: 0, inputs, outputs: [output] };
  return {
    txid: txidOf(template),
    hex: withWitness(template, [signKeyPath(template, 0, own.secret, own.aux)]),
    feeSat,
  };
}
