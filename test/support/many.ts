/** Contracts for homes of many: each with a name, keys and a coin of its own, else as a real one is. */
import { randomBytes } from 'node:crypto';
import type { PayeeCredit } from '../../src/lib/credit/records.ts';

const hex = (bytes: number): string => randomBytes(bytes).toString('hex');

/** A copy of the contract. Its id and exit do not follow from its terms, which costs some milliseconds: reports read neither. */
export const many = (
  pattern: PayeeCredit,
  { expiry = pattern.terms.expiry, paidSat = pattern.paidSat }: { expiry?: number; paidSat?: bigint } = {},
): PayeeCredit => ({
  ...pattern,
  id: hex(32),
  terms: { ...pattern.terms, payer_pubkey: `02${hex(32)}`, payee_pubkey: `02${hex(32)}`, expiry },
  outpoint: { txid: hex(32), vout: 0 },
  paidSat,
  live: [],
});
