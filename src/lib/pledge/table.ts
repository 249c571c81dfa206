/**
 * The action `pledge`: campaign (collector), pledged (each pledger), gathered (collector, for
 * each).
 *
 * A campaign has many parties: it goes to anybody, and pledges come back in any order. A pledge
 * brings its own seal, the signature of its coin. The collector keeps each in a record and replies
 * with what it has, of what, and what is missing. Not here: completing and taking back, which need
 * no partner (`complete.ts`).
 */
import * as v from 'valibot';
import { maxSat } from '../bitcoin/amount.ts';
import { expiryHeight, type Expiry } from '../bitcoin/locktime.ts';
import type { Network } from '../bitcoin/network.ts';
import { outpointText } from '../bitcoin/outpoint.ts';
import { outpointsOf } from '../bitcoin/coin-checks.ts';
import { table } from '../protocol/action.ts';
import { idClaim } from '../protocol/claims.ts';
import { wholeIn } from '../protocol/limit.ts';
import {
  FORM_LIMITS,
  hexOf,
  hexText,
  messageParser,
  psbt,
  pubkey,
  sat,
  text,
  type MessageOf,
} from '../protocol/message.ts';
import { homeRestored, Refusal } from '../protocol/refusal.ts';
import { freshKeys } from '../signing/side.ts';
import { campaignForm, campaignOf, checkCampaign, COLLECTOR, defaultMin, goalOf, PLEDGER } from './campaign.ts';
import { checkLastHeight, Gate, gathered, isSame, mayTrust, withRoom } from './gather.ts';
import {
  ADDRESSES_NEEDED,
  requestName,
  chosen,
  openPledge,
  pledgeCoin,
  pledgeOutside,
  pledgeSplit,
  purposeOf,
  repeatedPledge,
  pledgeMessage,
  signedSplit,
  type MakeInput,
} from './make.ts';
import { pledgeForm } from './pledge.ts';
import {
  askedClaim,
  campaignKind,
  gateOf,
  isTaken,
  outputsClaim,
  pledgeKind,
  seatClaim,
  seatKind,
  type CampaignRecord,
  type OwnPledge,
  type Seat,
} from './records.ts';
import { CampaignGoal, inputWeight, NOTHING, plus, taprootCoin } from './sums.ts';

const sums = { pledges: wholeIn(FORM_LIMITS.vout), have_sat: sat, of_sat: sat, missing_sat: sat };
const pledgeSteps = {
  campaign: { campaign: campaignForm },
  split: { campaign: hexOf(32), txid: hexOf(32), hex: hexText, psbt: v.strictObject({ split: psbt }) },
  pledged: {
    campaign: hexOf(32),
    /** Exactly one of `pledge` and `sealed` is there. */
    pledge: v.nullable(pledgeForm),
    sealed: v.nullable(v.strictObject({ sender: pubkey, text: hexText })),
  },
  gathered: { campaign: hexOf(32), coin: text, worth_sat: sat, ...sums },
} as const;
/** Message of the action `pledge`, by step. */
export type PledgeMessage = MessageOf<typeof pledgeSteps>;

export interface PledgeInput extends MakeInput {
  /** Outputs of a campaign; one without an address gets a fresh one of the home. */
  outputs?: readonly { address: string | null; sat: bigint }[];
  min?: bigint;
  until?: Expiry;
  title?: string;
  /** Addresses of outputs that hold coins already; undefined if not looked up. */
  paid?: readonly string[];
  allowUsed?: true;
  unchecked?: true;
}
type PledgeRecords = { campaign: CampaignRecord; earlier: CampaignRecord; seat: Seat; own: OwnPledge };

const parse = messageParser('pledge', pledgeSteps, 'split', 'pledged', 'gathered');

/** Returns the outputs whose addresses are given. */
const given = (outputs: PledgeInput['outputs'] = []) =>
  outputs.flatMap(({ address, sat: amount }) => (address === null ? [] : [{ address, sat: amount }]));

