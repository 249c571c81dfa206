/**
 * Seats of a collector's home: kept pledges, each a record, and their sum in the record of the
 * campaign. A group of pledges is one commit.
 */
import { outpointText } from '../../lib/bitcoin/outpoint.ts';
import { loadRecord, plainCommit, retryRace, writeOf } from '../../lib/home/change.ts';
import type { Home } from '../../lib/home/home.ts';
import { Gate, Gathering } from '../../lib/pledge/gather.ts';
import { openPledge } from '../../lib/pledge/make.ts';
import type { Pledge } from '../../lib/pledge/pledge.ts';
import {
  campaignKind,
  checkKept,
  gateOf,
  isTaken,
  seatClaim,
  seatKind,
  type CampaignRecord,
  type Sealed,
  type Seat,
} from '../../lib/pledge/records.ts';
import { largestFitting, sumOfPledges } from '../../lib/pledge/sums.ts';
import type { Claim, Hex, Keys, Kind } from '../../lib/protocol/action.ts';
import { idClaim } from '../../lib/protocol/claims.ts';
import type { FactSource } from '../../lib/protocol/ports.ts';
import { homeRestored, Refusal } from '../../lib/protocol/refusal.ts';
import type { OpenCampaign, BroughtPledge, Round, Seats } from './gathering.ts';

/** Campaign of the home in one round. */
interface HomeCampaign extends OpenCampaign {
  record: CampaignRecord;
  rev: number;
  /** Free seats, of coins that were gone, by claim. */
  free: Map<Claim, SeatRow>;
}
interface SeatRow {
  seat: Seat;
  rev: number;
}

export class HomeSeats implements Seats {
  readonly #home: Home;
  readonly #named: Hex | undefined;
  /** Gates that were made, by campaign. */
  readonly #gates = new Map<Hex, Gate>();

  /** @param named campaign of PSBTs */
  constructor(home: Home, named: Hex | undefined) {
    this.#home = home;
    this.#named = named;
  }

  async begin(pledges: readonly BroughtPledge[]): Promise<Round> {
    const home = this.#home;
    if (home.restored) throw homeRestored('its sums may lack what came since');
    const idOf = (brought: BroughtPledge): Hex | undefined => ('psbt' in brought ? this.#named : brought.campaign);
    const isSealed = pledges.some((brought) => 'sealed' in brought && brought.sealed);
    const keys = isSealed ? (await home.keys()).keysWith([]) : undefined;
    const campaigns = await this.#load([...new Set(pledges.flatMap((brought) => idOf(brought) ?? []))], keys);
    return {
      of(brought) {
        const id = idOf(brought);
        if (id === undefined)
          throw new Refusal('usage', 'a PSBT does not say for which campaign it is: give --contract');
        const one = campaigns.get(id);
        if (!one) throw new Refusal('unknown-contract', `this home has no campaign ${id}`);
        checkKept(one.record);
        return one;
      },
      async look(opened) {
        const byClaim = new Map(
          opened.map(({ campaign: { gathering }, pledge }) => {
            const { id } = gathering.gate.campaign;
            return [seatClaim(id, outpointText(pledge)), campaigns.get(id)!] as const;
          }),
        );
        const { found } = await home.store.load([...byClaim.keys()]);
        for (const [claim, { gathering, free }] of byClaim) {
          const hit = found.get(claim);
          if (hit?.kind !== seatKind.name) continue;
          const seat = seatKind.parse(hit.record);
          if (isTaken(seat)) gathering.note(seat.pledge);
          else free.set(claim, { seat, rev: hit.rev });
        }
        // Read only where not all of them fit: then the smallest have to be known.
        for (const { gathering } of campaigns.values()) {
          const { gate, sum } = gathering;
          const most = { count: sum.count + opened.length, weight: sum.weight + 300 * opened.length, netSat: 0n };
          if (gate.goal.fits(most)) continue;
          gathering.before = (await seatsOf(home, gate.campaign.id)).map(({ pledge }) => pledge);
        }
      },
      keep: () => this.#commit([...campaigns.values()].filter(({ gathering }) => gathering.pledges.length > 0)),
    };
  }

  async #load(ids: readonly Hex[], keys: Keys | undefined): Promise<Map<Hex, HomeCampaign>> {
    const { found } = await this.#home.store.load(ids.map(idClaim));
    const campaigns = new Map<Hex, HomeCampaign>();
    for (const id of ids) {
      const hit = found.get(idClaim(id));
      if (hit?.kind !== campaignKind.name) continue;
      const record = campaignKind.parse(hit.record);
      const gate = this.#gates.get(id) ?? new Gate(record.campaign, this.#home.network);
      this.#gates.set(id, gate);
      const open = (sealed: Sealed): Pledge => openPledge(id, sealed, keys!.auth(record.own.path));
      campaigns.set(id, { gathering: new Gathering(gate, record.sum), open, record, rev: hit.rev, free: new Map() });
    }
    return campaigns;
  }

