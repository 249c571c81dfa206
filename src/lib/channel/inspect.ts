/**
 * The command `channel-inspect`: what a transaction of a channel is.
 *
 * Without the channel it shows what the bytes tell: scripts of BOLT3, ways out, the hidden number,
 * possible formats. With the channel it adds number, owner, and who may spend each output, how and
 * from when.
 */
import { addressOf } from '../bitcoin/address.ts';
import { bytesToHex } from '../bitcoin/bytes.ts';
import { outpointText } from '../bitcoin/outpoint.ts';
import { scriptType } from '../bitcoin/script.ts';
import { parseBareTransaction, sumSat, type BareTransaction, type Template } from '../bitcoin/transaction.ts';
import type { Holes } from '../htlc/scripts.ts';
import type { Channel } from './commitment.ts';
import { ANCHOR_SAT, type FormatName } from './format.ts';
import { FundingSpend } from './funding.ts';
import { hiddenNumber } from './keys.ts';
import { kindOf, match, matchTransaction, spendsFunding, type Knowledge } from './match.ts';
import { P2A, recognise, type Recognised } from './scripts.ts';
import { outputView } from './view.ts';

export type TransactionKind =
  'commitment' | 'htlc-timeout' | 'htlc-success' | 'htlc' | 'close' | 'penalty' | 'sweep' | 'unknown';
/** Facts that the bytes of a transaction show. */
interface Shown {
  kind: TransactionKind;
  hidden: bigint | null;
  formats: readonly FormatName[];
  inputs: readonly (Recognised | undefined)[];
}

function shown(transaction: BareTransaction): Shown {
  const { inputs, locktime, stacks } = transaction;
  const found = inputs.map((_, i) => recognise(stacks[i] ?? []));
  const hidden = inputs.length === 1 ? hiddenNumber(locktime, inputs[0]!.sequence) : undefined;
  const [first = []] = stacks;
  const isKeySpend = first.length === 1 && first[0]!.length === 64;
  if (hidden !== undefined && (found[0]?.spends === 'funding' || isKeySpend || first.length === 0))
    return { kind: 'commitment', hidden, formats: formatsOf(transaction, isKeySpend), inputs: found };
  return { kind: kindOfWays(found), hidden: null, formats: [], inputs: found };
}
function kindOfWays(inputs: readonly (Recognised | undefined)[]): TransactionKind {
  if (inputs[0]?.spends === 'funding') return 'close';
  const ways = new Set(inputs.flatMap((input) => input?.way ?? []));
  const [timeout, success] = [ways.has('second-timeout'), ways.has('second-success')];
  if (ways.has('penalty')) return 'penalty';
  if (timeout || success) return timeout && success ? 'htlc' : timeout ? 'htlc-timeout' : 'htlc-success';
  return ways.size > 0 ? 'sweep' : 'unknown';
}
/** Returns the formats that a commitment can be of. */
function formatsOf({ version, outputs }: Template, isKeySpend: boolean): FormatName[] {
  if (version === 3 || outputs.some((o) => o.script === P2A)) return ['zero-fee'];
  const types = new Set(outputs.map((o) => scriptType(o.script)));
  if (isKeySpend || (types.size === 1 && types.has('p2tr'))) return ['taproot'];
  if (types.has('p2wpkh')) return ['static', 'legacy'];
  const anchored: FormatName[] = ['anchors', 'anchor-outputs'];
  return outputs.some((o) => o.sat === ANCHOR_SAT) ? anchored : ['static', 'legacy', ...anchored];
}

/** Returns what an output of a commitment looks like whose keys are not known. */
function looks(script: string, sat: bigint, isCommitment: boolean): string {
  if (script === P2A) return 'anchor';
  if (!isCommitment) return 'unknown';
  if (sat === ANCHOR_SAT) return 'an anchor';
  return scriptType(script) === 'p2wpkh' ? 'to_remote' : 'to_local, to_remote or an HTLC';
}
/** Returns the document of a script's keys, hash and lock. */
const holesView = ({ lock, ...bytes }: Holes): object => ({
  ...Object.fromEntries(
    Object.entries(bytes).map(([name, value]) => [name.replaceAll('-', '_'), bytesToHex(value as Uint8Array)]),
  ),
  ...(lock && { lock: { kind: lock.kind, value: lock.value } }),
});

/**
 * Returns what `channel-inspect` prints.
 * @throws Refusal `malformed-transaction`, `signature-invalid`, `sighash-refused`,
 * `unknown-commitment` for a commitment of another channel
 */
export function inspectTransaction(hex: string, context?: { channel: Channel; known: Knowledge }): object {
  const transaction = parseBareTransaction(hex);
  const found = shown(transaction);
  const isCommitment = found.kind === 'commitment';
  const { channel, known } = context ?? {};
  const isFundingSpend = channel !== undefined && spendsFunding(channel, transaction);
  const matched = channel && (isCommitment && !isFundingSpend ? matchTransaction : match)(channel, transaction, known!);
  const { number } = matched ?? (isFundingSpend ? kindOf(channel, transaction, undefined) : {});
  return {
    type: 'channel-inspect',
    version: 1,
    txid: transaction.txid,
    kind: isFundingSpend && !isCommitment ? 'close' : found.kind,
    formats: channel ? [channel.format] : found.formats,
    number: number ?? null,
    hidden_number: found.hidden,
    holder: matched?.holder ?? null,
    ...(isFundingSpend && fundingFacts(channel, transaction)),
    inputs: transaction.inputs.map((input, i) => {
      const { spends, way, holes } = found.inputs[i] ?? {};
      const seen = { outpoint: outpointText(input), sequence: input.sequence };
      return holes ? { ...seen, spends, way, script: holesView(holes) } : seen;
    }),
    locktime: transaction.locktime,
    outputs: transaction.outputs.map(({ sat, script }, vout) => {
      const role = matched?.outputs[vout];
      if (role) return outputView(role, vout, channel!.network, matched.holder);
      return {
        vout,
        amount_sat: sat,
        role: looks(script, sat, isCommitment),
        ...(channel && { address: addressOf(script, channel.network) ?? null }),
        script,
      };
    }),
  };
}

/** Returns the fee of a spend of the funding output, and whether its witness is valid. */
function fundingFacts(channel: Channel, { inputs, stacks, ...rest }: BareTransaction): object {
  const template = { ...rest, inputs: [{ ...channel.funding, sequence: inputs[0]!.sequence }] };
  const [stack = []] = stacks;
  const isSigned = stack.length > 0 && channel.funding.script !== '';
  if (isSigned) new FundingSpend(channel, template).checkWitness(stack);
  return { fee_sat: channel.funding.sat - sumSat(template.outputs), signatures: isSigned ? 'valid' : 'not-checked' };
}
