/**
 * The operator's side of every action: its one key, its signed record, its receipts.
 *
 * One authentication key for all its coins, at a fixed place in the tree of its home, so that
 * receivers can pin it; it signs messages, records and receipts, never a transaction. Its shares
 * are random and in no seed.
 */
import type { Hand, Hex, Path } from '../protocol/action.ts';
import { homeRestored, Refusal } from '../protocol/refusal.ts';
import type { Own } from '../signing/exchange.ts';
import { xOnlyKey } from '../signing/bip340.ts';
import { bytesToHex, parseScalar } from '../signing/curve.ts';
import { isOperators, type OperatorRecord, type Statecoin } from './records.ts';
import { RECEIPT_TEXT, signStatement, type PublicRecord, type Receipt } from './statements.ts';
import { viewOf } from './terms.ts';

/** Fixed path of the operator's key, which no drawn path (124 random bits) equals. */
const PATH: Path = [0, 0, 0, 0];
export const OPERATOR: Own = { path: PATH, outside: false };

const secretOf = (hand: Pick<Hand, 'keys'>): Uint8Array => hand.keys.auth(PATH);
export const operatorKey = (hand: Pick<Hand, 'keys'>): Hex => xOnlyKey(secretOf(hand));

/** Draws a secret scalar that no seed gives back: a destroyed share must stay lost. */
export function drawSecret(hand: Pick<Hand, 'random'>): Uint8Array {
  for (;;) {
    const drawn = hand.random(32);
    if (parseScalar(drawn) !== undefined) return drawn;
  }
}
/** The name of a new share's file. */
export const drawName = (hand: Pick<Hand, 'random'>): string => bytesToHex(hand.random(16));

/**
 * A share is used by the operator's own, whole home only.
 * @throws Refusal `home-restored`, `contract-restored`
 */
export function checkServes(hand: Pick<Hand, 'restored'>, c?: OperatorRecord): void {
  if (hand.restored) throw homeRestored('it signs nothing as operator');
  if (c?.restored)
    throw new Refusal('contract-restored', 'this coin is from a restored store: its share is gone, its owner exits');
}

/** Returns the operator's record of an open coin. */
export function operatorsOwn(c: Statecoin | undefined): OperatorRecord {
  if (!isOperators(c)) throw new Refusal('bug', 'a step of an operator without the record of an open coin');
  return c;
}

/** Returns the cancelled openings of the present owner; earlier ones cannot be completed. */
export const givenUp = ({ cancelled, entries }: Pick<OperatorRecord, 'cancelled' | 'entries'>) =>
  cancelled.filter((c) => c.owners === entries.length);

/** Returns the operator's signed statement of a coin. */
export function publicRecord(hand: Pick<Hand, 'keys'>, c: OperatorRecord, tip: number): PublicRecord {
  const { frozen } = c.state === 'frozen' ? c : { frozen: undefined };
  const statement: Omit<PublicRecord, 'signature'> = {
    coin: viewOf(c),
    state: c.restored ? 'exit-only' : c.state,
    entries: [...c.entries],
    signed: [...c.signed],
    count: new Set(c.signed.map((s) => s.sighash)).size,
    opening: frozen ? { ...frozen.opening, owner_pubkey: frozen.invite.pubkey, owner_auth: frozen.invite.auth } : null,
    cancelled: givenUp(c),
    height: tip,
  };
  return { ...statement, signature: signStatement('record', statement, secretOf(hand)) };
}

/** Returns the receipt of the last transfer, which proves the sender's payment. */
export function receiptOf(hand: Pick<Hand, 'keys'>, c: OperatorRecord): Receipt {
  const last = c.entries.at(-1)!;
  const statement = {
    text: RECEIPT_TEXT,
    coin: c.id,
    owners: c.entries.length,
    from_pubkey: c.entries.at(-2)!.owner_pubkey,
    owner_pubkey: last.owner_pubkey,
    owner_auth: last.owner_auth,
    operator_pubkey: last.operator_pubkey,
    offset: last.offset,
    count: c.entries.length,
    sighash: last.sighash,
  } as const;
  return { ...statement, signature: signStatement('receipt', statement, secretOf(hand)) };
}
