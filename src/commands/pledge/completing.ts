/**
 * Completing a campaign from a home or from a file.
 * Not here: which pledges are chosen and how they are joined (`lib/pledge/complete.ts`).
 */
import { contractNamed } from '../../lib/cli/named.ts';
import { maxSat } from '../../lib/bitcoin/amount.ts';
import { outpointsOf } from '../../lib/bitcoin/coin-checks.ts';
import type { Network } from '../../lib/bitcoin/network.ts';
import { outpointText, parseOutpoint } from '../../lib/bitcoin/outpoint.ts';
import { factSource } from '../../lib/chain/source.ts';
import { chainOf } from '../../lib/cli/chain.ts';
import { chainFlags, homeFlags, inGroup, repeated, switchFlag, textFlag, type Values } from '../../lib/cli/flags.ts';
import { withHome } from '../../lib/cli/home.ts';
import { openInput } from '../../lib/cli/input.ts';
import { linesOf } from '../../lib/cli/lines.ts';
import { note } from '../../lib/engine/log.ts';
import { change } from '../../lib/home/change.ts';
import type { Home } from '../../lib/home/home.ts';
import { completeCampaign, type LockingPledge } from '../../lib/pledge/complete.ts';
import { checkLastHeight, lackOf, mayTrust, standing, type Gate } from '../../lib/pledge/gather.ts';
import type { Pledge } from '../../lib/pledge/pledge.ts';
import { campaignKind, gateOf, type CampaignRecord } from '../../lib/pledge/records.ts';
import { sumOfPledges, taprootCoin } from '../../lib/pledge/sums.ts';
import { idClaim } from '../../lib/protocol/claims.ts';
import { homeRestored, Refusal } from '../../lib/protocol/refusal.ts';
import { bytesOf, MemorySeats, broughtIn, openedIn, place } from './gathering.ts';
import { freeSeats, seatsOf } from './seats.ts';
import { campaignIn, unchecked } from './shared.ts';

export const completeFlags = {
  ...homeFlags,
  ...chainFlags,
  ...inGroup('ACTION', {
    contract: textFlag('Id of a campaign of this home, or at least its first 8 digits', 'ID'),
    campaign: textFlag('The campaign; no home is needed', 'FILE', { exclusive: ['contract', 'lock'] }),
    without: textFlag('Leave out the pledge of this coin', 'TXID:VOUT', repeated),
    lock: textFlag("Sign this home's own pledged coin for all inputs, so that nobody exchanges one", 'TXID:VOUT'),
  }),
  unchecked,
  'allow-fee': switchFlag('Allow any excess as fee', 'FEES'),
};
type CompleteValues = Values<typeof completeFlags>;
interface Completion {
  document: object;
  completed?: { txid: string; hex: string };
  /** Pledges whose coins are not among the unspent ones. */
  missing: readonly Pledge[];
}

