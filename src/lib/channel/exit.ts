/**
 * The commitment in an lnd backup, signed: a way out for whose node is gone and whose peer never answers.
 *
 * Whoever broadcasts a commitment that was revoked meanwhile loses all of it, and no backup knows whether that is so. A
 * taproot commitment is signed with the nonce that lnd derives from its secrets (HMAC "taproot-rev-root"), which it shows
 * for this height alone. Read in lnd (lnwallet GetSignedCommitTx, channeldb NewMusigVerificationNonce).
 */
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { txidOf, type Template } from '../bitcoin/transaction.ts';
import type { Hex } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';
import * as musig2 from '../signing/musig2.ts';
import { maskOf } from './commitment.ts';
import { FORMAT } from './format.ts';
import { hiddenNumber, reveal } from './keys.ts';
import type { Backed } from './lnd.ts';
import { indexOf, secretAt } from './secrets.ts';
import {
  checkFundingSignature,
  checkPartial,
  finishFundingSpend,
  finishTaprootSpend,
  fundingSession,
  signFundingSpend,
} from './sign.ts';
import { bareOf } from './verify.ts';

/** The number of the commitment in a backup; undefined where there is none. */
export function backedNumber({ channel, close }: Backed): bigint | undefined {
  if (!close) return undefined;
  const { locktime, inputs } = bareOf(close.commitment);
  const hidden = hiddenNumber(locktime, inputs[0]?.sequence ?? 0);
  return hidden === undefined ? undefined : reveal(hidden, maskOf(channel)!);
}

/** Half of the key of lnd's nonces. */
const NONCE_ROOT = new TextEncoder().encode('taproot-rev-root');

/**
 * The finished commitment.
 * @param newest the highest own commitment number that is known otherwise, such as from the peer's channel_reestablish
 * @throws Refusal `malformed-backup` without one in the backup, `revoked-state`, `signature-invalid`, `peer-partial-invalid`
 */
export function signBacked(backed: Backed, newest: bigint | undefined): { hex: Hex; txid: Hex; number: bigint } {
  const { channel, close, keys } = backed;
  const number = backedNumber(backed);
  if (!close || number === undefined)
    throw new Refusal('malformed-backup', `the backup holds no commitment of ${backed.outpoint}`, {
      hint: 'ask the peer to close: to_remote is swept without it',
    });
  if (newest !== undefined && number < newest)
    throw new Refusal('revoked-state', `commitment ${number} found, and number ${newest} is known: it was revoked`, {
      hint: 'never broadcast it; ask the peer to close, and use channel-sweep',
    });
  const bare = bareOf(close.commitment);
  const template: Template = { ...bare, inputs: [{ ...channel.funding, ...bare.inputs[0]!, ...amount(backed) }] };
  if (template.inputs[0]!.txid !== channel.funding.txid || template.inputs[0]!.vout !== channel.funding.vout)
    throw new Refusal('malformed-backup', 'the commitment of the backup spends another outpoint than its channel');
  const txid = txidOf(template);
  if (!FORMAT[channel.format].taproot) {
    checkFundingSignature(channel, template, 'remote', close.signature);
    const local = signFundingSpend(channel, template, keys.secrets.funding!);
    return { hex: finishFundingSpend(channel, template, { local, remote: close.signature }), txid, number };
  }
  const [partial, remote] = [close.signature.subarray(0, 32), close.signature.subarray(32)];
  const root = hmac(sha256, NONCE_ROOT, sha256(keys.seed!));
  const { secnonce, pubnonce } = musig2.nonceGen({
    random: secretAt(root, indexOf(close.height!)),
    pubkey: channel.local.points.funding!,
  });
  const session = fundingSession(channel, template, { local: pubnonce, remote }, close.tapscriptRoot);
  checkPartial(channel, session, 'remote', remote, partial);
  const own = musig2.sign(secnonce, keys.secrets.funding!, session);
  return { hex: finishTaprootSpend(template, session, [own, partial]), txid, number };
}
const amount = ({ channel: { funding } }: Backed) => ({ sat: funding.sat, script: funding.script });
