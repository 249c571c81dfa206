/** statechain-audit: the operator's signed record of a coin. Anyone can check it (`verify.ts`). */
import { table, type Hex } from '../protocol/action.ts';
import { idClaim } from '../protocol/claims.ts';
import { Refusal } from '../protocol/refusal.ts';
import { operatorsOwn, publicRecord } from './operator.ts';
import { statecoinKind, type Statecoin } from './records.ts';
import type { PublicRecord } from './statements.ts';
import { knownTip } from './terms.ts';

/** Document of `statechain-audit`. */
export interface AuditDocument {
  step: 'audited';
  network: string;
  record: PublicRecord;
}
export interface AuditInput {
  contract?: Hex;
}

/** Table of `statechain-audit`: the operator's signed statement of a coin. */
export const auditStatechain = table<AuditDocument, { coin: Statecoin }, AuditInput>(
  {
    type: 'statechain-audit',
    kinds: { coin: statecoinKind },
    parse: () => {
      throw new Refusal('usage', 'statechain-audit reads no message', { hint: 'give --contract ID' });
    },
    find: (_, input) => ({ coin: idClaim(input.contract ?? '') }),
    party: ({ records: { coin } }) => {
      if (!coin) throw new Refusal('unknown-contract', 'no such coin in this home');
      return coin.role;
    },
    peer: () => null,
    sealWith: () => null,
  },
  (row) => [
    row({
      name: 'audited',
      after: null,
      by: 'operator',
      does: 'prints keys, offsets, locktimes, everything signed and the state, under its signature',
      asks: ['contract'],
      needs: () => ({ tip: true }),
      take: ({ records: { coin }, facts, ...hand }) => {
        const record = publicRecord(hand, operatorsOwn(coin), knownTip(facts.tip));
        return { message: { step: 'audited', network: hand.network, record }, writes: {} };
      },
    }),
  ],
);