/** Completes a campaign by flags. @throws Refusal `overfunded`, `expired`, and as its readers */
export async function completeFrom(flags: CompleteValues, file: string | undefined): Promise<Completion> {
  const chain = await chainOf(flags);
  const sourceOn = (network: Network) => factSource({ network, ...chain });
  const finish = async (gate: Gate, all: readonly Pledge[], lock?: LockingPledge): Promise<Completion> => {
    const left = new Set([...(flags.without ?? []), ...(lock ? [outpointText(lock)] : [])]);
    const offered = all.filter((pledge) => !left.has(outpointText(pledge)));
    const { facts, checks } = await sourceOn(gate.network).facts({
      tip: true,
      coins: outpointsOf(lock ? [...offered, lock] : offered),
    });
    checkLastHeight(gate.campaign, facts.tip ?? 'not-checked', mayTrust(gate.network, flags.unchecked));
    const refused = lock && lackOf(lock, facts.coins);
    if (refused) throw refused;
    const missing: Pledge[] = [];
    const pledges = offered.filter((pledge) => {
      const lack = lackOf(pledge, facts.coins);
      if (lack?.code === 'inputs-spent') missing.push(pledge);
      if (lack) note(`a pledge is left out: ${lack.code}: ${lack.message}`);
      return !lack;
    });
    const made = completeCampaign(gate, pledges, { allowExcess: flags.allowFee, ...(lock && { lock }) });
    const common = { type: 'pledge-complete', version: 1, network: gate.network };
    if ('missing' in made) {
      const stands = standing(gate, sumOfPledges(pledges.map((pledge) => gate.offered(pledge))));
      const worth = maxSat(taprootCoin(made.missing, gate.campaign), gate.campaign.min_sat);
      note(`${made.missing} sat are missing; a taproot coin of ${worth} sat is worth that`);
      return { document: { ...common, step: 'underfunded', ...stands, checks: { coins: checks['coins'] } }, missing };
    }
    const { txid, hex, inputs, feeSat, excessSat } = made.finished;
    const document = {
      ...common,
      step: 'complete',
      campaign: gate.campaign.id,
      txid,
      hex,
      pledges: inputs,
      fee_sat: feeSat,
      excess_sat: excessSat,
      checks: { coins: checks['coins'], txid: lock ? 'locked' : 'can-change' },
    };
    return { document, completed: { txid, hex }, missing };
  };
  const named = [...(flags.without ?? []), ...(flags.lock === undefined ? [] : [flags.lock])];
  const odd = named.find((text) => !parseOutpoint(text));
  if (odd !== undefined) throw new Refusal('usage', `${JSON.stringify(odd.slice(0, 80))} found, TXID:VOUT expected`);
  if (flags.campaign !== undefined) {
    const gate = await campaignIn(flags.campaign);
    return finish(gate, await pledgesIn(gate, file));
  }
  if (flags.contract === undefined || file !== undefined)
    throw new Refusal('usage', '--contract ID, or --campaign FILE with pledges expected');
  return withHome(flags, async (home) => {
    if (home.restored) throw homeRestored('its pledges may lack what came since');
    const id = (await contractNamed(home, flags.contract))!;
    const done = await change<{ campaign: CampaignRecord }, Completion>(
      home.store,
      { campaign: campaignKind },
      () => ({ campaign: idClaim(id) }),
      async ({ campaign: record }) => {
        if (!record) throw new Refusal('unknown-contract', `this home has no campaign ${id}`);
        const pledges = (await seatsOf(home, id)).map(({ pledge }) => pledge);
        const lock = flags.lock === undefined ? undefined : await lockOf(home, pledges, flags.lock);
        const result = await finish(gateOf(record), pledges, lock);
        const { completed = record.completed } = result;
        return { writes: { campaign: { ...record, completed } }, result };
      },
    );
    if (done.missing.length > 0) await freeSeats(home, id, done.missing, sourceOn(home.network));
    return done;
  });
}

/** Returns the coin of an own gathered pledge, with its key. @throws Refusal `unknown-contract` */
async function lockOf(home: Home, pledges: readonly Pledge[], at: string): Promise<LockingPledge> {
  const pledge = pledges.find((one) => outpointText(one) === at);
  const path = pledge && (await home.store.ours([pledge.script])).get(pledge.script);
  if (!pledge || !path)
    throw new Refusal('unknown-contract', `no pledge of this home's own coin ${at} was gathered`, {
      hint: 'pledge what is missing with spillway pledge make, join it, and name its coin',
    });
  return { ...pledge, secret: (await home.keys()).keysWith([]).wallet(path), aux: (await home.random())(32) };
}

/** Reads pledges, a line each, and notes those that do not count. */
async function pledgesIn(gate: Gate, file: string | undefined): Promise<readonly Pledge[]> {
  const seats = new MemorySeats(gate);
  const round = await seats.begin();
  for await (const line of linesOf(await openInput(file)))
    try {
      const one = openedIn(round, broughtIn(bytesOf(line)));
      place(one, { tip: 'not-checked', coins: 'not-checked' }, true);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      note(`line ${line.number} is left out: ${error.code}: ${error.message}`);
    }
  return seats.gathering.pledges;
}
