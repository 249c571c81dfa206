/**
 * A transaction on the chain, held against a channel: whose commitment it is, its number, and what each output is.
 *
 * With both payment basepoints the number is read off locktime and sequence: nothing is searched. Outputs whose keys are
 * not known stay unknown. Not here: what bytes alone show (`recognise.ts`), spending (`sweep.ts`).
 */
import { outpointText } from '../bitcoin/outpoint.ts';
import type { Hex } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';
import { txidOf, type Output, type Template } from '../bitcoin/transaction.ts';
import { maskOf, type Channel, type Role, type RoleOutput } from './commitment.ts';
import { FORMAT } from './format.ts';
import { commitmentKeys, hiddenNumber, otherSide, reveal, type CommitmentKeys, type Side } from './keys.ts';
import { anchorLock, delayedLock, htlcLock, p2aLock, remoteLock, type Htlc, type Lock } from './scripts.ts';

/** What an output of a commitment, or of an HTLC transaction, can be. */
interface Candidate {
  role: Role;
  lock: Lock;
  htlc?: Htlc;
}
const made = (make: () => Candidate): Candidate[] => {
  try {
    return [make()];
  } catch (error) {
    // A key that is not known makes no candidate.
    if (error instanceof Refusal && error.code === 'malformed-message') return [];
    throw error;
  }
};

/** All outputs that a side's commitment can have, as far as keys are known. */
function candidates(channel: Channel, holder: Side, keys: CommitmentKeys, htlcs: readonly Htlc[]): Candidate[] {
  const { format } = channel;
  const { delay } = channel[holder];
  const { anchors } = FORMAT[format];
  return [
    ...(delay === undefined ? [] : made(() => ({ role: 'to_local', lock: delayedLock(format, keys, delay) }))),
    ...made(() => ({ role: 'to_remote', lock: remoteLock(format, keys) })),
    ...(anchors === 'keys'
      ? [
          ...made(() => ({ role: 'local_anchor', lock: anchorLock(format, keys, 'holder') })),
          ...made(() => ({ role: 'remote_anchor', lock: anchorLock(format, keys, 'other') })),
        ]
      : []),
    ...(anchors === 'p2a' ? [{ role: 'anchor', lock: p2aLock } as const] : []),
    ...htlcs.flatMap((htlc) => made(() => ({ role: 'htlc', lock: htlcLock(format, keys, htlc), htlc }))),
  ];
}

export interface Matched {
  holder: Side;
  /** Undefined where a payment basepoint is not known. */
  number: bigint | undefined;
  hidden: bigint;
  txid: Hex;
  keys: CommitmentKeys;
  /** One an output; undefined: unknown. */
  outputs: readonly (RoleOutput | undefined)[];
  point: Uint8Array | undefined;
}
/** What is known beside the channel. */
export interface Knowledge {
  /** The per-commitment point of a side at a number, where it is known. */
  pointOf(holder: Side, number: bigint | undefined): Uint8Array | undefined;
  /** HTLCs as the holder has them. */
  htlcs: readonly Htlc[];
  /** Whose commitment it is, where that is known. */
  holder?: Side | undefined;
}

/**
 * Holds a commitment against its channel.
 * @throws Refusal `unknown-commitment` for one that spends another outpoint, or none of whose outputs is known
 */
export function matchCommitment(channel: Channel, template: Template, known: Knowledge): Matched {
  const [input] = template.inputs;
  if (template.inputs.length !== 1 || outpointText(input!) !== outpointText(channel.funding))
    throw new Refusal(
      'unknown-commitment',
      `a transaction that does not spend ${outpointText(channel.funding)} alone found`,
    );
  const hidden = hiddenNumber(template.locktime, input!.sequence);
  if (hidden === undefined)
    throw new Refusal('unknown-commitment', 'locktime and sequence found that hide no commitment number', {
      hint: 'is it a closing transaction? channel-inspect says so',
    });
  const mask = maskOf(channel);
  const number = mask === undefined ? undefined : reveal(hidden, mask);
  const txid = txidOf(template);
  const tried = (known.holder ? [known.holder] : (['local', 'remote'] as const)).map((holder): Matched => {
    const point = known.pointOf(holder, number);
    const keys = commitmentKeys(channel.format, channel[holder].points, channel[otherSide(holder)].points, point);
    const all = new Map(candidates(channel, holder, keys, known.htlcs).map((c) => [c.lock.script, c]));
    const outputs = template.outputs.map((output): RoleOutput | undefined => {
      const found = all.get(output.script);
      return found && { ...found, ...output };
    });
    return { holder, number, hidden, txid, keys, outputs, point };
  });
  const best = tried.reduce((a, b) => (score(b) > score(a) ? b : a));
  if (score(best) === 0)
    throw new Refusal('unknown-commitment', 'no output found that the keys of the channel make', {
      hint: 'give the per-commitment point, or the keys of the side whose commitment it is',
    });
  return best;
}
/** Outputs that speak for this holder: what anyone could have put there does not. */
const score = ({ outputs }: Matched): number => outputs.filter((o) => o && o.role !== 'anchor').length;

/** Outputs of an HTLC transaction of this commitment: after the delay its holder's, by the revocation key the other side's. */
export function secondStageLock(channel: Channel, matched: Pick<Matched, 'holder' | 'keys'>): Lock {
  const { delay } = channel[matched.holder];
  if (delay === undefined) throw new Refusal('malformed-message', "to_self_delay of the commitment's holder expected");
  return delayedLock(channel.format, matched.keys, delay, 2);
}
export const paying = (outputs: readonly Output[], lock: Lock): number[] =>
  outputs.flatMap(({ script }, vout) => (script === lock.script ? [vout] : []));
