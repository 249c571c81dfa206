/**
 * `channel-verify`: transactions that somebody else built, compared byte for byte with what the channel and the state
 * give, and every signature in them or beside them verified.
 */
import { bytesToHex, equalBytes } from '../bitcoin/bytes.ts';
import { SIGHASH_ALL, Sighashes } from '../bitcoin/sighash.ts';
import { difference, parseTransaction, unsignedHex, type Template } from '../bitcoin/transaction.ts';
import type { Hex } from '../protocol/action.ts';
import type { Fields } from '../protocol/document.ts';
import { Refusal } from '../protocol/refusal.ts';
import { verifies } from '../signing/bip340.ts';
import { keySort } from '../signing/musig2.ts';
import { assemble, checkGiven } from './build.ts';
import type { Channel } from './commitment.ts';
import { readBytesList } from './document.ts';
import { FORMAT } from './format.ts';
import type { Side } from './keys.ts';
import { fundingLock } from './scripts.ts';
import { checkFundingSignature, fundingKeys } from './sign.ts';
import { checkStack, typed } from './witness.ts';

/** A parsed transaction as a template. Amounts and scripts of its inputs are not in it. */
export function bareOf(hex: Hex): Template & { stacks: readonly (readonly Uint8Array[])[] } {
  const raw = parseTransaction(hex);
  return {
    version: raw.version as Template['version'],
    locktime: raw.lockTime,
    inputs: raw.inputs.map((i) => ({
      txid: bytesToHex(i.txid),
      vout: i.index,
      sequence: i.sequence,
      sat: 0n,
      script: '',
    })),
    outputs: raw.outputs.map((o) => ({ sat: o.amount, script: bytesToHex(o.script) })),
    stacks: raw.witnesses ?? [],
  };
}

/** @throws Refusal `transaction-differs` naming the first difference, `malformed-transaction` */
function same(what: string, expected: Template, hex: Hex): readonly (readonly Uint8Array[])[] {
  const found = bareOf(hex);
  if (
    unsignedHex(found) !== unsignedHex(expected) ||
    parseTransaction(hex).inputs.some((i) => i.finalScriptSig.length > 0)
  )
    throw new Refusal(
      'transaction-differs',
      `${what}: ${difference(expected, found) ?? 'an encoding of its own found'}`,
    );
  return found.stacks;
}

/**
 * Verifies the witness that spends the funding output.
 * @throws Refusal `signature-invalid`, `sighash-refused`
 */
export function checkFundingWitness(channel: Channel, template: Template, stack: readonly Uint8Array[]): void {
  const invalid = (why: string): Refusal =>
    new Refusal('signature-invalid', `the witness of the funding input: ${why}`);
  if (FORMAT[channel.format].taproot) {
    const [signature] = stack;
    if (stack.length !== 1 || signature!.length !== 64) throw invalid('one signature of 64 bytes expected');
    const hash = new Sighashes(template).v1(0, 0);
    if (!verifies(bytesToHex(signature!), hash, channel.funding.script.slice(4))) throw invalid('it does not verify');
    return;
  }
  const keys = fundingKeys(channel);
  const { code } = fundingLock(channel.format, ...keys);
  if (stack.length !== 4 || stack[0]!.length !== 0 || !equalBytes(stack[3]!, code!))
    throw invalid('two signatures and the script of both funding keys expected');
  for (const [i, key] of keySort(keys).entries()) {
    const side: Side = equalBytes(key, keys[0]) ? 'local' : 'remote';
    const { signature, found } = typed(stack[1 + i]!, false);
    if (found !== SIGHASH_ALL) throw new Refusal('sighash-refused', `sighash type ${found} found, ALL expected`);
    checkFundingSignature(channel, template, side, signature);
  }
}

/**
 * What `channel-verify` prints.
 * @throws Refusal `transaction-differs`, `signature-invalid`, `sighash-refused`, `wrong-preimage`, and as `assemble`
 */
export function verifyDocument(channel: Channel, from: Fields): object {
  const all = assemble(channel, from);
  const given = from.bytes('commitment');
  const htlcs = readBytesList(from, 'htlc_transactions');
  from.end();
  const { state, commitment, stages } = all;
  const checks: Record<string, string> = {};
  const { given: signatures } = all;
  const beside = signatures.commitment ?? signatures.htlcs ?? signatures.partials.local ?? signatures.partials.remote;
  if (!given && !htlcs && !beside)
    throw new Refusal(
      'malformed-message',
      'nothing to verify found: commitment, htlc_transactions or signatures expected',
    );
  if (given) {
    const [stack = []] = same('the commitment', commitment.template, bytesToHex(given));
    if (stack.length > 0) checkFundingWitness(channel, commitment.template, stack);
    checks['commitment'] = stack.length > 0 ? 'same, signed by both' : 'same';
  }
  if (htlcs && htlcs.length !== stages.length)
    throw new Refusal('transaction-differs', `${htlcs.length} HTLC transactions found, ${stages.length} expected`);
  htlcs?.forEach((bytes, i) => {
    const stage = stages[i]!;
    const [stack = []] = same(`HTLC transaction ${i}`, stage.template, bytesToHex(bytes));
    if (stack.length > 0)
      checkStack(new Sighashes(stage.template), 0, stage.spent, stack, {
        keys: commitment.keys,
        paymentHash: stage.htlc.paymentHash,
        peerType: FORMAT[channel.format].second.sighash,
      });
    checks[`htlc_transaction_${i}`] = stack.length > 0 ? 'same, signed by both' : 'same';
  });
  return {
    type: 'channel-verified',
    version: 1,
    network: channel.network,
    format: channel.format,
    holder: state.holder,
    number: state.number,
    txid: commitment.txid,
    checks: { ...checks, ...checkGiven(channel, all) },
  };
}
