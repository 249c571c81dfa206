/**
 * statechain-exit: the unilateral exit. The owner's backup at its height, with the child that pays
 * for both (a TRUC package); or as a bundle without secrets, for a watchtower and for the day when
 * the home is gone.
 *
 * A backup must be in a block before the backup of the owner before becomes final: unconfirmed, it
 * can be replaced by that one.
 */
import * as v from 'valibot';
import { scriptOf } from '../bitcoin/address.ts';
import { checkSpendable, outpointsOf } from '../bitcoin/coin-checks.ts';
import { fundingHex, isSigned, signFunding, withAnchors } from '../bitcoin/funding.ts';
import { earlyHint } from '../bitcoin/locktime.ts';
import type { Network } from '../bitcoin/network.ts';
import { addedInputs, childOf } from '../bitcoin/package.ts';
import { txidOfHex, vsizeOfHex, type Spent } from '../bitcoin/transaction.ts';
import { outcomeNeeds, type TrackedCoin } from '../contract/outcome.ts';
import type { Verdict } from '../contract/status.ts';
import { table, type Facts, type Hand, type Hex, type WalletPath } from '../protocol/action.ts';
import { idClaim } from '../protocol/claims.ts';
import { parseAs } from '../protocol/message.ts';
import { Refusal } from '../protocol/refusal.ts';
import { keyPathScript } from '../signing/keyset.ts';
import { bundleEntries, bundleOf, type StatecoinBundle } from './backup.ts';
import { checkBackup } from './history.ts';
import { isOwners, mayBeAnothers, statecoinKind, type OwnerRecord, type Statecoin } from './records.ts';
import { followedBundle, followedCoin, standingOf } from './standing.ts';
import { confirmBefore, locktimeAt, readCoin, type Coin } from './terms.ts';
import { ANCHOR, ANCHOR_VOUT, backupSighash, PAYOUT_VOUT } from './transactions.ts';

/** Documents of `statechain-exit`: a bundle or a finished exit. */
export type ExitDocument =
  | ({ step: 'bundle'; network: string; verdict: Verdict } & StatecoinBundle)
  | ({ step: 'exit'; network: string; verdict: Verdict } & Omit<StatecoinBundle, 'hex'> &
      Partial<{
        hex: Hex;
        /** Parent and child, for submitpackage. */
        package: readonly [Hex, Hex];
        txids: readonly [Hex, Hex];
        fee_sat: bigint;
        amount_sat: bigint;
      }>);
export interface ExitInput {
  contract?: Hex;
  /** Prints only the bundle. */
  bundle?: true;
  /** Refuse a coin that is another's by now. */
  leaves?: true;
  /** A bundle, in place of a record. */
  from?: StatecoinBundle & { network: string; moved?: boolean | undefined };
  utxo?: readonly Spent[];
  allowFee?: boolean;
}
type Rs = { coin: Statecoin };

