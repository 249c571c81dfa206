/**
 * A pledge of this home: its coin, a split if no coin has the value, the signature, the way back.
 * All are made before anything is shown.
 *
 * Not here: pledges as the collector sees them (`gather.ts`), the table (`table.ts`).
 */
import { scriptOf } from '../bitcoin/address.ts';
import { hexToBytes } from '../bitcoin/bytes.ts';
import { checkSpendable, outpointsOf } from '../bitcoin/coin-checks.ts';
import { guardFee } from '../bitcoin/fee.ts';
import { payFrom } from '../bitcoin/coins.ts';
import { fundingHex, fundingPsbt, isSigned, outpointIn, signFunding } from '../bitcoin/funding.ts';
import { outpointText } from '../bitcoin/outpoint.ts';
import { txidOf, type Spent } from '../bitcoin/transaction.ts';
import { standingAt } from '../contract/outcome.ts';
import type { Facts, Hand, OwnAddress, Psbts } from '../protocol/action.ts';
import { canonicalJson, parseJson } from '../protocol/json.ts';
import { parseAs } from '../protocol/message.ts';
import { Refusal } from '../protocol/refusal.ts';
import { bytesToHex, evenSecret, publicBytes, secretScalar, taggedHash } from '../signing/curve.ts';
import { evenKey, openField, sealField } from '../signing/sealed-field.ts';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { COLLECTOR, goalOf, PLEDGER, type Campaign } from './campaign.ts';
import { pledgeRevocation } from './complete.ts';
import { revocationCopy } from './copy.ts';
import { lackOf, type Gate } from './gather.ts';
import { pledgeForm, pledgeInForm, type Pledge } from './pledge.ts';
import { pledgeOfPsbt, pledgePsbt } from './psbt.ts';
import type { OwnPledge, Sealed } from './records.ts';
import { checkWorth } from './sums.ts';

/** Input of a pledge. */
export interface MakeInput {
  /** Value of the pledged coin. */
  amount?: bigint;
  /** Coin of `utxo` that is pledged whole, `TXID:VOUT`. */
  coin?: string;
  /** Coins to spend. */
  utxo?: readonly Spent[];
  /** Address for the change of a split. */
  change?: string;
  allowFee?: true;
  /** Encrypts the pledge to the collector. */
  seal?: true;
  /** Version of the PSBT for another wallet. */
  psbtVersion?: 0 | 2;
}
type MakeFacts = Pick<Facts, 'tip' | 'coins' | 'reserved' | 'ours' | 'payout' | 'feerate'>;

/** Addresses that a pledge may need: of its coin, for the change, and for the way back. */
export const ADDRESSES_NEEDED = 3;

/** Coin to pledge: one of `utxo`, or a value to split off. */
export type ChosenCoin = { coin: Spent } | { split: bigint };

/**
 * Returns the coin to pledge, or the value to split.
 * @throws Refusal `usage`, `not-enough-coins`
 */
export function chosen({ amount, coin, utxo }: MakeInput): ChosenCoin {
  if (!utxo)
    throw new Refusal('usage', 'no coins to pledge', { hint: 'give --utxo FILE, as spillway coins prints it' });
  if ((amount === undefined) === (coin === undefined))
    throw new Refusal('usage', 'one of --amount and --coin expected');
  const found =
    coin === undefined ? utxo.find(({ sat }) => sat === amount) : utxo.find((c) => outpointText(c) === coin);
  if (found) return { coin: found };
  if (coin !== undefined) throw new Refusal('not-enough-coins', `the coin ${coin} is not among those of --utxo`);
  return { split: amount! };
}

/**
 * Pledges a coin of this home whole.
 * @throws Refusal as `checkSpendable`; `below-minimum`, `below-dust`, `fee-too-high`
 */
export function pledgeCoin(
  gate: Gate,
  coin: Spent,
  input: MakeInput,
  hand: Hand,
  facts: MakeFacts,
): { made: OwnPledge; checked: string } {
  checkCost(gate, coin, input);
  const checked = checkSpendable(facts, [coin]);
  const secret = hand.keys.wallet(facts.ours.get(coin.script)!);
  const made = recorded(gate, coin, secret, facts.payout[0]!, input, hand, facts);
  return { made: { ...made, coins: [outpointText(coin)] }, checked };
}

