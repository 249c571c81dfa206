/**
 * Description of messages of swaps and cooperative spends in words, and checks of them against
 * their own terms. Needs no home. What only a home or a node knows is not checked here.
 */
import { readSame } from '../bitcoin/psbt.ts';
import { outpointText, type Outpoint } from '../bitcoin/outpoint.ts';
import type { Hex } from '../protocol/action.ts';
import { sameJson } from '../protocol/json.ts';
import { Refusal } from '../protocol/refusal.ts';
import { attempt, sealedBy, type Check, type Description, type Fact } from '../signing/description.ts';
import { cooperativeSpend } from './cooperate.ts';
import { lockWords } from './lock.ts';
import { claimBy, fundBy, matchBy, swapViews, type SwapAnswer, type SwapOffer, type SwapTerms } from './swap-terms.ts';
import type { Htlc } from './terms.ts';
import { readHtlc } from './view.ts';

type Message = Readonly<Record<string, any>>;

/** @param m a message in its form, its amounts as bigint; or the document of an HTLC */
export function describeHtlc(m: Message): Description {
  const facts: Fact[] = [];
  const checks: Check[] = [];
  if (m['type'] === 'htlc') htlcFacts('HTLC', m, facts, checks);
  else if (m['type'] === 'htlc-swap') describeSwap(m, facts, checks);
  else describeCooperation(m, facts, checks);
  return { facts, checks };
}

function htlcFacts(label: string, view: unknown, facts: Fact[], checks: Check[]): Htlc | undefined {
  let htlc: Htlc | undefined;
  checks.push(
    attempt(label, () => {
      htlc = readHtlc(view);
      const { claim, refund, lock } = htlc;
      facts.push([
        label,
        `${(view as { address: string }).address}: claim by ${claim}, refund by ${refund} ${lockWords(lock)}`,
      ]);
      return 'scripts, leaves and address follow from the terms';
    }),
  );
  return htlc;
}

function describeCooperation(m: Message, facts: Fact[], checks: Check[]): void {
  const htlc = htlcFacts('HTLC', m['htlc'], facts, checks);
  facts.push(
    ['opened by', `the ${m['opener']}, who will broadcast it`],
    ['spends', `${m['amount_sat']} sat at ${outpointText(m['utxo'])}`],
    ['pays', `${m['amount_sat'] - m['fee_sat']} sat to ${m['address']}, fee ${m['fee_sat']} sat`],
  );
  if (!htlc) return;
  if (m['psbt'])
    checks.push(
      attempt('psbt.spend', () => {
        const { utxo, amount_sat: amountSat, address, fee_sat: feeSat } = m as Record<string, any>;
        readSame(cooperativeSpend(htlc, { ...utxo, amountSat, address, feeSat }), m['psbt'].spend, 'sender');
        return 'the transaction that the message states';
      }),
    );
  checks.push(sealedBy(m, { claimer: htlc.claimAuth ?? '', refunder: htlc.refundAuth ?? '' }));
}

function describeSwap(m: Message, facts: Fact[], checks: Check[]): void {
  const offer = m['offer'] as SwapOffer;
  const answer = m['answer'] as SwapAnswer | undefined;
  facts.push(
    ['initiator gives', `${offer.give_sat} sat, refunded from block ${offer.expiry + 1} on`],
    ['initiator wants', `${offer.want_sat} sat${answer ? `, refunded from block ${answer.expiry + 1} on` : ''}`],
    ['payment hash', offer.hash],
  );
  const keys: Record<string, Hex> = { initiator: offer.side.claim_auth };
  if (answer) {
    const terms = { network: m['network'], offer, answer } as SwapTerms;
    keys['responder'] = answer.side.claim_auth;
    facts.push([
      'deadlines',
      `the initiator pays before ${fundBy(terms)}, the responder before ${matchBy(terms)}, the initiator claims before ${claimBy(terms)}`,
    ]);
    for (const name of ['first', 'second'] as const) htlcFacts(`${name} HTLC`, m['htlcs'][name], facts, checks);
    checks.push(
      attempt('both HTLCs', () => {
        if (!sameJson(swapViews(terms), m['htlcs']))
          throw new Refusal('terms-differ', 'they do not follow from offer and answer');
        return 'follow from offer and answer';
      }),
    );
  }
  for (const name of ['first', 'second'] as const)
    if (m[name]) facts.push([`${name} coin`, outpointText(m[name] as Outpoint)]);
  checks.push(sealedBy(m, keys));
}
