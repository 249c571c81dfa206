/**
 * The program: its commands, and how a command line becomes one of them. Bundled into dist/cli.cjs,
 * with files of commands beside it. With the manifest oclif needs only the code of the command that
 * runs. A getter loads it, because `oclif manifest` reads them all and does not wait.
 */
import { readFileSync } from 'node:fs';
import type { Command } from '@oclif/core/command';
import type { Config } from '@oclif/core/config';
import { Refusal } from './lib/protocol/refusal.ts';

/** Files of commands, loaded when they are called. A small topic has its commands by name. */
const MODULES: Record<string, () => Record<string, Command.Class>> = {
  adaptor: () => require('./commands/channel/adaptor.ts'),
  address: () => require('./commands/home/address.ts'),
  backup: () => require('./commands/home/backup.ts'),
  broadcast: () => require('./commands/tools/broadcast.ts'),
  bump: () => require('./commands/tools/bump.ts'),
  'channel-build': () => require('./commands/channel/build.ts'),
  'channel-bump': () => require('./commands/channel/bump.ts'),
  'channel-exit': () => require('./commands/channel/exit.ts'),
  'channel-import': () => require('./commands/channel/import.ts'),
  'channel-inspect': () => require('./commands/channel/inspect.ts'),
  'channel-penalty': () => require('./commands/channel/penalty.ts'),
  'channel-secrets': () => require('./commands/channel/secrets.ts'),
  'channel-sweep': () => require('./commands/channel/sweep.ts'),
  'channel-verify': () => require('./commands/channel/verify.ts'),
  'close-credit': () => require('./commands/credit/close.ts'),
  'check-assets': () => require('./commands/assets/check-assets.ts'),
  coins: () => require('./commands/home/coins.ts'),
  completion: () => require('./commands/tools/completion.ts'),
  'cost:ads': () => require('./commands/cost.ts'),
  'cost:channel': () => require('./commands/cost.ts'),
  'cost:dust': () => require('./commands/cost.ts'),
  'cost:exit': () => require('./commands/cost.ts'),
  'cost:jit': () => require('./commands/cost.ts'),
  'cost:phoenixd': () => require('./commands/cost.ts'),
  'cost:reserve': () => require('./commands/cost.ts'),
  'credit-invoice': () => require('./commands/ecash/credit-invoice.ts'),
  dividends: () => require('./commands/assets/dividends.ts'),
  'ecash-keyset': () => require('./commands/ecash/keyset.ts'),
  'ecash-restore': () => require('./commands/ecash/restore.ts'),
  'ecash-melt': () => require('./commands/ecash/melt.ts'),
  'ecash-mint': () => require('./commands/ecash/mint.ts'),
  'ecash-quote': () => require('./commands/ecash/quote.ts'),
  errors: () => require('./commands/tools/errors.ts'),
  'ecash-token': () => require('./commands/ecash/token.ts'),
  'decode-assets': () => require('./commands/assets/decode-assets.ts'),
  'decode-colu': () => require('./commands/assets/decode-colu.ts'),
  'decode-counterparty': () => require('./commands/assets/decode-counterparty.ts'),
  'decode-epobc': () => require('./commands/assets/decode-epobc.ts'),
  'decode-openassets': () => require('./commands/assets/decode-openassets.ts'),
  'exit-credit': () => require('./commands/credit/exit.ts'),
  'feasibility:count': () => require('./commands/feasibility.ts'),
  'feasibility:pay': () => require('./commands/feasibility.ts'),
  'feasibility:sample': () => require('./commands/feasibility.ts'),
  'feasibility:throughput': () => require('./commands/feasibility.ts'),
  'feasibility:wealth': () => require('./commands/feasibility.ts'),
  'gossip:announce': () => require('./commands/gossip/announce.ts'),
  'gossip:decode': () => require('./commands/gossip/decode.ts'),
  'gossip:graph': () => require('./commands/gossip/graph.ts'),
  'gossip:path': () => require('./commands/gossip/path.ts'),
  'gossip:rate': () => require('./commands/gossip/rate.ts'),
  'gossip:reconcile': () => require('./commands/gossip/reconcile.ts'),
  'gossip:spv-proof': () => require('./commands/gossip/spv-proof.ts'),
  'gossip:verify': () => require('./commands/gossip/verify.ts'),
  'htlc:claim': () => require('./commands/htlc/claim.ts'),
  'htlc:cooperate': () => require('./commands/htlc/cooperate.ts'),
  'htlc:create': () => require('./commands/htlc/create.ts'),
  'htlc:fund': () => require('./commands/htlc/fund.ts'),
  'htlc:identify': () => require('./commands/htlc/identify.ts'),
  'htlc:key': () => require('./commands/htlc/key.ts'),
  'htlc:refund': () => require('./commands/htlc/refund.ts'),
  'htlc:route': () => require('./commands/htlc/route.ts'),
  'htlc:secret': () => require('./commands/htlc/secret.ts'),
  'htlc:swap': () => require('./commands/htlc/swap.ts'),
  init: () => require('./commands/home/init.ts'),
  inspect: () => require('./commands/tools/inspect.ts'),
  'invoice:decode': () => require('./commands/invoice.ts'),
  'invoice:encode': () => require('./commands/invoice.ts'),
  'invoice:verify': () => require('./commands/invoice.ts'),
  'issue-openassets': () => require('./commands/assets/issue-openassets.ts'),
  liquidity: () => require('./commands/credit/liquidity.ts'),
  'offer:bind': () => require('./commands/offer/bind.ts'),
  'offer:create': () => require('./commands/offer/create.ts'),
  'offer:decode': () => require('./commands/offer/decode.ts'),
  'offer:invoice': () => require('./commands/offer/invoice.ts'),
  'offer:period': () => require('./commands/offer/period.ts'),
  'offer:preimages': () => require('./commands/offer/preimages.ts'),
  'offer:prove': () => require('./commands/offer/prove.ts'),
  'offer:request': () => require('./commands/offer/request.ts'),
  'offer:resolve': () => require('./commands/offer/resolve.ts'),
  'offer:sign': () => require('./commands/offer/sign.ts'),
  'offer:verify': () => require('./commands/offer/verify.ts'),
  'onion-blind': () => require('./commands/onion/blind.ts'),
  'onion-build': () => require('./commands/onion/build.ts'),
  'onion-error': () => require('./commands/onion/error.ts'),
  'onion-message': () => require('./commands/onion/message.ts'),
  'onion-peel': () => require('./commands/onion/peel.ts'),
  'onion-route': () => require('./commands/onion/route.ts'),
  'onion-sim': () => require('./commands/onion/sim.ts'),
  'open-credit': () => require('./commands/credit/open.ts'),
  'notarize:merge': () => require('./commands/notarize/merge.ts'),
  'notarize:prove': () => require('./commands/notarize/prove.ts'),
  'notarize:show': () => require('./commands/notarize/show.ts'),
  'notarize:spend': () => require('./commands/notarize/spend.ts'),
  'notarize:stamp': () => require('./commands/notarize/stamp.ts'),
  'notarize:verify': () => require('./commands/notarize/verify.ts'),
  'pledge:campaign': () => require('./commands/pledge/campaign.ts'),
  'pledge:check': () => require('./commands/pledge/check.ts'),
  'pledge:complete': () => require('./commands/pledge/complete.ts'),
  'pledge:join': () => require('./commands/pledge/join.ts'),
  'pledge:make': () => require('./commands/pledge/make.ts'),
  'pledge:revoke': () => require('./commands/pledge/revoke.ts'),
  prune: () => require('./commands/home/prune.ts'),
  reconcile: () => require('./commands/home/reconcile.ts'),
  restore: () => require('./commands/home/restore.ts'),
  rollover: () => require('./commands/credit/rollover.ts'),
  serve: () => require('./commands/tools/serve.ts'),
  'sign-update': () => require('./commands/credit/sign-update.ts'),
  'statechain-audit': () => require('./commands/statechain/audit.ts'),
  'statechain-exit': () => require('./commands/statechain/exit.ts'),
  'statechain-open': () => require('./commands/statechain/open.ts'),
  'statechain-transfer': () => require('./commands/statechain/transfer.ts'),
  'statechain-verify': () => require('./commands/statechain/verify.ts'),
  'statechain-withdraw': () => require('./commands/statechain/withdraw.ts'),
  'sketch:decode': () => require('./commands/sketch.ts'),
  'sketch:extend': () => require('./commands/sketch.ts'),
  'sketch:make': () => require('./commands/sketch.ts'),
  'sketch:merge': () => require('./commands/sketch.ts'),
  status: () => require('./commands/home/status.ts'),
  'transfer-openassets': () => require('./commands/assets/transfer-openassets.ts'),
  watch: () => require('./commands/tools/watch.ts'),
};