/**
 * Splits off a coin of exactly this value and pledges it.
 * @throws Refusal as `payFrom` and `checkSpendable`; `below-minimum`
 */
export function pledgeSplit(
  gate: Gate,
  sat: bigint,
  input: MakeInput,
  hand: Hand,
  facts: MakeFacts,
): { made: OwnPledge; checked: string } {
  const [at, forChange, back] = facts.payout as [OwnAddress, OwnAddress, OwnAddress];
  const script = scriptOf(at.address, gate.network);
  checkCost(gate, { sat, script }, input);
  const template = payFrom({
    coins: input.utxo!,
    outputs: [{ sat, script }],
    change: input.change ?? forChange.address,
    feerate: facts.feerate,
    version: 2,
    network: gate.network,
    allowFee: input.allowFee ?? false,
  });
  const checked = checkSpendable(facts, template.inputs);
  const split = signFunding(hand, { template, witnesses: {} }, facts.ours);
  const coin = { ...outpointIn(template, script), sat, script };
  const made = recorded(gate, coin, hand.keys.wallet(at), back, input, hand, facts);
  return { made: { ...made, state: 'split', split, coins: outpointsOf(template.inputs) }, checked };
}

/** Checks value and input fee. @throws Refusal `below-minimum`, `fee-too-high` */
const checkCost = ({ campaign }: Gate, coin: Pick<Spent, 'sat' | 'script'>, { allowFee }: MakeInput): void =>
  guardFee(coin.sat - checkWorth(coin, campaign), coin.sat, allowFee);

function recorded(
  { campaign, network, hashes }: Gate,
  coin: Spent,
  secret: Uint8Array,
  { address, chain, index }: OwnAddress,
  input: MakeInput,
  hand: Hand,
  { feerate, tip }: MakeFacts,
): OwnPledge {
  const pledge = hashes.sign(coin, secret, hand.random(32));
  const script = scriptOf(address, network);
  const wayBack = pledgeRevocation(coin, { secret, script, aux: hand.random(32) }, feerate);
  guardFee(wayBack.feeSat, coin.sat, input.allowFee);
  return {
    network,
    state: 'made',
    campaign,
    asked: requestName(input),
    split: null,
    coins: [],
    pledge,
    sealed: input.seal ? sealPledge(campaign, pledge, secret) : null,
    revocation: wayBack,
    back: { address, chain, index },
    unpaidTo: tip === 'not-checked' ? null : standingAt(tip),
  };
}

/** Returns the amount or coin that a start asks for; it names the record. */
export const requestName = ({ amount, coin }: MakeInput): string =>
  amount === undefined ? (coin ?? '') : String(amount);

/** Adds another wallet's signatures to a split. */
export const signedSplit = (own: OwnPledge, hand: Hand, ours: Facts['ours']): OwnPledge =>
  own.split && !isSigned(own.split) ? { ...own, split: signFunding(hand, own.split, ours) } : own;

/**
 * Pledges a coin of another wallet: its PSBT, or the pledge once that came back signed.
 * @throws Refusal as `pledgeOfPsbt` and `Gate.check`; `transaction-differs` for another coin
 */
export function pledgeOutside(
  gate: Gate,
  coin: Spent,
  input: MakeInput,
  hand: Hand,
): { pledge: Pledge; psbts: Psbts } | { waits: Psbts } {
  checkCost(gate, coin, input);
  const { campaign, network, hashes } = gate;
  const psbts = { pledge: pledgePsbt(campaign, network, coin, input.psbtVersion) };
  const [signed] = hand.merged;
  if (signed === undefined) return { waits: psbts };
  const pledge = pledgeOfPsbt(campaign, network, signed);
  if (outpointText(pledge) !== outpointText(coin) || pledge.sat !== coin.sat || pledge.script !== coin.script)
    throw new Refusal(
      'transaction-differs',
      `a pledge of ${outpointText(pledge)} found, ${outpointText(coin)} expected`,
    );
  hashes.check(pledge);
  return { pledge, psbts };
}

