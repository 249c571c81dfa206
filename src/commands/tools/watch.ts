import { contractFlag, feeFlags } from '../../lib/cli/contract-flags.ts';
import { remoteOf } from '../ecash/mint-flags.ts';
import { portsOf } from '../../lib/cli/contract.ts';
import { countFlag, homeFlags, nodeFlags, satFlag, switchFlag, textFlag } from '../../lib/cli/flags.ts';
import { contractNamed } from '../../lib/cli/named.ts';
import { ALL_EXITS } from '../../lib/cli/errors.ts';
import { door } from '../../lib/cli/door.ts';
import { chainOf } from '../../lib/cli/chain.ts';
import { withHome } from '../../lib/cli/home.ts';
import { keepBesideFlags, pruningBeside } from '../../lib/cli/keep-flags.ts';
import { bundlePost, readWatchBundle } from '../../lib/engine/watch-bundle.ts';
import { note } from '../../lib/engine/log.ts';
import { homePost } from '../../lib/engine/watch-home.ts';
import { print, printAll } from '../../lib/cli/output.ts';
import { watchLoop, type LoopOptions } from '../../lib/cli/watch-loop.ts';
import { calendar } from '../../lib/engine/calendar.ts';
import { factSource } from '../../lib/chain/source.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { momentWords, type MomentFields } from '../../lib/contract/moment.ts';
import { aligned, tableText } from '../../lib/cli/table.ts';
import type { WatchEvent } from '../../lib/engine/watch.ts';

