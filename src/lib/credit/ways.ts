/**
 * Ways out of a credit contract that a party can go alone: the payee's exit, the payer's refund. By
 * size, from terms alone, and finished, from what `exit-credit` prints. The exit's fee is held back
 * from the payer's remainder. Also the transaction that any other document carries: what
 * `broadcast` sends, `bump` pays for and `inspect` explains.
 * Not here: when each is due (`exit.ts`), how packages are made of it (`contract/exit-package.ts`).
 */
import { scriptLike, scriptOf } from '../bitcoin/address.ts';
import type { Network } from '../bitcoin/network.ts';
import type { Spent } from '../bitcoin/transaction.ts';
import { fundingIn, type Settlement } from '../contract/copy.ts';
import type { Exit } from '../contract/exit-package.ts';
import { ANY_SCRIPT, childOfSize, legTo, type WayOut } from '../contract/quote.ts';
import type { Moment } from '../contract/moment.ts';
import type { Hex } from '../protocol/action.ts';
import type { Document } from '../protocol/message.ts';
import { Refusal } from '../protocol/refusal.ts';
import { keysOf, type ContractView, type Role, type Terms } from './terms.ts';

interface Sides {
  payer: Hex;
  payee: Hex;
  /** Feerate of exit and refund, sat/vB. */
  feerate: number;
  /** Moment from which the refund is valid. */
  refund: Moment;
}
const PARTIES = ['payer', 'payee'] as const;
const wayOf = (who: Role, { payer, payee, feerate, refund }: Sides): WayOut => {
  const script = who === 'payer' ? payer : payee;
  const rest = { childVsize: childOfSize(script), ...(who === 'payer' ? { from: [refund] } : { bears: false }) };
  return { who, script, legs: [legTo(who === 'payer' ? [payer] : [payee, payer], feerate * 1000, rest)] };
};

/** Returns a party's way out of a contract by its terms. */
export const creditWay = (
  who: Role,
  terms: Pick<Terms, 'network' | 'payer_address' | 'payee_address' | 'exit_feerate' | 'expiry'>,
): WayOut =>
  wayOf(who, {
    payer: scriptLike(terms.payer_address, terms.network),
    payee: scriptLike(terms.payee_address, terms.network),
    feerate: terms.exit_feerate,
    refund: { height: terms.expiry + 1 },
  });

/** Returns each party's way out under the terms of a message. */
export function waysOfCredit({ offer, network, contract, next_contract, terms }: Document): readonly WayOut[] {
  const found = next_contract ?? contract ?? terms;
  if (found) return PARTIES.map((who) => creditWay(who, { ...found, network }));
  if (!offer) return [];
  const { policy, address } = offer;
  const payee = scriptOf(address, network as Network);
  const refund = { confirmations: Number(policy.max_blocks) };
  const sides = { payer: ANY_SCRIPT, payee, feerate: Number(policy.exit_feerate), refund };
  return PARTIES.map((who) => wayOf(who, sides));
}

const spentBy = (c: ContractView, network: string): Spent => ({
  ...c.outpoint,
  sat: BigInt(c.capacity_sat),
  script: keysOf({ ...c, network } as unknown as Terms).script,
});

/**
 * Returns the transaction that a printed `ready`, `complete`, `exit` or `refund` carries;
 * undefined for any other document.
 */
export function settlementOf(document: Document): Settlement | undefined {
  const { type, network, step } = document;
  if (type === 'open-credit' && step === 'ready') return fundingIn(network, document['psbt'].funding);
  if (!['exit-credit', 'close-credit', 'rollover'].includes(type)) return undefined;
  if (typeof document['hex'] !== 'string')
    throw new Refusal(
      step === 'refund' ? 'not-final' : 'not-signed',
      `a ${type} at '${step}' found, which holds no finished transaction yet`,
    );
  const topUps = ((document['top_ups'] ?? []) as { txid: Hex; vout: number; amount_sat: number; script: Hex }[]).map(
    ({ amount_sat, ...c }) => ({ ...c, sat: BigInt(amount_sat) }),
  );
  return { network, hex: document['hex'], spends: [spentBy(document['contract'], network), ...topUps] };
}

/** Returns the way out in an `exit-credit` document. @throws Refusal `not-final` for a refund */
export function creditExit(document: Document): Exit {
  const { hex, spends, network } = settlementOf(document)!;
  const { contract, kind } = document;
  const isExit = kind === 'exit';
  const why = isExit ? 'takes what was paid, before the payer can take a refund' : 'takes back what was not paid';
  return {
    contract: contract.id,
    network: network as Network,
    script: scriptOf(isExit ? contract.payee_address : contract.payer_address, network as Network),
    steps: [{ hex, spends, by: isExit ? contract.expiry : null, why, bears: !isExit }],
  };
}
