/**
 * Transactions on the chain, matched with a channel: whose commitment or HTLC transaction, what
 * outputs.
 *
 * Both payment basepoints give the number from locktime and sequence, without a search. Outputs
 * whose keys are not known stay unknown. Not here: what bytes alone show (`scripts.ts`), spending
 * (`spend.ts`).
 */
import { bytesToHex } from '../bitcoin/bytes.ts';
import { outpointText } from '../bitcoin/outpoint.ts';
import { parseBareTransaction, type BareTransaction, type Template } from '../bitcoin/transaction.ts';
import type { Hex } from '../protocol/action.ts';
import type { Fields } from '../protocol/document.ts';
import { Refusal } from '../protocol/refusal.ts';
import { htlcLocks, maskOf, plainLock, type Channel, type RoleOutput } from './commitment.ts';
import { pointAt, readHtlcs, sideOf, type ChannelKeys, type KnownHtlc } from './document.ts';
import { FORMAT } from './format.ts';
import { commitmentKeys, hiddenNumber, reveal, type CommitmentKeys, type ChannelSide } from './keys.ts';
import type { CommitmentHtlc } from './scripts.ts';
import { FIRST_INDEX } from './secrets.ts';

/** Reads a transaction. @throws Refusal `malformed-message`, `malformed-transaction` */
export const readTransaction = (from: Fields): BareTransaction =>
  parseBareTransaction(bytesToHex(from.need('transaction', from.bytes('transaction'), 'a transaction in hex')));

/** Facts known besides the channel. */
export interface Knowledge {
  /** Returns the per-commitment point of a side at a number, if it is known. */
  pointOf(holder: ChannelSide, number: bigint | undefined): Uint8Array | undefined;
  /** HTLCs as the commitment's holder sees them. */
  htlcs: readonly KnownHtlc[];
  /** Side whose commitment it is, if known. */
  holder?: ChannelSide | undefined;
  /** Number of the commitment that an HTLC transaction spends. */
  number?: bigint | undefined;
  /** Outputs that are spent already. */
  spent?: readonly number[] | undefined;
  /** Side whose keys are at hand. */
  owner?: ChannelSide | undefined;
}
/** Reads what a document adds to the keys. @throws Refusal `malformed-message`, `wrong-key` */
export function readKnowledge(
  channel: Channel,
  from: Fields,
  keys: ChannelKeys | undefined,
  point: Uint8Array | undefined,
): Knowledge {
  const owner = keys && sideOf(channel, keys);
  const given = from.bytes('per_commitment_point', 33) ?? point;
  return {
    owner,
    number: from.whole('number', FIRST_INDEX),
    htlcs: readHtlcs(from),
    spent: from.list('spent', (value, where) => {
      if (typeof value !== 'number')
        throw new Refusal('malformed-message', `${where}: the number of an output expected`);
      return value;
    }),
    pointOf: (holder, number) =>
      holder === owner && keys?.seed && number !== undefined ? pointAt(keys.seed, number) : given,
  };
}

/** Transaction of a channel, with those of its outputs whose keys are known. */
export interface Matched {
  /** `commitment`, or `second stage` for an HTLC transaction. */
  kind: 'commitment' | 'second stage';
  holder: ChannelSide;
  /** Number of the commitment; undefined if a payment basepoint is not known. */
  number: bigint | undefined;
  txid: Hex;
  keys: CommitmentKeys;
  /** An entry an output; undefined for one that is not known. */
  outputs: readonly (RoleOutput | undefined)[];
  point: Uint8Array | undefined;
  spent: readonly number[];
}