/** Table of the action `pledge`: campaigns, pledges and the gathering of them. */
export const pledge = table<PledgeMessage, PledgeRecords, PledgeInput>(
  {
    type: 'pledge',
    kinds: { campaign: campaignKind, earlier: campaignKind, seat: seatKind, own: pledgeKind },
    parse: (json) => {
      const message = parse(json);
      if (message.step === 'pledged' && (message.pledge === null) === (message.sealed === null))
        throw new Refusal('malformed-message', 'pledge and sealed: one of the two expected');
      return message;
    },
    opens: (message, { campaign: record }) =>
      message.step === 'pledged' && message.sealed && record
        ? (keys) => ({
            ...message,
            pledge: openPledge(message.campaign, message.sealed!, keys.auth(record.own.path)),
            sealed: null,
          })
        : undefined,
    find: (message, input) => {
      if (!message) {
        const outputs = given(input.outputs);
        return outputs.length > 0 && outputs.length === input.outputs!.length ? { earlier: outputsClaim(outputs) } : {};
      }
      if (message.step === 'campaign') return { own: askedClaim(message.campaign.id, requestName(input)) };
      const campaign = idClaim(message.campaign);
      if (message.step !== 'pledged' || !message.pledge) return { campaign };
      return { campaign, seat: seatClaim(message.campaign, outpointText(message.pledge)) };
    },
    party: ({ message, records }) => {
      if (message?.step === 'campaign' || records.own) return PLEDGER;
      if (records.campaign || !message) return COLLECTOR;
      throw new Refusal('unknown-contract', 'this home has no campaign of that id', {
        hint: 'pledges go to the home that made the campaign; without a home: spillway pledge check, pledge complete',
      });
    },
    peer: ({ message }) => (message?.step === 'campaign' ? { stated: message.campaign.auth } : null),
    // A gathered count is not sealed, since the next pledge changes it.
    sealWith: ({ campaign, seat }) => (seat ? null : (campaign?.own.path ?? null)),
    server: COLLECTOR,
    again: ({ records: { own, campaign: record } }) =>
      own
        ? pledgeMessage(own)
        : record && {
            step: 'campaign',
            network: record.network,
            campaign: campaignOf(record.campaign, record.network as Network),
          },
    cancel: ({ records: { own, campaign: record } }) => {
      if (!own && record)
        return {
          writes: { campaign: { ...record, left: true } },
          hint: 'nothing is gathered here any more; whoever has the pledges can still complete with them',
        };
      if (own?.state !== 'split')
        throw new Refusal('too-late-to-cancel', 'only a pledge whose coin is not split off yet is given up', {
          hint: 'a pledge ends by spending its coin: spillway pledge revoke',
        });
      return { writes: { own: { ...own, state: 'cancelled' } }, hint: 'its coins are free; do not send the split' };
    },
  },
  (row) => [
    row({
      name: 'campaign',
      after: null,
      by: COLLECTOR,
      does: 'states outputs, fee rate and the least pledge, under a key of its own',
      asks: ['outputs'],
      may: ['min', 'until', 'title', 'paid', 'allowUsed'],
      needs: ({ input }) => ({
        feerate: true,
        tip: true,
        now: true,
        payout: (input.outputs ?? []).filter(({ address }) => address === null).length,
      }),
      take: ({ input, records, facts, ...hand }) => {
        if (hand.restored) throw homeRestored('it would begin no campaign');
        if (records.earlier)
          throw new Refusal('address-used', `the campaign ${records.earlier.campaign.id} has the same outputs`, {
            hint: 'its pledges would count for this one too: take a fresh address, --output SAT',
          });
        if (input.paid && input.paid.length > 0 && !input.allowUsed)
          throw new Refusal('address-used', `${input.paid[0]} holds coins already`, {
            hint: 'pledges of an older campaign may pay it: take a fresh address, or give --allow-used',
          });
        const fresh = [...facts.payout];
        const outputs = input.outputs.map(({ address, sat: amount }) => ({
          address: address ?? fresh.shift()!.address,
          sat: amount,
        }));
        const { own, auth } = freshKeys(hand);
        const made = campaignOf(
          {
            outputs,
            feerate: facts.feerate,
            min_sat: input.min ?? maxSat(defaultMin(goalOf({ outputs })), taprootCoin(0n, facts)),
            until: input.until ? expiryHeight(input.until, facts.tip, facts.now) : null,
            title: input.title ?? '',
            auth,
          },
          hand.network as Network,
        );
        checkLastHeight(made, facts.tip, true);
        return {
          message: { step: 'campaign', network: hand.network, campaign: made },
          checks: { addresses: input.paid ? 'chain' : given(input.outputs).length > 0 ? 'not-checked' : 'fresh' },
          writes: {
            campaign: {
              network: hand.network,
              own,
              campaign: made,
              sum: NOTHING,
              changes: 0,
              completed: null,
              left: false,
            },
          },
        };
      },
    }),
    row({
      name: 'pledged',
      meanwhile: 'split',
      after: 'campaign',
      by: PLEDGER,
      does: 'signs one coin for these outputs, and the way to take it back',
      may: ['amount', 'coin', 'utxo', 'change', 'allowFee', 'seal', 'psbtVersion', 'unchecked'],
      needs: ({ records: { own }, input }) => {
        const { utxo = [] } = input;
        const at = own ? [outpointText(own.pledge)] : outpointsOf(utxo);
        const scripts = (own?.split?.template.inputs ?? utxo).map(({ script }) => script);
        return {
          tip: true,
          feerate: true,
          payout: own ? 0 : 'split' in chosen(input) ? ADDRESSES_NEEDED : 1,
          ours: scripts,
          coins: at,
          reserved: at,
        };
      },
      take: ({ message, records, input, facts, ...hand }) => {
        if (hand.restored) throw homeRestored('what it would pledge may be pledged already');
        const network = hand.network as Network;
        const gate = new Gate(checkCampaign(message.campaign, network), network);
        const unchecked = mayTrust(network, input.unchecked);
        checkLastHeight(gate.campaign, facts.tip, unchecked);
        if (records.own) {
          if (input.seal && !records.own.sealed)
            throw new Refusal('usage', 'this pledge was made without --seal', {
              hint: 'give up the split (--cancel), or take the pledge back; then pledge with --seal',
            });
          const own = signedSplit(records.own, hand, facts.ours);
          return repeatedPledge(own, facts.coins, unchecked);
        }
        const choice = chosen(input);
        if ('split' in choice) {
          const { made, checked } = pledgeSplit(gate, choice.split, input, hand, facts);
          // A transaction that was just made is in no block.
          return { ...repeatedPledge(made, 'not-checked', false), checks: { coin: checked } };
        }
        if (facts.ours.has(choice.coin.script)) {
          const { made, checked } = pledgeCoin(gate, choice.coin, input, hand, facts);
          return { ...repeatedPledge(made, facts.coins, true), checks: { coin: checked } };
        }
        if (input.seal) throw new Refusal('usage', '--seal is for coins of this home');
        const outside = pledgeOutside(gate, choice.coin, input, hand);
        if ('waits' in outside)
          return {
            waits: outside.waits,
            hint: `sign the PSBT in the wallet that owns the coin, type ALL|ANYONECANPAY, then --merge FILE on the same input; to take it back spend the coin there; ${purposeOf(gate.campaign, choice.coin.sat)}`,
            passing: true,
            writes: {},
          };
        const made = {
          step: 'pledged',
          network,
          campaign: gate.campaign.id,
          pledge: outside.pledge,
          sealed: null,
        } as const;
        return { message: made, signed: outside.psbts, passing: true, writes: {} };
      },
    }),
    row({
      name: 'gathered',
      after: 'pledged',
      by: COLLECTOR,
      does: 'checks a pledge, keeps it, and says what is missing',
      may: ['unchecked'],
      needs: ({ message: { pledge: offered }, records: { campaign: record, seat } }) => {
        // All seats are read only if a pledge may replace a smaller one, and only for a valid signature.
        const weighs = record && offered && !(seat && isTaken(seat)) && isFull(record, offered.script);
        if (weighs) gateOf(record).checkSigned(offered);
        return {
          tip: true,
          coins: offered ? [outpointText(offered)] : [],
          named: weighs ? record.campaign.id : '',
        };
      },
      take: ({ message, records, input, facts, network, restored }) => {
        if (restored) throw homeRestored('its sum may lack what came since');
        const record = records.campaign!;
        const gate = gateOf(record);
        const offered = message.pledge!;
        const coin = gate.check(offered, facts, mayTrust(network, input.unchecked));
        const { seat } = records;
        const isKnown = seat !== undefined && isTaken(seat) && isSame(seat.pledge, offered);
        const seats = () =>
          facts.named
            .flatMap(({ kind, record: one }) => (kind === seatKind.name ? [seatKind.parse(one)] : []))
            .filter(isTaken)
            .map((taken) => gate.offered(taken.pledge));
        const sum = isKnown ? record.sum : withRoom(gate, record.sum, gate.offered(offered), seats).sum;
        const said = gathered(gate, sum, offered);
        return {
          message: said,
          ...(said.missing_sat > 0n && { exit: 3 as const, hint: `${said.missing_sat} sat are missing` }),
          checks: { coin },
          // The count changes with every pledge, so the reply is not stored.
          passing: true,
          writes: isKnown
            ? {}
            : {
                campaign: { ...record, sum, changes: record.changes + 1 },
                seat: {
                  network,
                  campaign: record.campaign.id,
                  pledge: offered,
                  changes: seat ? seat.changes + 1 : 0,
                },
              },
        };
      },
    }),
  ],
);

const isFull = ({ campaign, network, sum }: CampaignRecord, script: string): boolean =>
  !new CampaignGoal(campaign, network as Network).fits(plus(sum, { weight: inputWeight(script), netSat: 0n }));