  async #commit(changed: readonly HomeCampaign[]): Promise<boolean> {
    const { store } = this.#home;
    if (changed.length > 0) return store.commit(changeOf(changed.map(changedBy)));
    await store.flush();
    return true;
  }
}

/** Returns a campaign with the seats that a round has given. */
function changedBy({ gathering: { sum, pledges }, record, rev, free }: HomeCampaign): Changed {
  const { network, campaign, changes } = record;
  const seats = pledges.map((pledge): SeatRow => {
    const was = free.get(seatClaim(campaign.id, outpointText(pledge)));
    const seat = { network, campaign: campaign.id, pledge, changes: was ? was.seat.changes + 1 : 0 };
    return { seat, rev: was?.rev ?? 0 };
  });
  return { record: { ...record, sum, changes: changes + 1 }, rev, seats };
}

interface Changed {
  record: CampaignRecord;
  rev: number;
  seats: readonly SeatRow[];
}
/** Returns the commit of campaigns with their seats. */
const changeOf = (changed: readonly Changed[]) => {
  const rows = changed.flatMap(({ record, rev, seats }) => [
    { kind: campaignKind as Kind<any>, record, claim: idClaim(record.campaign.id), rev },
    ...seats.map((one) => ({
      kind: seatKind as Kind<any>,
      record: one.seat,
      claim: seatClaim(record.campaign.id, outpointText(one.seat.pledge)),
      rev: one.rev,
    })),
  ]);
  return plainCommit({
    reads: rows.map(({ claim, rev }) => ({ claim, rev })),
    writes: rows.map(({ kind, record, claim, rev }) => writeOf(kind, record, rev === 0 ? null : claim, rev)),
  });
};

/** Returns the rows of the taken seats of a campaign, in the order in which they came. */
async function takenOf({ store }: Pick<Home, 'store'>, id: Hex): Promise<SeatRow[]> {
  return (await store.byName(id))
    .filter(({ kind }) => kind === seatKind.name)
    .map(({ record, rev }) => ({ seat: seatKind.parse(record), rev }))
    .filter(({ seat }) => isTaken(seat));
}

/** Returns the seats of a campaign, in the order in which they came. */
export const seatsOf = async (home: Pick<Home, 'store'>, id: Hex): Promise<readonly Seat[]> =>
  (await takenOf(home, id)).map(({ seat }) => seat);

/**
 * Frees the seats of spent coins, for they keep smaller pledges out. A coin whose spender is in no
 * block may come back, and so may one that completes the campaign.
 */
export async function freeSeats(home: Home, id: Hex, missing: readonly Pledge[], source: FactSource): Promise<void> {
  await retryRace(async () => {
    const { record, rev } = (await loadRecord(home.store, campaignKind, idClaim(id)))!;
    const ways = record.completed ? [record.completed.txid] : [];
    const spends = await source.spends?.(
      missing.map((outpoint) => ({ outpoint, ways })),
      'ways',
    );
    const isGone = (at: string): boolean => {
      const by = spends?.get(at);
      return !by || (by.confirmations > 0 && by.txid !== record.completed?.txid);
    };
    const gone = new Set(missing.map(outpointText).filter(isGone));
    const taken = await takenOf(home, id);
    const isFreed = ({ seat }: SeatRow): boolean => gone.has(outpointText(seat.pledge));
    const freed = taken.filter(isFreed);
    if (freed.length === 0) return true;
    const gate = gateOf(record);
    const rest = taken.filter((one) => !isFreed(one)).map(({ seat }) => gate.offered(seat.pledge));
    const sum = sumOfPledges(largestFitting(gate.goal, rest));
    const seats = freed.map(({ seat, rev }) => ({ seat: { ...seat, changes: seat.changes + 1 }, rev }));
    const written = { record: { ...record, sum, changes: record.changes + 1 }, rev, seats };
    return (await home.store.commit(changeOf([written]))) || undefined;
  });
}