export const COMMANDS: Record<string, Command.Class> = Object.defineProperties(
  {},
  Object.fromEntries(
    Object.entries(MODULES).map(([id, load]) => [
      id,
      { enumerable: true, get: () => load()['default'] ?? load()[id.slice(id.indexOf(':') + 1)] },
    ]),
  ),
);

export type RunOptions = Pick<Config['options'], 'ignoreManifest' | 'pjson'>;

/** Runs one command line of the package at `root`. A failure is printed and sets the exit code. */
export async function run(argv: readonly string[], root: string, options: RunOptions = {}): Promise<void> {
  try {
    await start(argv, root, options);
  } catch (error) {
    const { reportFailure } = await import('./lib/cli/errors.ts');
    process.exitCode = await reportFailure(error, argv);
  }
}

async function start(argv: readonly string[], root: string, options: RunOptions): Promise<void> {
  const pjson = options.pjson ?? JSON.parse(readFileSync(`${root}/package.json`, 'utf8'));
  if (['--version', '-V', 'version'].includes(argv[0]!)) {
    const slower = 'WebAssembly' in globalThis ? '' : ' (no WebAssembly: signatures take longer)';
    process.stdout.write(
      `${pjson.name}/${pjson.version} ${process.platform}-${process.arch} node-${process.version}${slower}\n`,
    );
    return;
  }
  const { Config } = await import('@oclif/core/config');
  // Code that lies in a user's data folder is none of this program.
  const config = await Config.load({ ...options, root, pjson, userPlugins: false, devPlugins: false });

  const [id = '', ...rest] = commandFirst(argv[0] === 'help' ? [...argv.slice(1), '--help'] : argv, config.commandIDs);
  const command = config.findCommand(id);
  if (!command) return showPage(id, rest, config, pjson.version);
  const help = helpWanted(rest);
  if (help === undefined) return void (await config.runCommand(id, rest, command));
  const { SpillwayHelp } = await import('./lib/cli/help.ts');
  const pages = new SpillwayHelp(config, {});
  if (help === '-h') pages.showShort(command);
  else await pages.showHelp([id]);
}

