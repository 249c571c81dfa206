/**
 * Seats of a collector's home: pledges that are kept, each in a record of its own, and the sum in
 * the record of the campaign. A group of pledges is one commit.
 */
import { outpointText } from '../../lib/bitcoin/outpoint.ts';
import { plainCommit, writeOf } from '../../lib/home/change.ts';
import type { Home } from '../../lib/home/home.ts';
import { Gate, keptOf, withRoom } from '../../lib/pledge/gather.ts';
import { openPledge } from '../../lib/pledge/make.ts';
import type { Pledge } from '../../lib/pledge/pledge.ts';
import { campaignKind, seatClaim, seatKind, type CampaignRecord, type Seat } from '../../lib/pledge/records.ts';
import type { Claim, Hex } from '../../lib/protocol/action.ts';
import { idClaim } from '../../lib/protocol/claims.ts';
import { homeRestored, Refusal } from '../../lib/protocol/refusal.ts';
import { openedBy, type Offer, type Opened, type Round, type Seats } from './gathering.ts';

/** A campaign of the home in one round. */
interface Held {
  gate: Gate;
  record: CampaignRecord;
  rev: number;
  /** Pledges that are kept or taken, by claim. */
  known: Map<Claim, Pledge>;
  /** Pledges that this round adds. */
  added: Seat[];
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
        return openedBy(one.gate, offer, (sealed) => openPledge(id, sealed, keys!.auth(one.record.own.path)));
      },
      async look(opened) {
        const { found } = await home.store.load(opened.map(claimOf));
        for (const one of opened) {
          const seat = found.get(claimOf(one));
          if (seat?.kind === seatKind.name) of(one.gate).known.set(claimOf(one), seatKind.parse(seat.record).pledge);
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
        const { record, added, before = [] } = campaign;
        const { sum } = withRoom(one.gate, record.sum, one.pledge, netSat, () =>
          keptOf(one.gate, [...before, ...added]),
        );
        campaign.record = { ...record, sum };
        added.push({ network: record.network, campaign: record.campaign.id, pledge: one.pledge, netSat });
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
      held.set(id, { gate, record, rev: hit.rev, known: new Map(), added: [], before: undefined });
    }
    return held;
  }

  async #commit(changed: readonly Held[]): Promise<boolean> {
    const { store } = this.#home;
    if (changed.length === 0) {
      await store.flush();
      return true;
    }
    const reads = changed.flatMap(({ gate, rev, added }) => [
      { claim: idClaim(gate.campaign.id), rev },
      ...added.map(({ campaign, pledge }) => ({ claim: seatClaim(campaign, outpointText(pledge)), rev: 0 })),
    ]);
    const writes = changed.flatMap(({ gate, record, rev, added }) => [
      writeOf(campaignKind, record, idClaim(gate.campaign.id), rev),
      ...added.map((seat) => writeOf(seatKind, seat, null, 0)),
    ]);
    return store.commit(plainCommit({ reads, writes }));
  }
}

/** Returns the pledges of a campaign, in the order in which they came. */
export async function seatsOf({ store }: Pick<Home, 'store'>, id: Hex): Promise<readonly Seat[]> {
  const listed = await store.byName(id);
  return listed.filter(({ kind }) => kind === seatKind.name).map(({ record }) => seatKind.parse(record));
}
