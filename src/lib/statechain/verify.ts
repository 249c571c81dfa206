/**
 * statechain-verify: what anyone can check of a statecoin out of one document, without a home: an
 * operator's record, and the backups where they are with it. All findings are said.
 */
import * as v from 'valibot';
import { knownNetwork, type Network } from '../bitcoin/network.ts';
import { outpointText } from '../bitcoin/outpoint.ts';
import type { Facts, Hex } from '../protocol/action.ts';
import { hexText, parseAs } from '../protocol/message.ts';
import { checkChain, checkHistory, type HistoryFault, type History } from './history.ts';
import { givenUp } from './operator.ts';
import { recordSchema, STATEMENT_LIMITS } from './statements.ts';
import { readCoin, transfersLeft, type Coin } from './terms.ts';

export interface Readable extends History {
  network: Network;
  /** True if the document includes the backups. */
  whole: boolean;
}

const schema = v.object({
  network: v.string(),
  record: recordSchema,
  backups: v.optional(v.pipe(v.array(hexText), v.maxLength(STATEMENT_LIMITS.owners.most))),
});

/** @throws Refusal `malformed-message`, `wrong-network`, `terms-differ`, `key-rejected` */
export function readHistory(json: unknown): Readable {
  const { record, backups, ...read } = parseAs(schema, json);
  const network = knownNetwork(read.network);
  return {
    network,
    coin: readCoin(record.coin, network, 'document'),
    record,
    backups: backups ?? [],
    whole: !!backups,
  };
}

/** Report of `statechain-verify`. */
export interface Verification {
  type: 'statechain-verification';
  version: 1;
  network: string;
  contract: Hex;
  operator: Hex;
  outpoint: string;
  amount_sat: bigint;
  state: string;
  owners: number;
  count: number;
  /** Number of cancelled openings of the present owner, who knows which were declined. */
  given_up: number;
  transfers_left?: number;
  valid: boolean;
  findings: HistoryFault[];
  checks: Record<string, string>;
}

/** @param least blocks that the last backup must be away */
export function verify(
  from: Readable,
  pinned: Hex | undefined,
  facts: Pick<Facts, 'tip' | 'coins'>,
  least: number,
): Verification {
  const { coin, record, whole } = from;
  const operator = pinned ?? coin.terms.operator;
  const all = checkHistory(from, operator);
  // In a document without backups their absence is no finding; all other findings count.
  const found = [...(whole ? all : all.filter((f) => f.code !== 'chain-gap')), ...checkChain(from, facts, least)];
  return {
    type: 'statechain-verification',
    version: 1,
    network: from.network,
    contract: coin.id,
    operator: coin.terms.operator,
    outpoint: outpointText(coin.outpoint),
    amount_sat: coin.terms.amount_sat,
    state: record.state,
    owners: record.entries.length,
    count: record.count,
    given_up: givenUp(record).length,
    ...leftOf(coin, record.entries.length, facts.tip),
    valid: found.length === 0,
    findings: found,
    checks: {
      operator: pinned === undefined ? 'not-pinned' : 'pinned',
      backups: whole ? 'checked' : 'not-checked',
      tip: facts.tip === 'not-checked' ? 'not-checked' : 'checked',
      coins: facts.coins === 'not-checked' ? 'not-checked' : 'checked',
    },
  };
}
const leftOf = (coin: Coin, owners: number, tip: Facts['tip']): { transfers_left?: number } =>
  tip === 'not-checked' ? {} : { transfers_left: transfersLeft(coin.terms, owners - 1, tip) };
