/**
 * The program: which commands there are, and how a command line becomes one of them. Bundled into dist/cli.cjs.
 * With the manifest oclif needs no command's code but that of the one that runs, so each is evaluated when it is asked
 * for; a getter does that, because `oclif manifest` reads them all and does not wait.
 */
import { readFileSync } from 'node:fs';
import type { Command } from '@oclif/core/command';
import type { Config } from '@oclif/core/config';
import { report } from './lib/cli/errors.ts';
import { Refusal } from './lib/protocol/refusal.ts';

/** `require` is the bundler's word for "evaluate here". */
const MODULES: Record<string, () => { default: Command.Class }> = {
  adaptor: () => require('./commands/adaptor.ts'),
  address: () => require('./commands/address.ts'),
  backup: () => require('./commands/backup.ts'),
  broadcast: () => require('./commands/broadcast.ts'),
  bump: () => require('./commands/bump.ts'),
  'channel-build': () => require('./commands/channel-build.ts'),
  'channel-inspect': () => require('./commands/channel-inspect.ts'),
  'channel-secrets': () => require('./commands/channel-secrets.ts'),
  'channel-verify': () => require('./commands/channel-verify.ts'),
  'close-credit': () => require('./commands/close-credit.ts'),
  'check-assets': () => require('./commands/check-assets.ts'),
  coins: () => require('./commands/coins.ts'),
  completion: () => require('./commands/completion.ts'),
  'credit-invoice': () => require('./commands/credit-invoice.ts'),
  dividends: () => require('./commands/dividends.ts'),
  'ecash-keyset': () => require('./commands/ecash-keyset.ts'),
  'ecash-restore': () => require('./commands/ecash-restore.ts'),
  'ecash-melt': () => require('./commands/ecash-melt.ts'),
  'ecash-mint': () => require('./commands/ecash-mint.ts'),
  'ecash-quote': () => require('./commands/ecash-quote.ts'),
  errors: () => require('./commands/errors.ts'),
  'ecash-token': () => require('./commands/ecash-token.ts'),
  'decode-assets': () => require('./commands/decode-assets.ts'),
  'decode-colu': () => require('./commands/decode-colu.ts'),
  'decode-counterparty': () => require('./commands/decode-counterparty.ts'),
  'decode-epobc': () => require('./commands/decode-epobc.ts'),
  'decode-openassets': () => require('./commands/decode-openassets.ts'),
  'exit-credit': () => require('./commands/exit-credit.ts'),
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
  init: () => require('./commands/init.ts'),
  inspect: () => require('./commands/inspect.ts'),
  'issue-openassets': () => require('./commands/issue-openassets.ts'),
  liquidity: () => require('./commands/liquidity.ts'),
  'offer:create': () => require('./commands/offer/create.ts'),
  'offer:decode': () => require('./commands/offer/decode.ts'),
  'offer:invoice': () => require('./commands/offer/invoice.ts'),
  'offer:period': () => require('./commands/offer/period.ts'),
  'offer:preimages': () => require('./commands/offer/preimages.ts'),
  'offer:prove': () => require('./commands/offer/prove.ts'),
  'offer:request': () => require('./commands/offer/request.ts'),
  'offer:sign': () => require('./commands/offer/sign.ts'),
  'offer:verify': () => require('./commands/offer/verify.ts'),
  'onion-blind': () => require('./commands/onion-blind.ts'),
  'onion-build': () => require('./commands/onion-build.ts'),
  'onion-error': () => require('./commands/onion-error.ts'),
  'onion-message': () => require('./commands/onion-message.ts'),
  'onion-peel': () => require('./commands/onion-peel.ts'),
  'onion-route': () => require('./commands/onion-route.ts'),
  'open-credit': () => require('./commands/open-credit.ts'),
  prune: () => require('./commands/prune.ts'),
  reconcile: () => require('./commands/reconcile.ts'),
  restore: () => require('./commands/restore.ts'),
  rollover: () => require('./commands/rollover.ts'),
  serve: () => require('./commands/serve.ts'),
  'sign-update': () => require('./commands/sign-update.ts'),
  'statechain-audit': () => require('./commands/statechain-audit.ts'),
  'statechain-exit': () => require('./commands/statechain-exit.ts'),
  'statechain-open': () => require('./commands/statechain-open.ts'),
  'statechain-transfer': () => require('./commands/statechain-transfer.ts'),
  'statechain-verify': () => require('./commands/statechain-verify.ts'),
  'statechain-withdraw': () => require('./commands/statechain-withdraw.ts'),
  'sketch:decode': () => require('./commands/sketch/decode.ts'),
  'sketch:extend': () => require('./commands/sketch/extend.ts'),
  'sketch:make': () => require('./commands/sketch/make.ts'),
  'sketch:merge': () => require('./commands/sketch/merge.ts'),
  status: () => require('./commands/status.ts'),
  'transfer-openassets': () => require('./commands/transfer-openassets.ts'),
  watch: () => require('./commands/watch.ts'),
};