const group = 'WATCH';
export default door({
  summary: 'Do what falls due: offer closes, exit, refund, send again, bump, and mark what the chain settled',
  description: `Looks at every contract of a home, once (--once, for cron) or again and again until SIGTERM. Both parties: a warning from the freeze height on, a close offered from halfway to the deadline on, the same until it is done, and from there a child for a rollover or close that hangs. The payee: the exit at the deadline, at half the margin also against a rollover or close that hangs. The payer: the refund at expiry. In a restored home the payee waits for reconcile, up to half the margin, and says restored. Whatever is sent is sent again while no mempool has it, and gets a child while its fee rate is below --feerate or the node's estimate, within --fee-budget. What pays the payee less than it was paid is told as overtaken and outbid at any height, what pays it more is left alone. A contract counts as settled, or lost, at --confirmations, not before.
A statecoin's owner: its exit from the height of its backup on, with a child; a backup of an owner before it is told as overtaken, and outbid; a withdrawal is sent until it is in a block. The first owner's coin is left alone at any height: nobody else can take it. A coin that may be another's by now (sent without a receipt, or of a restored home) is told as in-transfer or restored, and its exit is sent only against an owner before both. A statecoin's operator is told what spent a coin, and its record and share end. A pledge is taken back from the height on at which its campaign is over, and as soon as a block pays the campaign without it; each block since it was made is searched for that, at most 288 in a look. blocks-pruned: the node has such a block no more, and nobody can say.
A swap: the responder's claim as soon as a transaction shows the preimage, in a block or not (after a long sleep in older blocks too, at most 288 in a look); the initiator's once htlc swap has claimed, and never before; the refund of the own HTLC at its expiry. Claim and refund are signed at the fee that they need, again and higher while they hang, within --fee-budget. Where the other side takes back what is claimed, the higher fee wins. What htlc fund --home has paid is taken back once its lock has ended, and left alone where it is claimed; a lock by seconds is htlc refund's. claimed: the own HTLC was claimed, and this home cannot claim the other one by itself. too-late: a claim that nobody has seen is held back from its margin on, for the other side could take its coin back before it confirms.
Events are JSON on stdout, a line each; log lines go to stderr. With --bundle the exports of exit-credit --export and the copies in HOME.refunds are watched, without home and key: sent, and bumped with the children that were exported with them (--children), else told as needs-bump. The copy of a pledge's way back is sent as from its home. The copy of a swap's refund is sent at its height, and a claim of its coin is told as claimed, with the preimage. A statecoin's bundle is told and never sent: spillway bump --utxo pays for it. An exit package (--package) of any family is sent step by step, each with its child, once it is valid; it knows no owner: take it away before a coin is passed on. Events that nobody reads and a disk that is full end nothing: what is due is sent, events are told with a later look once they can be, and the exit code is 73 where some never were. With --once the exit code is 3 where something due could not be done, or money was overtaken or lost.
--dry-run sends nothing and prints what would be sent: from when, by when, what is lost otherwise, and the fee as fees are now; JSON, a line each, or a table on a terminal.`,
  examples: [
    "A mint's cron job, and who is to be told\nspillway watch --home mint --once --fee-budget 20000 | jq -r 'select(.event == \"propose-close\").message' > close.ndjson",
    'A watchtower, without a key (for a payer: --bundle user.refunds)\nspillway exit-credit --home mint --contract "$ID" --export --children 10,30,100 > tower/exit.json\nspillway watch --bundle tower --every 60',
    'Whoever swaps, asleep or not\nspillway watch --home bob --every 60 --fee-budget 20000 | jq -r \'select(.event == "claim" or .event == "refund" or .event == "lost")\'',
    'An owner of statecoins\nspillway watch --home bob --every 60 --fee-budget 20000 | jq -r \'select(.event == "overtaken" or .event == "restored" or .event == "in-transfer")\'',
  ],
  flags: {
    ...homeFlags,
    ...nodeFlags,
    ...contractFlag,
    bundle: textFlag(
      'In place of a home: what exit-credit --export or statechain-exit --bundle printed, copies of refunds, or folders of them; read at each look',
      'FILE|DIR',
      { multiple: true, exclusive: ['contract'], helpGroup: group },
    ),
    once: switchFlag('Look once', { exclusive: ['every'], helpGroup: group }),
    every: countFlag('Seconds between two looks (default 30)', [1, 86_400], { helpValue: 'S', helpGroup: group }),
    confirmations: countFlag('From how many on the chain has settled a contract (default 6)', [1, 1_000], {
      helpValue: 'N',
      helpGroup: group,
    }),
    'dry-run': switchFlag('Send nothing: print what would be sent, from when, by when and at which fee', {
      exclusive: ['once', 'every', 'keep', 'no-prune'],
      helpGroup: group,
    }),
    'fee-budget': satFlag(
      'The most that a child may pay, for each contract (default a tenth of what its parent pays this home; with --bundle any child)',
      'FEES',
    ),
    ...keepBesideFlags({ exclusive: ['bundle'], helpGroup: group }),
    feerate: feeFlags.feerate,
  },
  exits: ALL_EXITS,
  run: async (flags) => {
    const { bundle, once, every = 30, confirmations = 6, feeBudget: feeBudgetSat = null, dryRun: dry } = flags;
    const rest = { rules: { confirmations, feeBudgetSat }, everySeconds: once ? undefined : every };
    const { rpc } = await chainOf(flags);
    if (!rpc) throw new Refusal('usage', 'no node to ask, --chain URL expected', { hint: 'or set SPILLWAY_CHAIN' });
    const watch = async (what: Pick<LoopOptions, 'post' | 'beside'>, source: LoopOptions['node']['source']) => {
      const node = { rpc, source };
      if (!dry) process.exitCode = (await watchLoop({ ...what, node, ...rest })) || !once ? 0 : 3;
      else await showCalendar(what.post.network, await calendar(what.post, node, rest.rules));
    };
    if (bundle) {
      const { network, left } = await readWatchBundle(bundle);
      if (left > 0) note(`${left} copies are not watched`);
      return watch({ post: bundlePost(network, bundle) }, factSource({ network, rpc, feerate: flags.feerate }));
    }
    await withHome(flags, async (home) => {
      await home.keys(); // asks for the passphrase, where there is one, while somebody may be there
      const ports = await portsOf(home, flags, remoteOf({}));
      const post = homePost(home, ports, await contractNamed(home, flags.contract));
      await watch({ post, beside: pruningBeside(home, ports.source, flags) }, ports.source);
    });
  },
});

/** Prints the calendar: a table on a terminal, a line for each transaction in a pipe. */
async function showCalendar(network: string, { tip, events }: Awaited<ReturnType<typeof calendar>>): Promise<void> {
  if (events.some(({ event }) => event === 'refused')) process.exitCode = 3;
  if (process.stdout.isTTY) await print(calendarTable(events));
  else await printAll(events.map((event) => ({ type: 'watch', version: 1, network, tip, ...event })));
}

const HEAD = ['contract', 'role', 'does', 'from', 'by', 'fee', 'worth', ''];
/** Columns that hold numbers. */
const RIGHT = new Set([3, 4, 5, 6]);

export function calendarTable(events: readonly WatchEvent[]): string {
  if (events.length === 0) return 'nothing is planned';
  const cells = events.map((e) => [
    e.contract?.slice(0, 8) ?? e.file,
    e.role,
    e['does'] ?? e.event,
    momentWords(e as MomentFields),
    e['deadline_height'],
    e['fee_sat'] ?? e['short'],
    e['worth_sat'],
    e['why'] ?? e['message'],
  ]);
  return tableText(aligned([HEAD, ...cells], RIGHT));
}
