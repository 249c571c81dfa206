/**
 * Closing transactions: those of BOLT2's simple close in each variant of outputs, and the older ones of `closing_signed`.
 *
 * BOLT2, Closing Negotiation; BOLT3, Closing Transactions. The closer pays the fee; BIP69 order; an output to OP_RETURN
 * holds nothing. Own channels close otherwise: this is for channels of other software.
 */
import { scriptOf } from '../bitcoin/address.ts';
import { MAX_SAT } from '../bitcoin/amount.ts';
import { bytesToHex } from '../bitcoin/bytes.ts';
import { dustLimit } from '../bitcoin/script.ts';
import { SEQUENCE_RBF, sortOutputs, txidOf, unsignedHex, type Output, type Template } from '../bitcoin/transaction.ts';
import type { Hex } from '../protocol/action.ts';
import type { Fields } from '../protocol/document.ts';
import { Refusal } from '../protocol/refusal.ts';
import type { Channel } from './commitment.ts';
import { oneOf, sideOf, type Keys } from './document.ts';
import { FundingSpend, givenView, readBySide, type Given } from './funding.ts';
import { otherSide, type Side } from './keys.ts';
import { spendPsbt } from './view.ts';

const VARIANTS_OF_CLOSE = ['both', 'closer-only', 'closee-only'] as const;
type Variant = (typeof VARIANTS_OF_CLOSE)[number];

interface Close {
  closer: Side;
  /** Older closes have a final sequence and locktime 0; the opener pays. */
  legacy: boolean;
  feeSat: bigint;
  locktime: number;
  balances: Record<Side, bigint>;
  scripts: Record<Side, Hex>;
}

const isReturn = (script: Hex): boolean => script.startsWith('6a');

/** @throws Refusal `fee-too-high` where the payer has less than the fee */
function outputsOf(close: Close): Record<'closer' | 'closee', Output> {
  const { closer, feeSat, balances, scripts } = close;
  const closee = otherSide(closer);
  if (balances[closer] < feeSat)
    throw new Refusal(
      'fee-too-high',
      `a fee of ${feeSat} sat found, at most the ${balances[closer]} sat of its payer expected`,
    );
  const output = (side: Side, sat: bigint): Output => ({
    script: scripts[side],
    sat: isReturn(scripts[side]) ? 0n : sat,
  });
  return { closer: output(closer, balances[closer] - feeSat), closee: output(closee, balances[closee]) };
}
const standing = ({ sat, script }: Output): boolean => isReturn(script) || sat >= dustLimit(script);

/** The transaction of each variant that has no dust, and an output at all. */
function closingTransactions(channel: Channel, close: Close): Partial<Record<Variant, Template>> {
  const { closer, closee } = outputsOf(close);
  const sequence = close.legacy ? 0xffffffff : SEQUENCE_RBF;
  const made = (outputs: readonly Output[]): Template => ({
    version: 2,
    locktime: close.locktime,
    inputs: [{ ...channel.funding, sequence }],
    outputs: sortOutputs(outputs),
  });
  if (close.legacy) {
    const kept = [closer, closee].filter((output) => output.sat >= dustLimit(output.script));
    const variant = kept.length === 2 ? 'both' : kept[0] === closer ? 'closer-only' : 'closee-only';
    return kept.length === 0 ? {} : { [variant]: made(kept) };
  }
  const lesser = close.balances[close.closer] < close.balances[otherSide(close.closer)];
  return {
    ...(standing(closer) && standing(closee) && { both: made([closer, closee]) }),
    ...(standing(closer) && !standing(closee) && { 'closer-only': made([closer]) }),
    ...(standing(closee) && (lesser || !standing(closer)) && { 'closee-only': made([closee]) }),
  };
}

/** @throws Refusal `malformed-message`, `malformed-address`, `over-capacity` */
function readClose(channel: Channel, from: Fields): Close {
  const sat = (name: string): bigint => from.need(name, from.whole(name, MAX_SAT), 'satoshis');
  const script = (side: Side): Hex => {
    const [text, bytes] = [from.text(`${side}_address`), from.bytes(`${side}_script`)];
    if (bytes) return bytesToHex(bytes);
    return scriptOf(from.need(`${side}_address`, text, 'an address, or a script in its place'), channel.network);
  };
  const closer = oneOf(from, 'closer', ['local', 'remote'] as const);
  const legacy = from.flag('legacy');
  const balances = { local: sat('local_sat'), remote: sat('remote_sat') };
  if (balances.local + balances.remote > channel.funding.sat)
    throw new Refusal(
      'over-capacity',
      `balances of ${balances.local + balances.remote} sat found, at most the ${channel.funding.sat} sat of the funding expected`,
    );
  return {
    closer,
    legacy,
    feeSat: sat('fee_sat'),
    locktime: Number(from.whole('locktime', legacy ? 0n : 0xffffffffn) ?? 0n),
    balances,
    scripts: { local: script('local'), remote: script('remote') },
  };
}

/**
 * Returns what `channel-build --close` prints: the variants, signed with keys, finished with the other side's signature too.
 * @throws Refusal as `readClose` and `FundingSpend.check`; `below-dust` where no output is left, `fee-too-high`, `wrong-key`
 */
export function closeDocument(channel: Channel, from: Fields, keys: Keys | undefined): object {
  const close = readClose(channel, from);
  const [signatures, nonces, partials] = ['signatures', 'nonces', 'partial_signatures'].map((name) =>
    from.object(name),
  );
  const given = VARIANTS_OF_CLOSE.map((variant): [Variant, Given] => [
    variant,
    {
      signature: signatures?.bytes(variant),
      nonces: readBySide(nonces, variant, 66),
      partials: readBySide(partials, variant, 32),
    },
  ]);
  for (const object of [signatures, nonces, partials, from]) object?.end();
  const signer = keys && sideOf(channel, keys);
  const variants = Object.entries(closingTransactions(channel, close)).map(([variant, template]) => {
    const theirs = new Map(given).get(variant as Variant)!;
    const spend = new FundingSpend(channel, template);
    const own = signer && keys.secrets.funding && spend.sign(signer, keys.secrets.funding, theirs.nonces);
    if (signer) spend.check(theirs, otherSide(signer));
    return {
      variant,
      txid: txidOf(template),
      unsigned: unsignedHex(template),
      ...(own && givenView(own)),
      hex: spend.finish(signer, own || undefined, theirs) ?? null,
      psbt: spendPsbt(template, []),
      outputs: template.outputs.map((o) => ({ amount_sat: o.sat, script: o.script })),
    };
  });
  if (variants.length === 0) throw new Refusal('below-dust', 'balances found of which no output is left above dust');
  return {
    type: 'channel-close',
    version: 1,
    network: channel.network,
    closer: close.closer,
    fee_sat: close.feeSat,
    variants,
  };
}
