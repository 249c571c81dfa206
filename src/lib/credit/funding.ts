/** The transaction that funds a credit contract. Its making and its signatures: `bitcoin/funding.ts`. */
import { outpointIn, ownCoins, payContract, readPayment } from '../bitcoin/funding.ts';
import { outpointText } from '../bitcoin/outpoint.ts';
import type { Output, Spent, Template } from '../bitcoin/transaction.ts';
import type { Facts } from '../protocol/action.ts';
import type { PayeeCredit } from './states.ts';
import { keysOf, type Contract, type Terms } from './terms.ts';

const outputOf = (terms: Terms): Output => ({ sat: terms.capacity_sat, script: keysOf(terms).script });

/** Returns the funding transaction, from coins of a wallet, with the rest to `change`. */
export const fundFrom = (
  terms: Terms,
  coins: readonly Spent[],
  change: string,
  feerate: number,
  allowFee: boolean,
): Template => payContract(outputOf(terms), { coins, change, feerate, network: terms.network, allowFee });

/** The PSBT that another wallet made to fund the contract, checked. */
export const readFunding = (terms: Terms, psbt: string, allowFee: boolean): Template =>
  readPayment(outputOf(terms), psbt, allowFee);

/** The coins of this home in it, checked. */
export const ownFunding = (terms: Terms, template: Template, facts: Pick<Facts, 'ours' | 'coins' | 'reserved'>) =>
  ownCoins(outputOf(terms), template, facts);

/** Returns the place of the contract's output in its funding transaction. */
export const contractOutpoint = (terms: Terms, template: Template): Contract['outpoint'] =>
  outpointIn(template, keysOf(terms).script);

/** Returns the record, marked as funded once a step has seen the coin: no stranger's any more. */
export const seenFunded = <C extends PayeeCredit>(c: C, coins: Facts['coins']): C =>
  c.funded || coins === 'not-checked' || !coins.has(outpointText(c.outpoint)) ? c : { ...c, funded: true };
