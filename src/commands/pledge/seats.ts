/**
 * Seats of a collector's home: pledges that are kept, each in a record of its own, and the sum in
 * the record of the campaign. A group of pledges is one commit.
 */
import { outpointText } from '../../lib/bitcoin/outpoint.ts';
import { plainCommit, writeOf } from '../../lib/home/change.ts';
import type { Home } from '../../lib/home/home.ts';
import { untilWon } from '../../lib/home/race.ts';
import { Gate, keptOf, withRoom } from '../../lib/pledge/gather.ts';
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
  type Seat,
} from '../../lib/pledge/records.ts';
import { sumOf } from '../../lib/pledge/sums.ts';
import type { Claim, Hex, Kind } from '../../lib/protocol/action.ts';
import { idClaim } from '../../lib/protocol/claims.ts';
import type { FactSource } from '../../lib/protocol/ports.ts';
import { homeRestored, Refusal } from '../../lib/protocol/refusal.ts';
import { openedBy, type Offer, type Opened, type Round, type Seats } from './gathering.ts';

/** A campaign of the home in one round. */
interface Held {
  gate: Gate;
  record: CampaignRecord;
  rev: number;
  /** Pledges that are kept or taken, by claim. */
  known: Map<Claim, Pledge>;
  /** Pledges that this round adds, and the revisions of seats that were free. */
  added: { seat: Seat; rev: number }[];
  /** Seats of coins that were gone, by claim. */
  free: Map<Claim, { seat: Seat; rev: number }>;
  /** Pledges of earlier rounds, where they had to be read. */
  before: readonly Seat[] | undefined;
}

export class HomeSeats implements Seats {
  readonly #home: Home;
  readonly #named: Hex | undefined;
  /** Gates that were worked out, by campaign. */
  readonly #gates = new Map<Hex, Gate>();

  /** @param named campaign of PSBTs */
  constructor(home: Home, named: Hex | undefined) {
    this.#home = home;
    this.#named = named;
  }

  async begin(offers: readonly Offer[]): Promise<Round> {
    const home = this.#home;
    if (home.restored) throw homeRestored('its sums may lack what came since');
    const named = this.#named;
    const idOf = (offer: Offer): Hex | undefined => ('psbt' in offer ? named : offer.campaign);
    const held = await this.#load([...new Set(offers.flatMap((offer) => idOf(offer) ?? []))]);
    const isSealed = offers.some((offer) => 'sealed' in offer && offer.sealed);
    const keys = isSealed ? (await home.keys()).keysWith([]) : undefined;
    const of = (gate: Gate): Held => held.get(gate.campaign.id)!;
    const claimOf = ({ gate, pledge }: Opened): Claim => seatClaim(gate.campaign.id, outpointText(pledge));
    return {
      opened(offer) {
        const id = idOf(offer);
        if (id === undefined)
          throw new Refusal('usage', 'a PSBT does not say for which campaign it is: give --contract');
        const one = held.get(id);
        if (!one) throw new Refusal('unknown-contract', `this home has no campaign ${id}`);
        checkKept(one.record);
        return openedBy(one.gate, offer, (sealed) => openPledge(id, sealed, keys!.auth(one.record.own.path)));
      },
      async look(opened) {
        const { found } = await home.store.load(opened.map(claimOf));
        for (const one of opened) {
          const hit = found.get(claimOf(one));
          if (hit?.kind !== seatKind.name) continue;
          const seat = seatKind.parse(hit.record);
          if (isTaken(seat)) of(one.gate).known.set(claimOf(one), seat.pledge);
          else of(one.gate).free.set(claimOf(one), { seat, rev: hit.rev });
        }
        // Read only where not all of them fit: then the smallest have to be known.
        for (const one of held.values()) {
          const { sum } = one.record;
          const most = { count: sum.count + opened.length, weight: sum.weight + 300 * opened.length, netSat: 0n };
          if (!one.gate.goal.fits(most)) one.before = await seatsOf(home, one.gate.campaign.id);
        }
      },
      known: (one) => of(one.gate).known.get(claimOf(one)),
      take(one, netSat) {
        const campaign = of(one.gate);
        const { record, added, free, before = [] } = campaign;
        const { sum } = withRoom(one.gate, record.sum, one.pledge, netSat, () =>
          keptOf(one.gate, [...before, ...added.map(({ seat }) => seat)]),
        );
        campaign.record = { ...record, sum, changes: record.changes + 1 };
        const { seat, rev } = free.get(claimOf(one)) ?? { rev: 0 };
        const {
          network,
          campaign: { id },
        } = record;
        const changes = seat ? seat.changes + 1 : 0;
        added.push({ seat: { network, campaign: id, pledge: one.pledge, netSat, changes }, rev });
        campaign.known.set(claimOf(one), one.pledge);
        return sum;
      },
      sum: (gate) => of(gate).record.sum,
      keep: () => this.#commit([...held.values()].filter(({ added }) => added.length > 0)),
    };
  }