export const COMMANDS: Record<string, Command.Class> = Object.defineProperties(
  {},
  Object.fromEntries(
    Object.entries(MODULES).map(([id, load]) => [id, { enumerable: true, get: () => load().default }]),
  ),
);

export type RunOptions = Pick<Config['options'], 'ignoreManifest' | 'pjson'>;

/** Runs one command line; `root` is the package. Never rejects: a failure is printed and becomes the exit code. */
export async function run(argv: readonly string[], root: string, options: RunOptions = {}): Promise<void> {
  try {
    await start(argv, root, options);
  } catch (error) {
    process.exitCode = await report(error, argv);
  }
}

async function start(argv: readonly string[], root: string, options: RunOptions): Promise<void> {
  const pjson = options.pjson ?? JSON.parse(readFileSync(`${root}/package.json`, 'utf8'));
  if (argv[0] === '--version') {
    const slower = 'WebAssembly' in globalThis ? '' : ' (no WebAssembly: signatures take longer)';
    process.stdout.write(
      `${pjson.name}/${pjson.version} ${process.platform}-${process.arch} node-${process.version}${slower}\n`,
    );
    return;
  }
  const { Config } = await import('@oclif/core/config');
  // Code that lies in a user's data folder is none of this program.
  const config = await Config.load({ ...options, root, pjson, userPlugins: false, devPlugins: false });

  const [id = '', ...rest] = joined(argv[0] === 'help' ? [...argv.slice(1), '--help'] : argv, config.commandIDs);
  const command = config.findCommand(id);
  const topic = config.commandIDs.some((known) => known.startsWith(`${id}:`));
  if (id !== '' && !id.startsWith('-') && !command && !topic) throw await unknown(id, config.commandIDs);
  if (id === '' || topic || wantsHelp([id, ...rest])) {
    const { SpillwayHelp } = await import('./lib/cli/help.ts');
    await new SpillwayHelp(config, {}).showHelp(command || topic ? [id] : []);
    return;
  }
  if (!command) throw new Refusal('usage', `${id} found, a command expected`, { hint: 'spillway --help lists them' });
  await config.runCommand(id, rest, command);
}

/** The two words of a command under a topic (`htlc create`) as its one id. */
function joined(argv: readonly string[], known: readonly string[]): readonly string[] {
  const [topic, verb, ...rest] = argv;
  const isTopic = topic !== undefined && known.some((id) => id.startsWith(`${topic}:`));
  return isTopic && verb !== undefined && !verb.startsWith('-') ? [`${topic}:${verb}`, ...rest] : argv;
}

const wantsHelp = (argv: readonly string[]): boolean =>
  argv
    .slice(0, argv.includes('--') ? argv.indexOf('--') : undefined)
    .some((word) => word === '--help' || word === '-h');

async function unknown(id: string, known: readonly string[]): Promise<Refusal> {
  const { nearest } = await import('./lib/cli/suggest.ts');
  const near = nearest(id, known)?.replace(':', ' ');
  return new Refusal('usage', `${JSON.stringify(id.replace(':', ' '))} found, a command expected`, {
    hint: near ? `did you mean ${near}?` : 'spillway --help lists them',
  });
}
