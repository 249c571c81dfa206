/**
 * Ecash in hand: one record a token, from the draw of its outputs until its mint shows it as spent.
 *
 * A token goes asked ⇄ refused → signed → printed → spent. A mint that refuses outputs may have
 * signed them all the same, so `refused` is no end: it is asked about them again. Secrets are not
 * in the record: they derive from the home's seed and the counters of the keyset (NUT-13). Not
 * here: what a contract waits for (`ledger.ts`), asking the mint (`cashu/`).
 */
import { bytesToHex } from '../bitcoin/bytes.ts';
import type { Claim, Hex, Kind, RecordRow } from '../protocol/action.ts';
import { believing, each, fixed, onceOnly, united } from '../protocol/belief.ts';
import { withSats } from '../protocol/json.ts';
import { taggedTextHash } from '../signing/curve.ts';
import type { BlindPromise, OutputPlace } from './outputs.ts';

export interface TokenRecord {
  /** Id: keyset, first and last counter, how many, and a hash if there are gaps. */
  id: string;
  /** Contract over which it was paid. */
  contract: Hex;
  /** Mint that the token names: a URL, or `spillway:KEY` for one in a home. */
  mint: string;
  keyset: Hex;
  /** Counters and amounts of the coins that are not known to be spent. */
  places: readonly OutputPlace[];
  /** Quote of a running mint that pays for it; null if a message of its contract brought it. */
  quote: string | null;
  /** The mint's blind signatures, one a place; null before they came. */
  promises: readonly BlindPromise[] | null;
  /** Coins that the mint called spent; it may have been wrong. */
  spent: readonly TokenCoin[];
  state: 'asked' | 'refused' | 'signed' | 'printed' | 'spent';
  /** True for a restored or recovered token, which may have been printed and spent before. */
  older: boolean;
}
export interface TokenCoin {
  place: OutputPlace;
  promise: BlindPromise;
}
export type SignedToken = TokenRecord & { promises: readonly BlindPromise[] };

/** Returns the id of a token; its counters are hashed in, as two with gaps may share their ends. */
function idOf(keyset: Hex, places: readonly OutputPlace[]): string {
  const counters = places.map(({ counter }) => counter).sort((a, b) => a - b);
  const [first, last] = [counters[0]!, counters.at(-1)!];
  const gaps =
    last - first >= counters.length ? `/${bytesToHex(taggedTextHash('spillway/token', counters.join()))}` : '';
  return `${keyset}/${first}-${last}/${counters.length}${gaps}`;
}

/** Returns the claim of the token that these coins make. */
export const tokenClaim = (keyset: Hex, places: readonly OutputPlace[]): Claim => `ecash:token/${idOf(keyset, places)}`;

/**
 * Makes a token's record.
 * @param of `promises` null for outputs not sent yet: they are stored first, so that no others are
 * sent in their place
 */
export const newToken = (
  of: Pick<TokenRecord, 'contract' | 'mint' | 'keyset' | 'places' | 'quote' | 'promises'> & { older?: boolean },
): TokenRecord => ({
  older: false,
  spent: [],
  ...of,
  id: idOf(of.keyset, of.places),
  state: of.promises === null ? 'asked' : 'signed',
});

export const tokenSat = ({ places }: Pick<TokenRecord, 'places'>): bigint =>
  places.reduce((sum, { amountSat }) => sum + amountSat, 0n);

export const isSignedToken = (t: TokenRecord): t is SignedToken => t.promises !== null && t.state !== 'spent';

/** Returns the token without the coins whose counters are known to be spent. */
export function withoutSpent(t: SignedToken, spent: ReadonlySet<number>): TokenRecord {
  if (!t.places.some(({ counter }) => spent.has(counter))) return t;
  const coins = t.places.map((place, i) => ({ place, promise: t.promises[i]! }));
  const left = coins.filter(({ place }) => !spent.has(place.counter));
  return {
    ...t,
    ...coinFields(left),
    spent: [...t.spent, ...coins.filter(({ place }) => spent.has(place.counter))],
    ...(left.length === 0 && { state: 'spent' }),
  };
}

/** Returns the coins of a token that its mint called spent, as a token; undefined if none. */
export const spentPart = (t: TokenRecord): SignedToken | undefined =>
  t.spent.length === 0 ? undefined : { ...t, ...coinFields(t.spent), spent: [], state: 'printed' };

/** Returns the fields of a token with these coins. */
export const coinFields = (coins: readonly TokenCoin[]) => ({
  places: coins.map(({ place }) => place),
  promises: coins.map(({ promise }) => promise),
});

const RANK = { asked: 0, refused: 0, signed: 1, printed: 2, spent: 3 } as const;

export const tokenKind: Kind<TokenRecord> = {
  name: 'token',
  parse: (json) => withSats(json) as TokenRecord,
  claims: (t) => [`ecash:token/${t.id}`],
  row: (t): RecordRow => ({
    name: `token ${t.id}`,
    state: t.state,
    highSat: 0n,
    limitSat: 0n,
    left: t.state === 'spent',
    ...(t.state === 'spent' && { over: 'ended' }),
  }),
  ...believing<TokenRecord>(
    {
      ...each(fixed, 'id', 'contract', 'mint', 'keyset', 'places', 'quote', 'state'),
      promises: onceOnly,
      spent: united(({ place }) => String(place.counter)),
      older: { restored: () => true },
    },
    // Of two in one state the later version knows of more spent coins.
    {
      isLater: (a, b) =>
        RANK[a.state] - RANK[b.state] > 0 || (a.state === b.state && a.places.length < b.places.length),
    },
  ),
};
