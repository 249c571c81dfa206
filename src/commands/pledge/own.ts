/**
 * Pledges of a home: taking one back, and how they all stand.
 * Not here: the transaction that takes back (`lib/pledge/complete.ts`), verdicts (`status.ts`).
 */
import { contractNamed } from '../../lib/cli/named.ts';
import type { Exit } from '../../lib/contract/exit-package.ts';
import { pledgeExit } from '../../lib/pledge/ways.ts';
import { outpointText } from '../../lib/bitcoin/outpoint.ts';
import { outcome } from '../../lib/contract/outcome.ts';
import { paymentsIn, type PaymentSearch } from '../../lib/chain/payments.ts';
import { KEPT_BLOCKS } from '../../lib/chain/blocks.ts';
import type { Rpc } from '../../lib/chain/rpc.ts';
import { note } from '../../lib/engine/log.ts';
import { seenOf } from '../../lib/engine/status.ts';
import { change, listRecords } from '../../lib/home/change.ts';
import type { Home } from '../../lib/home/home.ts';
import { revocationCopy } from '../../lib/pledge/copy.ts';
import { ownClaim, pledgeKind, type OwnPledge } from '../../lib/pledge/records.ts';
import { followedPledge, pledgeVerdict, type PledgeVerdict } from '../../lib/pledge/status.ts';
import { goalWithout, searchedTo } from '../../lib/pledge/watch.ts';
import type { FactSource } from '../../lib/protocol/ports.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';

/**
 * Returns the pledge to a campaign. One that was given up is returned only where there is no other.
 * @throws Refusal `unknown-contract`, `usage`
 */
export async function pledgeNamed(home: Home, prefix: string, coin: string | undefined): Promise<OwnPledge> {
  const id = await contractNamed(home, prefix);
  const all = (await home.store.byName(id!))
    .filter(({ kind }) => kind === pledgeKind.name)
    .map(({ record }) => pledgeKind.parse(record))
    .filter(({ pledge }) => (coin ?? outpointText(pledge)) === outpointText(pledge));
  const live = all.filter(({ state }) => state !== 'cancelled');
  const [own = all.at(-1), ...more] = live;
  if (!own) throw new Refusal('unknown-contract', `this home has no such pledge to ${id}`);
  if (more.length > 0)
    throw new Refusal('usage', `${live.length} coins of this home are pledged to ${id}`, {
      hint: `name one with --coin: ${live.map(({ pledge }) => outpointText(pledge)).join(', ')}`,
    });
  return own;
}

/** Returns the finished way back of a pledge, which stays as it is. @throws Refusal as `revoke` */
export async function wayBack(home: Home, prefix: string, coin: string | undefined): Promise<Exit> {
  const own = await pledgeNamed(home, prefix, coin);
  checkShown(own);
  return pledgeExit(own);
}

function checkShown({ state }: OwnPledge): void {
  if (state === 'split' || state === 'cancelled')
    throw new Refusal('wrong-state', 'nobody was shown this pledge: its coin is not split off', {
      hint: 'spillway pledge make --contract ID --cancel gives it up',
    });
}

/**
 * Takes a pledge back: from then on it is not printed again.
 * @returns its finished transaction, and whether a node shows the coin, or none was asked
 * @throws Refusal `wrong-state` for a pledge that nobody was shown, and as `contractNamed`
 */
export async function revoke(
  home: Home,
  prefix: string,
  coin: string | undefined,
  source: FactSource,
): Promise<{ document: object; exit: Exit; isThere: boolean }> {
  const named = await pledgeNamed(home, prefix, coin);
  const own = await change<{ own: OwnPledge }, OwnPledge>(
    home.store,
    { own: pledgeKind },
    () => ({ own: ownClaim(named) }),
    ({ own: record = named }) => {
      checkShown(record);
      const taken: OwnPledge = record.state === 'spent' ? record : { ...record, state: 'revoked' };
      return { writes: { own: taken }, result: taken };
    },
  );
  await home.copy([revocationCopy(own)]);
  const { pledge, revocation, campaign, network } = own;
  const at = outpointText(pledge);
  const { facts } = await source.facts({ coins: [at] });
  const coins = facts.coins ?? 'not-checked';
  const isThere = coins === 'not-checked' || coins.get(at) !== 'missing';
  const document = {
    type: 'pledge-revoke',
    version: 1,
    network,
    campaign: campaign.id,
    coin: at,
    sat: pledge.sat,
    script: pledge.script,
    txid: revocation.txid,
    hex: revocation.hex,
    fee_sat: revocation.feeSat,
    checks: { coin: coins === 'not-checked' ? 'not-checked' : isThere ? 'unspent' : 'missing' },
  };
  return { document, exit: pledgeExit(own), isThere };
}

export interface PledgeLine {
  type: 'pledge-check';
  version: 1;
  network: string;
  campaign: string;
  coin: string;
  sat: bigint;
  state: OwnPledge['state'];
  verdict: PledgeVerdict;
  /** Transaction that spends the coin, where one is known. */
  spent_by: string | null;
}

/** Returns how pledges stand. @param rpc node that shows campaigns paid without the coin */
export async function ownPledges(home: Home, source: FactSource, rpc: Rpc | undefined): Promise<PledgeLine[]> {
  const all = (await listRecords(home.store, pledgeKind)).filter(({ state }) => state !== 'cancelled');
  if (all.length === 0) return [];
  const seen = await seenOf(
    source,
    all.map((own) => ({ ...followedPledge(own), ended: false })),
    'any',
  );
  const payments = rpc && paymentsIn(rpc);
  const lines: PledgeLine[] = [];
  for (const own of all) {
    const found = outcome(followedPledge(own), seen);
    const isAsked = payments && found.is === 'live' && own.state === 'made';
    const payment = isAsked
      ? await searchFor(own, home, payments, (await rpc.blockchainInfo()).blocks, found.depth)
      : undefined;
    const { pledge, campaign, network, state } = own;
    lines.push({
      type: 'pledge-check',
      version: 1,
      network,
      campaign: campaign.id,
      coin: outpointText(pledge),
      sat: pledge.sat,
      state,
      verdict: pledgeVerdict(own, found, seen.tip, payment),
      spent_by: 'tx' in found ? found.tx : null,
    });
  }
  return lines;
}

/** Searches all blocks since the pledge was made, and keeps the height that it reached. */
async function searchFor(own: OwnPledge, { store }: Home, payments: PaymentSearch, tip: number, depth: number) {
  const goal = goalWithout(own);
  const after = goal.after ?? tip - depth;
  if (tip - after > KEPT_BLOCKS)
    note(`${tip - after} blocks are searched for a payment without ${outpointText(own.pledge)}`);
  for (;;) {
    const payment = await payments(tip).payment({ ...goal, after });
    if (searchedTo(own, { payment, tip }))
      await change<{ it: OwnPledge }, void>(
        store,
        { it: pledgeKind },
        () => ({ it: ownClaim(own) }),
        ({ it }) => ({ writes: { it: searchedTo(it!, { payment, tip }) ?? it! }, result: undefined }),
      );
    if (payment.by || payment.pruned || payment.upTo === tip) return payment;
  }
}
