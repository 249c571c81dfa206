import { outpointText } from '../../lib/bitcoin/outpoint.ts';
import { outcome } from '../../lib/contract/outcome.ts';
import { paymentsIn, type PaymentSearch } from '../../lib/chain/payments.ts';
import { KEPT_BLOCKS } from '../../lib/chain/blocks.ts';
import type { Rpc } from '../../lib/chain/rpc.ts';
import { note } from '../../lib/engine/log.ts';
import { seenOf } from '../../lib/engine/status.ts';
import { change, listRecords } from '../../lib/home/change.ts';
import type { Home } from '../../lib/home/home.ts';
import { ownClaim, pledgeKind, type OwnPledge } from '../../lib/pledge/records.ts';
import { followedPledge, pledgeVerdict } from '../../lib/pledge/status.ts';
import { goalWithout, searchedTo } from '../../lib/pledge/watch.ts';
import type { FactSource } from '../../lib/protocol/ports.ts';
import { door } from '../../lib/cli/door.ts';
import { chainOf } from '../../lib/cli/chain.ts';
import { arg, chainFlags, homeFlags, switchFlag, textFlag } from '../../lib/cli/flags.ts';
import { withHome } from '../../lib/cli/home.ts';
import { openInput } from '../../lib/cli/input.ts';
import { printAll } from '../../lib/cli/output.ts';
import { factSource } from '../../lib/chain/source.ts';
import { gatherLines, LINE_LIMIT, MemorySeats } from './gathering.ts';
import { campaignIn } from './shared.ts';

export default door({
  summary: 'Check pledges without a home, or see how the own ones stand',
  description: `With --campaign reads pledges as spillway pledge join does, a line each with --batch, keeps nothing, and says for each whether it counts and what is missing: exit 3 until the goal is reached. What no node has looked at is named in checks.
Without it says how the pledges of a home stand: open, due (the campaign is over, or was paid without the coin: take it back), completed, taken-back, spent or unknown. Exit 3 where one is due.`,
  examples: [
    'Is the goal reached?\ncat pledges/*.json | spillway pledge check --campaign campaign.json --batch | tail -n 1 | jq .missing_sat',
    'Which pledges of mine have to be taken back?\nspillway pledge check --home alice --chain http://127.0.0.1:8332 | jq -r \'select(.verdict == "due").coin\'',
  ],
  args: { file: arg('With --campaign: the pledge (default: stdin)') },
  flags: {
    ...homeFlags,
    ...chainFlags,
    campaign: textFlag('The campaign', 'FILE', 'ACTION'),
    batch: switchFlag('Read and write one pledge a line (NDJSON)', { dependsOn: ['campaign'], helpGroup: 'ACTION' }),
  },
  exits: [0, 2, 3, 65, 66, 69, 70, 73, 75, 76, 77],
  run: async (flags, { file }) => {
    const chain = await chainOf(flags);
    if (flags.campaign !== undefined) {
      const gate = await campaignIn(flags.campaign);
      const facts = factSource({ network: gate.network, ...chain });
      const seats = new MemorySeats(gate);
      const limit = flags.batch ? undefined : LINE_LIMIT;
      return gatherLines(await openInput(file), seats, facts, true, limit);
    }
    await withHome(flags, async (home) => {
      const source = factSource({ network: home.network, ...chain });
      const lines = await ownPledges(home, source, chain.rpc);
      await printAll(lines);
      if (lines.some(({ verdict }) => verdict === 'due')) process.exitCode = 3;
    });
  },
});

/** Returns how pledges stand. @param rpc node that shows campaigns paid without the coin */
export async function ownPledges(home: Home, source: FactSource, rpc: Rpc | undefined) {
  const all = (await listRecords(home.store, pledgeKind)).filter(({ state }) => state !== 'cancelled');
  if (all.length === 0) return [];
  const seen = await seenOf(
    source,
    all.map((own) => ({ ...followedPledge(own), ended: false })),
    'any',
  );
  const payments = rpc && paymentsIn(rpc);
  const lines = [];
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
      spent_by: 'txid' in found ? found.txid : null,
    });
  }
  return lines;
}

/** Searches all blocks since the pledge was made, and stores the height that it reached. */
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
