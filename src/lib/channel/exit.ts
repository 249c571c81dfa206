/**
 * The commitment in an lnd backup, signed: a way out for whose node is gone and whose peer never answers.
 *
 * Whoever broadcasts a commitment that was revoked meanwhile loses all of it, and no backup knows whether that is so. A
 * taproot commitment is signed with the nonce that lnd derives from its secrets (HMAC "taproot-rev-root"), which it shows
 * for this height alone. Read in lnd (lnwallet GetSignedCommitTx, channeldb NewMusigVerificationNonce).
 */
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { outpointText } from '../bitcoin/outpoint.ts';
import { txidOf, type Template } from '../bitcoin/transaction.ts';
import type { Hex } from '../protocol/action.ts';
import { Refusal } from '../protocol/refusal.ts';
import * as musig2 from '../signing/musig2.ts';
import { FORMAT } from './format.ts';
import { FundingSpend } from './funding.ts';
import type { Backed } from './lnd.ts';
import { bareOf, kindOf } from './match.ts';
import { indexOf, secretAt } from './secrets.ts';

/** Returns the number of the commitment in a backup; undefined where there is none. */
export const backedNumber = ({ channel, close }: Backed): bigint | undefined =>
  close && kindOf(channel, bareOf(close.commitment), undefined).number;

/** Half of the key of lnd's nonces. */
const NONCE_ROOT = new TextEncoder().encode('taproot-rev-root');

/**
 * Returns the finished commitment.
 * @param newest highest own commitment number that is known otherwise, such as from the peer's channel_reestablish
 * @throws Refusal `malformed-backup` without one in the backup, `revoked-state`, `signature-invalid`, `peer-partial-invalid`
 */
export function signBacked(backed: Backed, newest: bigint | undefined): { hex: Hex; txid: Hex; number: bigint } {
  const { channel, close, keys } = backed;
  if (!close)
    throw new Refusal('malformed-backup', `the backup holds no commitment of ${backed.outpoint}`, {
      hint: 'ask the peer to close: to_remote is swept without it',
    });
  const { stacks: _, ...bare } = bareOf(close.commitment);
  const number = backedNumber(backed);
  if (number === undefined)
    throw new Refusal('malformed-backup', `no commitment that spends ${outpointText(channel.funding)} in the backup`);
  if (newest !== undefined && number < newest)
    throw new Refusal('revoked-state', `commitment ${number} found, and number ${newest} is known: it was revoked`, {
      hint: 'never broadcast it; ask the peer to close, and use channel-sweep',
    });
  const template: Template = { ...bare, inputs: [{ ...bare.inputs[0]!, ...channel.funding }] };
  const txid = txidOf(template);
  const spend = new FundingSpend(channel, template, close.tapscriptRoot);
  const secret = keys.secrets.funding!;
  const none = { nonces: {}, partials: {} };
  if (!FORMAT[channel.format].taproot) {
    const theirs = { ...none, signature: close.signature };
    spend.check(theirs, 'remote');
    return { hex: spend.finish('local', spend.sign('local', secret, {}), theirs)!, txid, number };
  }
  const [partial, remote] = [close.signature.subarray(0, 32), close.signature.subarray(32)];
  const root = hmac(sha256, NONCE_ROOT, sha256(keys.seed!));
  const random = secretAt(root, indexOf(close.height!));
  const { secnonce, pubnonce } = musig2.nonceGen({ random, pubkey: channel.local.points.funding! });
  const nonces = { local: pubnonce, remote };
  spend.check({ nonces, partials: { remote: partial } }, 'remote');
  const own = musig2.sign(secnonce, secret, spend.session(nonces));
  return { hex: spend.combine(nonces, [own, partial]), txid, number };
}