/**
 * Puts the command first, as its id. Two words stand for an id with a hyphen or under a topic, and
 * the other way round (`statechain open`, `htlc-create`). Flags may come before them.
 */
function commandFirst(argv: readonly string[], known: readonly string[]): readonly string[] {
  const at = argv[0]?.startsWith('-') ? argv.findIndex((_, i) => idAt(argv, i, known) !== undefined) : 0;
  const found = at < 0 ? undefined : idAt(argv, at, known);
  return found ? [found.id, ...argv.slice(at + found.words), ...argv.slice(0, at)] : argv;
}

function idAt(argv: readonly string[], at: number, known: readonly string[]): { id: string; words: 1 | 2 } | undefined {
  const [first = '', second = ''] = argv.slice(at);
  const two = [`${first}:${second}`, `${first}-${second}`].find((id) => known.includes(id));
  if (two !== undefined) return { id: two, words: 2 };
  const one = [first, first.replace('-', ':')].find((id) => known.includes(id));
  return one === undefined ? undefined : { id: one, words: 1 };
}

/** Shows the front page, or that of a family or topic. @throws Refusal `usage` for other words */
async function showPage(word: string, rest: readonly string[], config: Config, version: string): Promise<void> {
  const { familyPage, frontPage, TOPICS } = await import('./lib/cli/front.ts');
  const { FAMILIES } = await import('./lib/families.ts');
  const family = FAMILIES.find(({ name }) => name === word);
  const other = rest.find((argument) => !argument.startsWith('-'));
  if (word === '' || word === '--help' || word === '-h') process.stdout.write(frontPage(version));
  else if (family && other === undefined) process.stdout.write(familyPage(family, config.commands));
  else if (Object.hasOwn(TOPICS, word) && helpWanted(rest))
    process.stdout.write(`${TOPICS[word]!.title}\n\n${TOPICS[word]!.text()}\n`);
  else throw await unknown(family ? `${word} ${other}` : word, config.commandIDs);
}

/** Returns the help flag on the command line, if any: --help or -h. */
const helpWanted = (argv: readonly string[]): string | undefined =>
  argv
    .slice(0, argv.includes('--') ? argv.indexOf('--') : undefined)
    .find((word) => word === '--help' || word === '-h');

/** Commands that spend, end a contract or show a secret: a mistyped word leads nobody there. */
const RISKY = /broadcast|claim|close|exit|melt|penalty|prune|refund|restore|sweep|transfer|withdraw/;

async function unknown(words: string, known: readonly string[]): Promise<Refusal> {
  if (words.startsWith('-'))
    return new Refusal('usage', `${words} found, a command expected`, { hint: 'spillway --help lists them' });
  const { nearest } = await import('./lib/cli/errors.ts');
  const near = [':', '-'].map((join) => nearest(words.replace(' ', join), known)).find((id) => id !== undefined);
  return new Refusal('usage', `${JSON.stringify(words)} found, a command expected`, {
    hint: near && !RISKY.test(near) ? `did you mean ${near.replace(':', ' ')}?` : 'spillway --help lists them',
  });
}
