/**
 * Copy of a pledge's way back, kept outside its home: it holds no secret, and anyone can watch by
 * it.
 *
 * It names the campaign, so that `watch` sends it as it sends a record's own: once the campaign is
 * over, or was paid without the coin.
 */
import * as v from 'valibot';
import { NETWORKS } from '../bitcoin/network.ts';
import { parseBareTransaction, withWitness, type Input, type Output } from '../bitcoin/transaction.ts';
import { checkWitness } from '../bitcoin/wallet-inputs.ts';
import type { WatchedDocument } from '../contract/duty.ts';
import type { Copy } from '../protocol/action.ts';
import { height, hexText, parseAs, sat, text, type Document } from '../protocol/message.ts';
import { Refusal } from '../protocol/refusal.ts';
import { campaignForm, checkCampaign } from './campaign.ts';
import type { OwnPledge } from './records.ts';
import { watchedPledge } from './watch.ts';

/** Returns the copy of a pledge's way back. */
export function revocationCopy({ campaign, network, pledge, revocation, back, unpaidTo }: OwnPledge): Copy {
  return {
    name: `pledge-${pledge.txid}-${pledge.vout}`,
    body: {
      type: 'refund-copy',
      version: 1,
      network,
      contract: campaign.id,
      capacity_sat: pledge.sat,
      valid_from_height: 0,
      txid: revocation.txid,
      hex: revocation.hex,
      script: pledge.script,
      address: back.address,
      path: { chain: back.chain, index: back.index },
      campaign,
      unpaid_to: unpaidTo,
    },
  };
}

const copyForm = v.object({
  network: v.picklist(NETWORKS),
  capacity_sat: sat,
  hex: hexText,
  script: text,
  campaign: campaignForm,
  unpaid_to: v.nullable(height),
});

/**
 * Reads a copy that proves itself: its transaction is signed by the coin's key.
 * @param document parsed JSON
 * @returns undefined for any other document
 * @throws Refusal `malformed-message`, `terms-differ`, `transaction-differs`, `signature-invalid`,
 * `sighash-refused`
 */
export function watchedCopy(document: Document): WatchedDocument | undefined {
  if (document['type'] !== 'refund-copy' || document['campaign'] === undefined) return undefined;
  const { network, capacity_sat, hex, script, unpaid_to, ...copy } = parseAs(copyForm, document);
  const campaign = checkCampaign(copy.campaign, network);
  const { stacks, ...found } = parseBareTransaction(hex);
  const { inputs, outputs } = found;
  if ([inputs, outputs, stacks].some(({ length }) => length !== 1))
    throw new Refusal('transaction-differs', 'a signed transaction of one input and one output expected');
  const [[input], [output], [stack]] = [inputs as [Input], outputs as [Output], stacks as [Uint8Array[]]];
  const { txid, vout } = input;
  const pledge = { txid, vout, sat: capacity_sat, script };
  const template = { ...found, inputs: [{ ...input, ...pledge }] };
  if (withWitness(template, stacks) !== hex) throw new Refusal('transaction-differs', 'an encoding of its own found');
  checkWitness(template, 0, stack);
  const own = { network, state: 'made', campaign, pledge, revocation: { hex }, unpaidTo: unpaid_to } as const;
  return { network, watched: watchedPledge(own, output.script, [])! };
}
