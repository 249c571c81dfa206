/**
 * The transaction that completes a campaign, and the one that takes a pledge back.
 *
 * Completing: version 2, locktime 0, the pledges as inputs in BIP69 order, the campaign's outputs.
 * Anyone may exchange inputs in the mempool, so the id is not final, unless one input that the sum
 * needs is signed SIGHASH_DEFAULT.
 *
 * Taking back: version 3, one input, one output.
 */
import { hexToBytes } from '../bitcoin/bytes.ts';
import { feeFor } from '../bitcoin/fee.ts';
import { checkDust } from '../bitcoin/script.ts';
import { Sighashes, SIGHASH_DEFAULT } from '../bitcoin/sighash.ts';
import {
  feeOf,
  SEQUENCE_RBF,
  sortInputs,
  sweepVsize,
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
import type { Gate } from './gather.ts';
import { pledgeTemplate, pledgeWitness, type Pledge } from './pledge.ts';
import { choosePledges } from './sums.ts';

/** Own pledge of the completing party; SIGHASH_DEFAULT signs the whole transaction. */
export interface LockingPledge extends Pledge {
  /** Untweaked key (BIP86), 32 bytes. */
  secret: Uint8Array;
  /** 32 random bytes. */
  aux: Uint8Array;
}
export interface FinishedCampaign {
  txid: Hex;
  hex: Hex;
  feeSat: bigint;
  inputs: number;
  /** Fee beyond the campaign's own. */
  excessSat: bigint;
}

/**
 * Chooses among pledges with checked signatures, and returns the finished transaction.
 * @param pledges in the order in which they came
 * @param options `allowExcess`: any excess becomes fee; `lock`: no other pledge has its coin
 * @returns what is missing if the goal is not reached
 * @throws Refusal `overfunded`, also for a lock that the sum does not need
 */
export function completeCampaign(
  gate: Gate,
  pledges: readonly Pledge[],
  { allowExcess, lock }: { allowExcess: boolean; lock?: LockingPledge },
): { finished: FinishedCampaign } | { missing: bigint } {
  const { goal } = gate;
  const offered = pledges.map((pledge) => gate.offered<Pledge | LockingPledge>(pledge));
  if (lock && !('missing' in choosePledges(goal, offered)))
    throw new Refusal('overfunded', 'the pledges reach the goal without the coin that is to lock it', {
      hint: 'a lock binds only where the sum needs it: leave pledges out with --without',
    });
  // The goal is not reached without the lock, so every choice has it.
  const choice = choosePledges(goal, [...(lock ? [gate.offered(lock)] : []), ...offered]);
  if ('missing' in choice) return choice;
  const { excess } = choice;
  const most = goal.mostExcess;
  if (excess > most && !allowExcess)
    throw new Refusal('overfunded', `${excess} sat above goal and fee found, at most ${most} expected`, {
      hint: 'wait for pledges of other amounts, leave one out with --without, or pay it as fee with --allow-fee',
    });
  const taken = sortInputs(choice.chosen.map(({ pledge }) => pledge));
  const template = pledgeTemplate(gate.campaign, gate.network, taken);
  const sighashes = new Sighashes(template);
  const stacks = taken.map((one, i) =>
    'secret' in one
      ? [hexToBytes(signHash(sighashes.v1(i, SIGHASH_DEFAULT), keyPathSecret(one.secret), one.aux))]
      : pledgeWitness(one),
  );
  const finished = {
    txid: txidOf(template),
    hex: withWitness(template, stacks),
    feeSat: feeOf(template),
    inputs: taken.length,
    excessSat: excess,
  };
  return { finished };
}

export interface Revocation {
  txid: Hex;
  hex: Hex;
  feeSat: bigint;
}

/**
 * Returns the finished transaction that spends a pledged taproot coin to an own address.
 * @param own untweaked key of the coin (BIP86), output script, 32 random bytes
 * @param feerate satoshis per 1,000 vbytes
 * @throws Refusal `below-dust`
 */
export function pledgeRevocation(
  coin: Spent,
  own: { secret: Uint8Array; script: Hex; aux: Uint8Array },
  feerate: number,
): Revocation {
  const { txid, vout, sat, script } = coin;
  const inputs = [{ txid, vout, sat, script, sequence: SEQUENCE_RBF }];
  const feeSat = feeFor(feerate, sweepVsize(own.script));
  const output = { sat: sat - feeSat, script: own.script };
  checkDust(output, (least) => `the pledge taken back leaves ${output.sat} sat, at least ${least} sat expected`);
  const template: Template = { version: 3, locktime: 0, inputs, outputs: [output] };
  return {
    txid: txidOf(template),
    hex: withWitness(template, [signKeyPath(template, 0, own.secret, own.aux)]),
    feeSat,
  };
}
