/** Documents of pledges in words, with checks of their terms, and their transactions. */
import { btcFromSat } from '../bitcoin/amount.ts';
import { isNetwork } from '../bitcoin/network.ts';
import { bytesToHex } from '../bitcoin/bytes.ts';
import { outpointText } from '../bitcoin/outpoint.ts';
import { parseTransaction } from '../bitcoin/transaction.ts';
import type { Settlement } from '../contract/copy.ts';
import type { Document } from '../protocol/message.ts';
import { attempt, sealedBy, type Check, type Description, type Fact } from '../signing/description.ts';
import { checkCampaign, goalOf, type Campaign } from './campaign.ts';
import type { Pledge } from './pledge.ts';

/** Describes a message of the action, or a printed document. @param m amounts as bigint */
export function describePledge(m: Document): Description {
  const facts: Fact[] = [];
  const checks: Check[] = [];
  if (m['step'] === 'campaign' && m['type'] === 'pledge') describeCampaign(m, facts, checks);
  else facts.push(['campaign', String(m['campaign'])]);
  const pledge = m['pledge'] as Pledge | null;
  if (m['step'] === 'pledged' && !pledge) facts.push(['pledge', 'encrypted to the collector']);
  if (m['step'] === 'pledged' && pledge) {
    facts.push(['pledge', `${pledge.sat} sat at ${outpointText(pledge)}, signed ALL|ANYONECANPAY`]);
    checks.push(['signature', 'not checked without the campaign: spillway pledge check']);
  }
  if (m['step'] === 'gathered') facts.push(['coin', `${m['coin']}, worth ${m['worth_sat']} sat after its fee`]);
  if (m['missing_sat'] !== undefined)
    facts.push([
      'gathered',
      `${m['have_sat']} of ${m['of_sat']} sat by ${m['pledges']} pledges, ${m['missing_sat']} missing`,
    ]);
  if (m['txid'] !== undefined) facts.push(['transaction', String(m['txid'])]);
  if (m['fee_sat'] !== undefined) facts.push(['fee', `${m['fee_sat']} sat`]);
  if (m['type'] === 'pledge-revoke') facts.push(['takes back', `${m['sat']} sat at ${m['coin']}`]);
  return { facts, checks };
}

function describeCampaign(m: Document, facts: Fact[], checks: Check[]): void {
  const campaign = m['campaign'] as Campaign;
  facts.push(
    ['campaign', campaign.id],
    ['title', campaign.title === '' ? 'none' : JSON.stringify(campaign.title)],
    ...campaign.outputs.map(({ address, sat }, i): Fact => [`output ${i}`, `${sat} sat to ${address}`]),
    [
      'goal',
      `${goalOf(campaign)} sat (${btcFromSat(goalOf(campaign))} BTC) and the fee, at ${campaign.feerate / 1000} sat/vB`,
    ],
    ['least pledge', `${campaign.min_sat} sat`],
    ['until', campaign.until === null ? 'no height' : `height ${campaign.until}, for programs that keep to it`],
  );
  const network = String(m['network']);
  checks.push(
    attempt('campaign', () => {
      if (isNetwork(network)) checkCampaign(campaign, network);
      return 'its id follows from its terms';
    }),
    sealedBy(m, { collector: campaign.auth }),
  );
}

/** Returns the transaction of a split, a completed campaign, or a pledge that is taken back. */
export function pledgeSettlement(document: Document): Settlement | undefined {
  const { type, step, network, hex, sat, script } = document;
  const isOurs = (type === 'pledge' && step === 'split') || type === 'pledge-complete' || type === 'pledge-revoke';
  if (!isOurs || typeof hex !== 'string') return undefined;
  const [input] = parseTransaction(hex).inputs;
  const spends =
    type === 'pledge-revoke'
      ? [{ txid: bytesToHex(input!.txid), vout: input!.index, sat: BigInt(sat), script: String(script) }]
      : [];
  return { network: String(network), hex, spends };
}