/** Returns the split until its coin exists, then the pledge's message. */
export function repeatedPledge(own: OwnPledge, coins: Facts['coins'], mayTrust: boolean) {
  const common = { copies: [revocationCopy(own)], passing: true as const };
  if (own.split && !isSigned(own.split)) {
    return {
      ...common,
      waits: { split: fundingPsbt(own.split) },
      hint: `sign the split in the wallet that owns its coins; ${purposeOf(own.campaign, own.pledge.sat)}`,
      writes: { own },
    };
  }
  if (own.state === 'split' && (coins === 'not-checked' ? !mayTrust : lackOf(own.pledge, coins)))
    return {
      ...common,
      message: pledgeMessage(own),
      exit: 3 as const,
      hint: `send this split (spillway broadcast); once a block has it the same command prints the pledge; ${purposeOf(own.campaign, own.pledge.sat)}`,
      checks: { split: coins === 'not-checked' ? 'not-checked' : 'unconfirmed' },
      writes: { own },
    };
  // Until a node shows the split coin, the coins that fund it stay reserved.
  const held = coins === 'not-checked' ? own.coins : [];
  const made: OwnPledge = {
    ...own,
    state: own.state === 'split' ? 'made' : own.state,
    coins: [...new Set([...held, outpointText(own.pledge)])],
  };
  const looked = coins === 'not-checked' ? 'not-checked' : 'confirmed';
  const hint = purposeOf(own.campaign, own.pledge.sat);
  return { ...common, message: pledgeMessage(made), hint, checks: { coin: looked }, writes: { own: made } };
}

/** Returns what a pledge of this amount is signed for, in words. */
export function purposeOf(campaign: Campaign, pledgedSat: bigint): string {
  const [first, ...more] = campaign.outputs;
  const others = more.length > 0 ? ` and ${more.length} more outputs` : '';
  return `${pledgedSat} sat are pledged to ${JSON.stringify(campaign.title)}: they move only in a transaction that pays ${goalOf(campaign)} sat, to ${first!.address}${others}`;
}

/** Returns the message of a record. @throws Refusal `revoked`, `wrong-state` for one given up */
export function pledgeMessage(own: OwnPledge) {
  const { state, network, campaign, pledge: made, sealed } = own;
  if (state === 'revoked')
    throw new Refusal('revoked', `the pledge of ${outpointText(made)} was taken back`, {
      hint: 'pledge another amount, or another coin by --coin',
    });
  // A cancelled pledge was never printed, and is not watched.
  if (state === 'cancelled')
    throw new Refusal('wrong-state', `the pledge of ${outpointText(made)} was given up`, {
      hint: 'the campaign with the same --amount begins a new one',
    });
  if (state !== 'split')
    return {
      step: 'pledged' as const,
      network,
      campaign: campaign.id,
      pledge: sealed ? null : pledgeInForm(made),
      sealed,
    };
  const split = own.split!;
  if (!isSigned(split)) throw new Refusal('not-signed', 'the split of this pledge waits for another wallet');
  const psbt = { split: fundingPsbt(split) };
  return {
    step: 'split' as const,
    network,
    campaign: campaign.id,
    txid: txidOf(split.template),
    hex: fundingHex(split),
    psbt,
  };
}

const FIELD = 'pledge';
const endsOf = (campaign: string) => ({ field: FIELD, hash: hexToBytes(campaign) });

/**
 * Encrypts a pledge to the collector. The sender's key derives from the coin's key and the plain
 * text, so no key ever encrypts two texts.
 */
function sealPledge({ id, auth }: Campaign, pledge: Pledge, secret: Uint8Array): Sealed {
  const plain = utf8ToBytes(canonicalJson(pledge));
  const sender = taggedHash('spillway/pledge-sender', secret, hexToBytes(id), plain);
  return {
    sender: bytesToHex(publicBytes(secretScalar(sender))),
    text: sealField(endsOf(id), plain, sender, { key: evenKey(auth), of: COLLECTOR }),
  };
}

/** Opens a sealed pledge by the collector's key. @throws Refusal `sealed-unreadable` */
export function openPledge(campaign: string, { sender, text }: Sealed, secret: Uint8Array): Pledge {
  const plain = openField(endsOf(campaign), text, evenSecret(secret), sender);
  if (!plain)
    throw new Refusal('sealed-unreadable', 'the pledge is sealed to another collector, or was altered', {
      blame: PLEDGER,
    });
  return parseAs(pledgeForm, parseJson(new TextDecoder().decode(plain)));
}
