/**
 * The kind of record that a statecoin is: by which claims it is found, which nonces stay open for
 * it, what the store's schema guards of it. Its states: `states.ts`; what is left of it after a
 * restore: `restore.ts`.
 */
import type { Claim, Hex, Kind, RecordRow } from '../protocol/action.ts';
import { coinClaim, coinIdClaim, idClaim, keyClaim } from '../protocol/claims.ts';
import { withSats } from '../protocol/json.ts';
import type { Figures } from '../protocol/figures.ts';
import { Refusal } from '../protocol/refusal.ts';
import { merged, restored } from './restore.ts';
import {
  isOperators,
  isOwners,
  isWatched,
  keyOf,
  type OperatorRecord,
  type OwnerCoin,
  type Role,
  type Statecoin,
} from './states.ts';
import { locktimeAt, viewOf } from './terms.ts';

export * from './states.ts';

const shareClaim = (name: string): Claim => `share:${name}`;

function claimsOf(c: Statecoin): readonly Claim[] {
  switch (c.state) {
    case 'offered':
      return [keyClaim(c.offer.pubkey), shareClaim(c.share)];
    case 'cancelled':
      return [keyClaim(c.key)];
    case 'invited':
    case 'declined':
      return [keyClaim(c.side.pubkey)];
    case 'received':
      return [keyClaim(c.side.pubkey), ...(c.nonce === null ? [] : [coinIdClaim(c.id)])];
    case 'gone':
      return c.superseded ? [keyClaim(c.side.pubkey)] : [keyClaim(c.side.pubkey), idClaim(c.id)];
    case 'addressed':
      return ownerClaims(c);
    default:
      return c.role === 'operator'
        ? operatorClaims(c)
        : [...ownerClaims(c), ...(c.state === 'closed' ? [] : c.coins.map(coinClaim))];
  }
}

/** Coin of an owner. The operator's key finds it while it has its first owner. */
type OpenedCoin = Pick<OwnerCoin, 'id' | 'side' | 'terms'> & Partial<Pick<OwnerCoin, 'entries' | 'superseded'>>;
const ownerClaims = (c: OpenedCoin): Claim[] => [
  ...(c.superseded ? [] : [idClaim(c.id)]),
  keyClaim(c.side.pubkey),
  ...((c.entries ?? []).length < 2 ? [keyClaim(c.terms.operator_pubkey)] : []),
];

/**
 * Every key that was ever shown for the coin. Not the outpoint, which whoever pays nothing can
 * state: its transaction's id covers its script, and that is one share's alone, so of all coins
 * stated there one at most is on the chain.
 */
function operatorClaims(c: OperatorRecord): readonly Claim[] {
  const frozen = c.state === 'frozen' ? c.frozen : undefined;
  const keys = [
    ...c.entries.flatMap((e) => [e.operator_pubkey, e.owner_pubkey]),
    ...c.cancelled.flatMap((e) => [e.operator_pubkey, e.owner_pubkey]),
    ...(frozen ? [frozen.opening.operator_pubkey, frozen.invite.pubkey] : []),
  ];
  const shares = [c.share, frozen?.share].filter((name): name is string => typeof name === 'string');
  return [idClaim(c.id), ...[...new Set(keys)].map(keyClaim), ...shares.map(shareClaim)];
}

/** Returns the own key with which the record began, which tells two of one coin apart. */
function firstKey(c: Statecoin): Hex {
  if (c.state === 'cancelled') return c.key;
  if (c.role === 'owner') return c.side.pubkey;
  return c.state === 'offered' ? c.offer.pubkey : c.terms.operator_pubkey;
}

/** Returns whether the record may be pruned. Owners may have to repeat their messages. */
function overOf(c: Statecoin): Pick<RecordRow, 'over'> {
  if (c.role !== 'operator') return {};
  if (c.state === 'cancelled') return c.lost || c.invitation ? {} : { over: 'nothing' };
  return c.state === 'closed' ? { over: 'ended' } : {};
}

/** Kind of the records of statecoins. */
export const statecoinKind: Kind<Statecoin> = {
  name: 'statecoin',
  parse: (json) => withSats(json) as Statecoin,
  claims: claimsOf,
  nonces(c): readonly Hex[] {
    if (c.state === 'withdrawing') return c.withdrawals.map(({ sighash }) => sighash);
    return 'nonce' in c && c.nonce !== null ? [c.nonce] : [];
  },
  key: (c) => keyClaim(firstKey(c)),
  row(c): RecordRow {
    const name = 'id' in c ? c.id : c.state === 'cancelled' ? c.key : keyOf(c);
    // The store guards that the number of signatures never falls.
    const count = isOperators(c) ? BigInt(c.signed.length) : 0n;
    const left =
      (c.state === 'cancelled' && !c.lost && !c.invitation) ||
      c.state === 'gone' ||
      (c.state === 'closed' && c.role === 'operator');
    return { name, state: c.state, highSat: count, limitSat: 1_000_000n, left, ...overOf(c) };
  },
  figures: (c): Figures => {
    if (!isWatched(c)) return {};
    const position = c.entries.length - 1;
    const height = BigInt(locktimeAt(c.terms, position));
    return isOwners(c) && position > 0 ? { leaves: height } : { held: height };
  },
  completed(c) {
    if (isOwners(c)) return { ...c, restored: false, declined: c.declined === true };
    return c.role === 'owner' && 'restored' in c ? { ...c, restored: false } : c;
  },
  spent: (c) => (isOperators(c) ? [{ outpoint: c.outpoint, ways: [] }] : []),
  restored,
  merged,
  beside: (c) => (isOwners(c) ? { ...c, superseded: true } : c),
  yields: (mine, to) =>
    isOwners(mine) && isOwners(to) && mine.entries.length < to.entries.length
      ? { ...mine, superseded: true }
      : undefined,
};

/** The coin as every message about it states it. */
export const statedCoin = (c: Statecoin | undefined) => (c && 'outpoint' in c ? { coin: viewOf(c) } : undefined);

/** Returns the record in one of these states. @throws Refusal `unknown-contract`, `wrong-state` */
export function inState<S extends Statecoin['state'], R extends Role>(
  c: Statecoin | undefined,
  role: R,
  ...states: S[]
): Extract<Statecoin, { role: R; state: S }> {
  if (!c) throw new Refusal('unknown-contract', `this home knows no such coin as ${role}`);
  if (c.role !== role) throw new Refusal('bug', `a step of the ${role} with a record of the ${c.role}`);
  if (!(states as string[]).includes(c.state))
    throw new Refusal(
      'wrong-state',
      `the coin is '${c.state}' in this home, ${states.map((s) => `'${s}'`).join(' or ')} expected`,
      {
        hint:
          c.state === 'offering'
            ? 'spillway statechain-transfer --contract ID --cancel takes the offer back'
            : 'spillway status says what the coin waits for; statechain-exit leaves alone',
      },
    );
  return c as Extract<Statecoin, { role: R; state: S }>;
}