  async #load(ids: readonly Hex[]): Promise<Map<Hex, Held>> {
    const { found } = await this.#home.store.load(ids.map(idClaim));
    const held = new Map<Hex, Held>();
    for (const id of ids) {
      const hit = found.get(idClaim(id));
      if (hit?.kind !== campaignKind.name) continue;
      const record = campaignKind.parse(hit.record);
      const gate = this.#gates.get(id) ?? new Gate(record.campaign, this.#home.network);
      this.#gates.set(id, gate);
      held.set(id, { gate, record, rev: hit.rev, known: new Map(), added: [], free: new Map(), before: undefined });
    }
    return held;
  }

  async #commit(changed: readonly Held[]): Promise<boolean> {
    const { store } = this.#home;
    if (changed.length === 0) {
      await store.flush();
      return true;
    }
    return store.commit(changeOf(changed.map(({ record, rev, added }) => ({ record, rev, seats: added }))));
  }
}

interface Changed {
  record: CampaignRecord;
  rev: number;
  seats: readonly { seat: Seat; rev: number }[];
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
async function takenOf({ store }: Pick<Home, 'store'>, id: Hex): Promise<{ seat: Seat; rev: number }[]> {
  return (await store.byName(id))
    .filter(({ kind }) => kind === seatKind.name)
    .map(({ record, rev }) => ({ seat: seatKind.parse(record), rev }))
    .filter(({ seat }) => isTaken(seat));
}

/** Returns the seats of a campaign, in the order in which they came. */
export const seatsOf = async (home: Pick<Home, 'store'>, id: Hex): Promise<readonly Seat[]> =>
  (await takenOf(home, id)).map(({ seat }) => seat);

/**
 * Frees the seats of coins that are spent, for they keep smaller pledges out. A coin whose spender no block has yet may come
 * back, and so may one that completes the campaign.
 */
export async function freeSeats(home: Home, id: Hex, missing: readonly Pledge[], source: FactSource): Promise<void> {
  await untilWon(async () => {
    const hit = (await home.store.load([idClaim(id)])).found.get(idClaim(id))!;
    const record = campaignKind.parse(hit.record);
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
    const isFreed = ({ seat }: { seat: Seat }): boolean => gone.has(outpointText(seat.pledge));
    const freed = taken.filter(isFreed);
    if (freed.length === 0) return true;
    const rest = taken.filter((one) => !isFreed(one)).map(({ seat }) => seat);
    const sum = sumOf(keptOf(gateOf(record), rest));
    const seats = freed.map(({ seat, rev }) => ({ seat: { ...seat, changes: seat.changes + 1 }, rev }));
    const written = { record: { ...record, sum, changes: record.changes + 1 }, rev: hit.rev, seats };
    return (await home.store.commit(changeOf([written]))) || undefined;
  });
}