/** Table of `statechain-exit`: leave with the backup, or bundle it for a tower. */
export const exitStatechain = table<ExitDocument, Rs, ExitInput>(
  {
    type: 'statechain-exit',
    kinds: { coin: statecoinKind },
    parse: () => {
      throw new Refusal('bug', 'statechain-exit takes a bundle as its input');
    },
    find: (_, { contract }) => (contract === undefined ? {} : { coin: idClaim(contract) }),
    party: ({ records: { coin }, input }) => {
      if (!coin && !input.from) throw new Refusal('unknown-contract', 'no such coin in this home');
      return coin?.role ?? 'owner';
    },
    peer: () => null,
    sealWith: () => null,
  },
  (row) => [
    row({
      name: 'bundle',
      after: null,
      by: 'owner',
      stands: true,
      does: 'prints the finished backup, without secrets and whatever the height',
      when: ['with --bundle and --contract', ({ input }) => input.bundle === true && !input.from],
      asks: ['contract', 'bundle'],
      may: ['leaves', 'allowFee'],
      needs: ({ records: { coin } }) => ({ ...chainOf(coin), ours: scriptsOf(coin) }),
      take: ({ records, input, facts, network }) => {
        const c = holder(records.coin, input.leaves ? undefined : 'gone');
        const bundle = bundleOf(c, c.entries, c.backups.at(-1)!, facts.ours);
        const { verdict } = standingOf(followedCoin(c), bundle, facts);
        const message = { step: 'bundle', network, ...bundle, verdict } as const;
        const doubted = input.leaves && mayBeAnothers(c) && { hint: ANOTHERS };
        return { message, writes: {}, ...doubted, ...(c.state === 'gone' && { exit: 3, hint: GONE }) };
      },
    }),
    row({
      name: 'exit',
      after: null,
      by: 'owner',
      stands: true,
      does: 'prints backup and child as a package, from the height of the backup on',
      when: ['without --bundle, or from a bundle', ({ input }) => !input.bundle || input.from !== undefined],
      may: ['contract', 'from', 'utxo', 'allowFee'],
      needs: ({ records: { coin }, input: { from, utxo = [] } }) => {
        const { coins, ...chain } = from ? needsOf([followedBundle(from.coin, from.txid)]) : chainOf(coin);
        return {
          ...chain,
          coins: [...coins, ...outpointsOf(utxo)],
          reserved: outpointsOf(utxo),
          feerate: true as const,
          ours: [
            ...scriptsOf(coin),
            ...utxo.map((u) => u.script),
            ...(from ? [scriptOf(from.address, from.network as Network)] : []),
          ],
        };
      },
      take: ({ records, input, facts, ...hand }) => {
        const { coin, bundle } = input.from
          ? readStatecoinBundle(input.from, hand.network as Network)
          : ownBundle(holder(records.coin), facts.ours);
        const path = pathOf(hand, coin, bundle, facts.ours);
        const { hex, ...rest } = bundle;
        const gone = input.from?.moved === true && { exit: 3 as const, hint: GONE };
        const own = input.from ? undefined : holder(records.coin);
        const { verdict, words } = standingOf(
          own ? followedCoin(own) : followedBundle(coin, bundle.txid),
          bundle,
          facts,
        );
        const said = { step: 'exit', network: hand.network, ...rest, verdict } as const;
        if (verdict === 'lost' || verdict === 'dead' || verdict === 'unfunded')
          return { message: { ...said, hex }, exit: 3, hint: words!, writes: {} };
        if (facts.tip === 'not-checked' || facts.tip < bundle.valid_from_height - 1)
          return {
            message: said,
            exit: 3,
            hint: earlyHint('the backup', bundle.valid_from_height - 1, facts.tip),
            writes: {},
          };
        const made = path && packageOf(hand, coin, { ...bundle, path }, input, facts);
        if (!made)
          return {
            message: { ...said, hex },
            exit: 3,
            hint: 'the backup pays another wallet: let that wallet spend its output and the anchor, or pay from the anchor alone with spillway bump --utxo FILE --change ADDRESS',
            writes: {},
          };
        return {
          message: { ...said, hex, ...made },
          writes: {},
          ...(verdict === 'late' && { hint: LATE }),
          ...(verdict === 'done' && { hint: words! }),
          ...(verdict === 'pending' && { hint: `${words}; ${dearer(bundle)}` }),
          ...gone,
          ...(verdict === 'due' &&
            bundle.confirm_before_height !== null && {
              hint: `it must be in a block below ${bundle.confirm_before_height}: watch it, and run this again with a higher --feerate`,
            }),
          ...(verdict === 'due' && own && mayBeAnothers(own) && { hint: ANOTHERS }),
        };
      },
    }),
  ],
);

const GONE =
  'the coin has moved to another owner, whose backup is valid before this one: what is printed is evidence of what this home had, not an exit';
/** Returns the advice to raise the fee while the coin's spender is not final. */
const dearer = ({ confirm_before_height: before }: StatecoinBundle): string =>
  `until it is final run this again${before === null ? '' : ` before height ${before}`}: at a higher --feerate the package takes the place of what pays less`;
const ANOTHERS =
  'another may own it by now, and this would take it from that owner: the coin was sent and no receipt has come, or this home was restored';
const LATE =
  'the backup of the owner before is valid too: whichever confirms first wins, and the higher fee replaces the other';

/** Returns the questions about the chain. */
const chainOf = (c: Statecoin | undefined) => needsOf(isOwners(c) ? [followedCoin(c)] : []);
const needsOf = (coins: readonly TrackedCoin[]) => ({
  tip: true as const,
  ...outcomeNeeds(coins),
  known: coins.map(({ outpoint }) => outpoint.txid),
});
const scriptsOf = (c: Statecoin | undefined): Hex[] =>
  isOwners(c) ? [scriptOf(c.entries.at(-1)!.address, c.terms.network)] : [];

