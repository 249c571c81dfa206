/**
 * Closing transactions: BOLT2's simple close in each variant of outputs, and `closing_signed`'s.
 *
 * BOLT2, Closing Negotiation; BOLT3, Closing Transactions. The closer pays the fee; outputs are in
 * BIP69 order; an output to OP_RETURN holds nothing. Only channels of other software close this
 * way.
 */
import { scriptOf } from '../bitcoin/address.ts';
import { MAX_SAT } from '../bitcoin/amount.ts';
import { bytesToHex } from '../bitcoin/bytes.ts';
import { dustLimit } from '../bitcoin/script.ts';
import { SEQUENCE_RBF, sortOutputs, unsignedOf, type Output, type Template } from '../bitcoin/transaction.ts';
import type { Fields } from '../protocol/document.ts';
import { Refusal } from '../protocol/refusal.ts';
import type { Channel } from './commitment.ts';
import { choiceIn, sideOf, type ChannelKeys } from './document.ts';
import { FundingSpend, givenView, readBySide } from './funding.ts';
import { otherSide, SIDES, type ChannelSide } from './keys.ts';
import { spendPsbt } from './view.ts';

type CloseVariant = 'both' | 'closer-only' | 'closee-only';

/**
 * Reads a close, and builds the transaction of each variant that has an output and no dust.
 * @throws Refusal `malformed-message`, `malformed-address`, `over-capacity`, `fee-too-high` where
 * the closer has less, `below-dust` where no output is left
 */
function readClose(channel: Channel, from: Fields) {
  const sat = (name: string): bigint => from.need(name, from.whole(name, MAX_SAT), 'satoshis');
  const closer = choiceIn(from, 'closer', SIDES);
  const closee = otherSide(closer);
  // The older closing_signed has a final sequence, locktime 0, and no choice of outputs.
  const legacy = from.flag('legacy');
  const [balances, feeSat] = [{ local: sat('local_sat'), remote: sat('remote_sat') }, sat('fee_sat')];
  const sum = balances.local + balances.remote;
  if (sum > channel.funding.sat)
    throw new Refusal(
      'over-capacity',
      `balances of ${sum} sat found, at most the ${channel.funding.sat} sat of the funding expected`,
    );
  if (balances[closer] < feeSat)
    throw new Refusal(
      'fee-too-high',
      `a fee of ${feeSat} sat found, at most the ${balances[closer]} sat of its payer expected`,
    );
  const output = (side: ChannelSide, amount: bigint): Output => {
    const [text, bytes] = [from.text(`${side}_address`), from.bytes(`${side}_script`)];
    const script = bytes
      ? bytesToHex(bytes)
      : scriptOf(from.need(`${side}_address`, text, 'an address, or a script in its place'), channel.network);
    return { script, sat: script.startsWith('6a') ? 0n : amount };
  };
  const own = output(closer, balances[closer] - feeSat);
  const other = output(closee, balances[closee]);
  const locktime = Number(from.whole('locktime', legacy ? 0n : 0xffffffffn) ?? 0n);
  const sequence = legacy ? 0xffffffff : SEQUENCE_RBF;
  const [hasOwn, hasOther] = [own, other].map(({ sat, script }) => sat >= dustLimit(script));
  const lesser = !legacy && balances[closer] < balances[closee];
  const template = (outputs: Output[]): Template => ({
    version: 2,
    locktime,
    inputs: [{ ...channel.funding, sequence }],
    outputs: sortOutputs(outputs),
  });
  const variants: [CloseVariant, Template][] = [];
  if (hasOwn && hasOther) variants.push(['both', template([own, other])]);
  if (hasOwn && !hasOther) variants.push(['closer-only', template([own])]);
  if (hasOther && (lesser || !hasOwn)) variants.push(['closee-only', template([other])]);
  if (variants.length === 0)
    throw new Refusal(
      'below-dust',
      `outputs of ${own.sat} sat to the closer and ${other.sat} sat found, each below the dust limit of its script`,
    );
  return { closer, feeSat, variants };
}

/**
 * Returns what `channel-build --close` prints: the variants, signed as far as keys and signatures
 * allow.
 * @throws Refusal as `readClose` and `FundingSpend.check`; `wrong-key`
 */
export function closeDocument(channel: Channel, from: Fields, keys: ChannelKeys | undefined): object {
  const { closer, feeSat, variants } = readClose(channel, from);
  const given = ['signatures', 'nonces', 'partial_signatures'].map((name) => from.object(name));
  const [signatures, nonces, partials] = given;
  const signer = keys && sideOf(channel, keys);
  const made = variants.map(([variant, template]) => {
    const theirs = {
      signature: signatures?.bytes(variant),
      nonces: readBySide(nonces, variant, 66),
      partials: readBySide(partials, variant, 32),
    };
    const spend = new FundingSpend(channel, template);
    const own = signer && keys.secrets.funding && spend.sign(signer, keys.secrets.funding, theirs.nonces);
    if (signer) spend.check(theirs, otherSide(signer));
    return {
      variant,
      ...unsignedOf(template),
      ...(own && givenView(own)),
      hex: spend.finish(signer, own || undefined, theirs) ?? null,
      psbt: spendPsbt(template, []),
      outputs: template.outputs.map((o) => ({ amount_sat: o.sat, script: o.script })),
    };
  });
  for (const object of [...given, from]) object?.end();
  const { network } = channel;
  return { type: 'channel-close', version: 1, network, closer, fee_sat: feeSat, variants: made };
}
