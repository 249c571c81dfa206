/**
 * Child transactions that pay for their parent (CPFP).
 *
 * A child spends the parent's outputs that its maker may spend: its own, and an anchor (P2A). It
 * adds other coins if these are not enough, and pays the rest to one output. A TRUC parent may have
 * one child of at most 1,000 vB (BIP431). Not here: signing, handing both to a node
 * (`submitpackage`).
 */
import { checkSizes, outpointsOf } from './coin-checks.ts';
import { allows, type Limits } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { maxSat } from './amount.ts';
import { feeFor, guardFee, MIN_FEERATE } from './fee.ts';
import { outpointText } from './outpoint.ts';
import { dustLimit, outputSize, scriptType } from './script.ts';
import { SEQUENCE_RBF, sumSat, type Spent, type Template } from './transaction.ts';

export const CHILD_LIMITS = {
  /** Size of a child of an unconfirmed TRUC transaction (BIP431). */
  size: { unit: 'vB', most: 1_000 },
} satisfies Limits;

/** Tells whether an output is pay-to-anchor, which anyone may spend without a witness. */
export const isAnchor = (output: { script: string }): boolean => scriptType(output.script) === 'p2a';

/** Transaction that a child pays for: size in vB, fee in satoshis. */
export interface Parent {
  version: 2 | 3;
  vsize: number;
  fee: bigint;
}

/** Virtual bytes that spending an output adds. */
const inputVsize = (script: string): number => ({ p2tr: 57.5, p2a: 41.25 })[scriptType(script) as string] ?? 68;

/** Returns the largest size of a child that spends these scripts by key path into one output. */
export const childVsize = (scripts: readonly string[], payTo: string): number =>
  Math.ceil(10.5 + scripts.reduce((sum, script) => sum + inputVsize(script), 0) + outputSize(payTo));

/** Returns the fee of a child for the feerate of both; at least the fee that relays it alone. */
export const childFee = (parent: Omit<Parent, 'version'>, vsize: number, feerate: number): bigint =>
  maxSat(feeFor(feerate, parent.vsize + vsize) - parent.fee, feeFor(MIN_FEERATE, vsize));

/** Returns the inputs of a child that spend other coins than the parent's outputs. */
export const addedInputs = (child: Pick<Template, 'inputs'>, own: readonly Spent[]): Template['inputs'] => {
  const parents = outpointsOf(own);
  return child.inputs.filter((input) => !parents.includes(outpointText(input)));
};

/**
 * Makes the child.
 * @param own outputs of the parent that are spent
 * @param coins other coins, taken in order as far as needed
 * @param feerate feerate of parent and child together
 * @param least smallest fee of a child of that size
 * @throws Refusal `not-enough-coins`, `truc-limit`, `fee-too-high`; `unsafe-funding` for coins of
 *   another size than their script says
 */
export function childOf(
  parent: Parent,
  own: readonly Spent[],
  coins: readonly Spent[],
  payTo: string,
  feerate: number,
  allowFee: boolean,
  least: (vsize: number) => bigint = () => 0n,
): Template & { fee: bigint } {
  checkSizes(coins);
  const inputs: Spent[] = [...own];
  for (let next = 0; ; next++) {
    const vsize = childVsize(
      inputs.map((i) => i.script),
      payTo,
    );
    if (parent.version === 3 && !allows(CHILD_LIMITS.size, vsize))
      throw new Refusal('truc-limit', `the child would be ${vsize} vB, at most ${CHILD_LIMITS.size.most} expected`);
    const fee = maxSat(childFee(parent, vsize, feerate), least(vsize));
    const left = sumSat(inputs) - fee;
    if (left >= dustLimit(payTo)) {
      guardFee(fee, sumSat(inputs), allowFee);
      const child = {
        version: parent.version,
        locktime: 0,
        inputs: inputs.map((i) => ({ ...i, sequence: SEQUENCE_RBF })),
        outputs: [{ sat: left, script: payTo }],
      };
      return { ...child, fee };
    }
    const more = coins[next];
    if (!more)
      throw new Refusal(
        'not-enough-coins',
        `${sumSat(inputs)} sat to spend found, ${fee + dustLimit(payTo)} sat expected for a fee of ${fee} sat`,
        {
          hint: 'give more coins with --utxo FILE, or a lower --feerate',
        },
      );
    inputs.push(more);
  }
}