/** Returns all outputs, by script, that a transaction of a side can have. */
function candidates(
  kind: Matched['kind'],
  channel: Channel,
  holder: ChannelSide,
  keys: CommitmentKeys,
  htlcs: readonly CommitmentHtlc[],
): Map<Hex, Omit<RoleOutput, 'sat'>> {
  const found = new Map<Hex, Omit<RoleOutput, 'sat'>>();
  const add = (role: RoleOutput['role'], make: () => RoleOutput['lock'], htlc?: CommitmentHtlc): void => {
    try {
      const lock = make();
      found.set(lock.script, { role, lock, script: lock.script, htlc });
    } catch (error) {
      // An unknown key or delay makes no candidate.
      if (!(error instanceof Refusal) || error.code !== 'malformed-message') throw error;
    }
  };
  const { anchors } = FORMAT[channel.format];
  const anchorRoles = { none: [], keys: ['local_anchor', 'remote_anchor'], p2a: ['anchor'] } as const;
  const roles =
    kind === 'commitment' ? (['to_local', 'to_remote', ...anchorRoles[anchors]] as const) : (['second stage'] as const);
  for (const role of roles) add(role, () => plainLock(channel, holder, role, keys));
  const lockOfHtlc = htlcLocks(channel, keys);
  if (kind === 'commitment') for (const htlc of htlcs) add('htlc', () => lockOfHtlc(htlc), htlc);
  return found;
}

/** Returns whether a transaction spends the funding output and nothing else. */
export const spendsFunding = ({ funding }: Channel, { inputs }: Pick<Template, 'inputs'>): boolean =>
  inputs.length === 1 && outpointText(inputs[0]!) === outpointText(funding);

/** Returns the kind of a transaction and the number of its commitment, for HTLCs as `stated`. */
export function kindOf(
  channel: Channel,
  { inputs, locktime }: Template,
  stated: bigint | undefined,
): Pick<Matched, 'kind' | 'number'> {
  const hidden = spendsFunding(channel, { inputs }) ? hiddenNumber(locktime, inputs[0]!.sequence) : undefined;
  if (hidden === undefined) return { kind: 'second stage', number: stated };
  const mask = maskOf(channel);
  return { kind: 'commitment', number: mask === undefined ? undefined : reveal(hidden, mask) };
}

type UnsignedTransaction = Omit<BareTransaction, 'stacks'>;
/** Matches a transaction with a channel; undefined if no output is known. */
export function match(channel: Channel, template: UnsignedTransaction, known: Knowledge): Matched | undefined {
  const { kind, number } = kindOf(channel, template, known.number);
  const { txid } = template;
  const tried = (known.holder ? [known.holder] : (['local', 'remote'] as const)).map((holder): Matched => {
    const point = known.pointOf(holder, number);
    const keys = commitmentKeys(channel, holder, point);
    const all = candidates(kind, channel, holder, keys, known.htlcs);
    const outputs = template.outputs.map((output): RoleOutput | undefined => {
      const found = all.get(output.script);
      return found && { ...found, ...output };
    });
    return { kind, holder, number, txid, keys, outputs, point, spent: known.spent ?? [] };
  });
  const best = tried.reduce((a, b) => (score(b) > score(a) ? b : a));
  return score(best) > 0 ? best : undefined;
}
/** Counts the outputs that speak for this holder. The shared anchor does not: anyone can pay it. */
const score = ({ outputs }: Matched): number => outputs.filter((o) => o && o.role !== 'anchor').length;

/** Matches a transaction with a channel. @throws Refusal `unknown-commitment` if it is of none */
export function matchTransaction(channel: Channel, template: UnsignedTransaction, known: Knowledge): Matched {
  const found = match(channel, template, known);
  if (found) return found;
  const refuse = (found: string, hint: string): never => {
    throw new Refusal('unknown-commitment', found, { hint });
  };
  if (kindOf(channel, template, undefined).kind === 'commitment')
    return refuse(
      'no output found that the keys of the channel make',
      'give the per-commitment point, or the keys of the side whose commitment it is',
    );
  if (template.inputs.some((input) => outpointText(input) === outpointText(channel.funding)))
    return refuse(
      'locktime and sequence found that hide no commitment number',
      'is it a closing transaction? channel-inspect says so',
    );
  return refuse(
    `a transaction found that does not spend ${outpointText(channel.funding)}, and no output of an HTLC transaction`,
    'of an HTLC transaction give the number of its commitment, or its per-commitment point',
  );
}
