/**
 * `channel-inspect`: what a transaction of a channel is. Without the channel what its bytes show; with it number, owner,
 * and for each output who may spend it, how and from when.
 */
import { addressOf } from '../bitcoin/address.ts';
import { outpointText } from '../bitcoin/outpoint.ts';
import { scriptType } from '../bitcoin/script.ts';
import { sumSat, txidOf, type Template } from '../bitcoin/transaction.ts';
import { bareOf, checkFundingWitness } from './verify.ts';
import type { Channel } from './commitment.ts';
import { matchCommitment, paying, secondStageLock, type Knowledge, type Matched } from './match.ts';
import { holesView, shown, type Recognised } from './recognise.ts';
import { outputView, waysView } from './view.ts';
import { P2A } from './scripts.ts';
import { ANCHOR_SAT } from './format.ts';
import { commitmentKeys, otherSide, type Side } from './keys.ts';

export interface Context {
  channel: Channel;
  known: Knowledge;
}

/** What an output of a commitment looks like, where its keys are not known. */
const looks = (script: string, sat: bigint, commitment: boolean): string =>
  script === P2A
    ? 'anchor'
    : !commitment
      ? 'unknown'
      : sat === ANCHOR_SAT
        ? 'an anchor'
        : scriptType(script) === 'p2wpkh'
          ? 'to_remote'
          : 'to_local, to_remote or an HTLC';

const inputView = (found: Recognised | undefined) =>
  found && { spends: found.spends, way: found.way, script: holesView(found.holes) };

/** What `channel-inspect` prints of a transaction. @throws Refusal `malformed-transaction`, `signature-invalid`, `sighash-refused` */
export function inspectTransaction(hex: string, context?: Context): object {
  const { stacks, ...template } = bareOf(hex);
  const found = shown(template, stacks);
  const matched =
    context && found.kind === 'commitment' ? matchCommitment(context.channel, template, context.known) : undefined;
  const stage = context && !matched ? stageOf(template, context) : undefined;
  const network = context?.channel.network;
  return {
    type: 'channel-inspect',
    version: 1,
    txid: txidOf(template),
    kind: found.kind,
    formats: context ? [context.channel.format] : found.formats,
    number: matched?.number ?? null,
    hidden_number: found.hidden,
    holder: matched?.holder ?? stage?.holder ?? null,
    ...(matched && context && commitmentFacts(context.channel, template, stacks)),
    inputs: template.inputs.map((input, i) => ({
      outpoint: outpointText(input),
      sequence: input.sequence,
      ...inputView(found.inputs[i]),
    })),
    locktime: template.locktime,
    outputs: template.outputs.map((output, vout) => {
      const role = matched?.outputs[vout];
      if (role && network) return outputView(role, vout, network, matched.holder);
      const second = stage?.vouts.includes(vout);
      return {
        vout,
        amount_sat: output.sat,
        role: second ? 'second stage' : looks(output.script, output.sat, found.kind === 'commitment'),
        ...(network && { address: addressOf(output.script, network) ?? null }),
        script: output.script,
        ...(second && { spent_by: waysView(stage!.lock, stage!.holder) }),
      };
    }),
  };
}

/** The fee, and whether the witness is valid. */
function commitmentFacts(channel: Channel, { inputs, ...rest }: Template, stacks: readonly (readonly Uint8Array[])[]) {
  const template = { ...rest, inputs: [{ ...channel.funding, sequence: inputs[0]!.sequence }] };
  const signed = (stacks[0]?.length ?? 0) > 0 && channel.funding.script !== '';
  if (signed) checkFundingWitness(channel, template, stacks[0]!);
  return { fee_sat: channel.funding.sat - sumSat(template.outputs), signatures: signed ? 'valid' : 'not-checked' };
}

/** An HTLC transaction of either side, by the output that it pays. */
function stageOf({ outputs }: Template, { channel, known }: Context) {
  for (const holder of ['local', 'remote'] as const satisfies readonly Side[]) {
    const point = known.pointOf(holder, undefined);
    if (!point || channel[holder].delay === undefined) continue;
    const keys: Matched['keys'] = commitmentKeys(
      channel.format,
      channel[holder].points,
      channel[otherSide(holder)].points,
      point,
    );
    if (!keys.revocation || !keys.delayed) continue;
    const lock = secondStageLock(channel, { holder, keys });
    const vouts = paying(outputs, lock);
    if (vouts.length > 0) return { holder, lock, vouts };
  }
  return undefined;
}