/** @throws Refusal `nothing-to-print` */
function holder(c: Statecoin | undefined, also?: 'gone'): OwnerRecord {
  if (!isOwners(c) || (c.state === 'gone' && also !== 'gone'))
    throw new Refusal(
      'nothing-to-print',
      `the coin is '${c?.state ?? 'unknown'}' in this home: there is no backup of its own to exit with`,
      c?.state === 'gone' ? { hint: '--bundle prints the one that it had' } : {},
    );
  return c;
}
const ownBundle = (c: OwnerRecord, ours: Facts['ours']): { coin: Coin; bundle: StatecoinBundle } => ({
  coin: c,
  bundle: bundleOf(c, c.entries, c.backups.at(-1)!, ours),
});

/**
 * A bundle from outside, believed only as far as it proves itself.
 * @throws Refusal `terms-differ`, `transaction-differs`, …
 */
export function readStatecoinBundle(
  from: NonNullable<ExitInput['from']>,
  network: Network,
): { coin: Coin; bundle: StatecoinBundle } {
  if (from.network !== network)
    throw new Refusal('wrong-network', `a bundle for ${from.network} found, this home is for ${network}`);
  const { network: _, moved: __, ...bundle } = from;
  const coin = readCoin(bundle.coin, network, 'bundle');
  const position = bundle.owners - 1;
  const to = { address: bundle.address, locktime: locktimeAt(coin.terms, position) };
  if (to.locktime < 0) throw new Refusal('terms-differ', 'a coin cannot have so many owners', { blame: 'bundle' });
  checkBackup(coin, { ...to, sighash: backupSighash(coin, to) }, bundle.hex);
  const derived = {
    valid_from_height: to.locktime + 1,
    confirm_before_height: confirmBefore(coin.terms, position),
    txid: txidOfHex(bundle.hex),
  };
  if (Object.entries(derived).some(([name, value]) => bundle[name as keyof typeof derived] !== value))
    throw new Refusal('terms-differ', 'txid or heights of the bundle do not follow from its transaction and terms', {
      blame: 'bundle',
    });
  return { coin, bundle };
}

/** Returns the place of the backup's address in this home's wallet, checked if stated. */
function pathOf(hand: Hand, coin: Coin, bundle: StatecoinBundle, ours: Facts['ours']): WalletPath | undefined {
  const script = scriptOf(bundle.address, coin.terms.network);
  const known = ours.get(script);
  if (known || !bundle.path) return known;
  return keyPathScript(hand.keys.wallet(bundle.path)) === script ? bundle.path : undefined;
}

/** Reads a bundle, or the bundle in an `owned` or `ready` message. */
export function parseBundle(json: unknown): NonNullable<ExitInput['from']> {
  return parseAs(v.object({ network: v.string(), moved: v.optional(v.boolean()), ...bundleEntries }), json);
}

/** Returns the backup and its child, which pays to `path` of this home's wallet. */
function packageOf(
  hand: Hand,
  coin: Coin,
  bundle: StatecoinBundle & { path: WalletPath },
  { utxo = [], allowFee = false }: ExitInput,
  facts: Pick<Facts, 'feerate' | 'ours' | 'coins' | 'reserved'>,
) {
  const script = scriptOf(bundle.address, coin.terms.network);
  const output = { txid: bundle.txid, vout: PAYOUT_VOUT, sat: coin.terms.amount_sat, script };
  const anchor = { txid: bundle.txid, vout: ANCHOR_VOUT, ...ANCHOR };
  const parent = { version: 3, vsize: vsizeOfHex(bundle.hex), fee: 0n } as const;
  const child = childOf(parent, [anchor, output], utxo, script, facts.feerate, allowFee);
  checkSpendable(facts, addedInputs(child, [anchor, output]));
  const signed = signFunding(hand, withAnchors(child), new Map([...facts.ours, [script, bundle.path]]));
  if (!isSigned(signed)) throw new Refusal('not-signed', 'a coin of --utxo is not of this home');
  const hex = fundingHex(signed);
  return {
    package: [bundle.hex, hex] as const,
    txids: [bundle.txid, txidOfHex(hex)] as const,
    fee_sat: child.fee,
    amount_sat: child.outputs[0]!.sat,
  };
}
