/**
 * Pages of help that belong to no single command: the front page, a page a family, and topics.
 * Not here: the help of a command (`help.ts`).
 */
import type { Command } from '@oclif/core/command';
import { FAMILIES, familyOf, type Family } from '../families.ts';
import { ALL_EXITS, EXITS } from './errors.ts';

type ListedCommand = Pick<Command.Loadable, 'id' | 'summary'>;

/** Lays out names and texts in two columns, indented by two spaces. */
export const columns = (rows: readonly (readonly [string, string])[]): string => {
  const width = Math.max(...rows.map(([name]) => name.length)) + 2;
  return rows.map(([name, text]) => `  ${name.padEnd(width)}${text}`).join('\n');
};

const ENVIRONMENT = [
  ['SPILLWAY_HOME', 'the home, as --home'],
  ['SPILLWAY_CHAIN', 'URL of a Bitcoin Core node; may hold user and password'],
  ['SPILLWAY_CHAIN_COOKIE', "file with the node's cookie, as --chain-cookie"],
  ['SPILLWAY_TIP', 'height of the newest block, as --tip'],
  ['SPILLWAY_STORE', 'URL of the PostgreSQL store; may hold its password'],
  ['SPILLWAY_PRIVATE_MINT', 'a mint at a private address that may be asked'],
  ['SPILLWAY_INSECURE_SEED', 'repeats the randomness of a home, on regtest only'],
  ['SPILLWAY_NOW', 'the time in seconds, for homes with a repeated seed'],
  ['SPILLWAY_DEBUG', 'with 1, a fault of the program shows where it happened'],
  ['NO_COLOR', 'no colours on a terminal'],
] as const;

/** Topics of help by name: a title, and a text of at most 80 columns. */
export const TOPICS: Readonly<Record<string, { title: string; text: () => string }>> = {
  'exit-codes': {
    title: 'what each exit code means',
    text: () => `${columns(ALL_EXITS.map((exit) => [String(exit), EXITS[exit]]))}

With any code but 0 and 3 stdout is empty, so that "set -o pipefail" is enough.
watch, serve and --batch write line by line: there a failure is a line.
"spillway errors" lists every error code with its exit code and meaning.`,
  },
  environment: {
    title: 'variables that stand for flags',
    text: () => `${columns(ENVIRONMENT)}

A flag on the command line outdoes its variable.`,
  },
  homes: {
    title: "what a party's home holds, and what to back up",
    text: () => `A home is a directory: a seed, and a store with the party's contracts. Commands
find it by --home, by SPILLWAY_HOME, or in the platform's data directory.

  spillway init --home DIR --network regtest
  spillway backup --home DIR --to NEWDIR

Beside it lie DIR.journal (every commit since, encrypted) and DIR.refunds (a
payer's refunds, without secrets). The words of init bring back plain coins;
contracts need a backup and the journal since. Keep both on another disk.
Never run two copies of a home: a nonce that signs twice gives its key away.`,
  },
  pipes: {
    title: 'how a message goes round',
    text: () => `A contract action is one command and one message. Each party pipes the message
through the same command; each run does the next step that is its party's.

  spillway sign-update --home mint --contract ID --amount 2100 |
    spillway sign-update --home user --amount 2100 |
    spillway sign-update --home mint

A flag starts an action (--as to open, else --contract); every other run reads
one message. The same input prints the same bytes again. --again prints the last
message of a contract, --cancel gives the action up while that is safe, --batch
takes a message a line. Input may be JSON, or a PSBT as base64, hex or binary.`,
  },
  units: {
    title: 'amounts, fee rates, heights and bytes',
    text: () => `  amounts      whole satoshis; fields end in _sat, in _msat for millisatoshis
  fee rates    sat/vB, up to three decimals
  expiries     a height, +BLOCKS from the tip, or a date
  bytes        lowercase hex; txids in display order; PSBTs in base64
  coins        the shape of Bitcoin Core's listunspent, amounts in bitcoin`,
  },
};

export const ABOUT = `runs off-chain Bitcoin contracts on the command line: each command
reads one PSBT or JSON message, does one step, and writes the next message.`;
export const START = `  $ spillway init --home user --network regtest
  $ spillway coins --home user --pretend 1300000
  $ spillway help pipes`;

/** Writes the front page: what this is, where to start, families, topics. At most 50 lines. */
export function frontPage(version: string): string {
  return `Spillway ${version} ${ABOUT}

START HERE
${START}

FAMILIES
${columns(FAMILIES.map(({ name, summary }) => [name, summary]))}

  spillway help FAMILY lists its commands, spillway COMMAND --help explains one,
  and -h is its short form.

TOPICS
${columns(Object.entries(TOPICS).map(([name, { title }]) => [name, title]))}

  spillway help TOPIC. spillway --version prints the version. Man pages say the
  same: man spillway, and as its FILES tells man spillway-COMMAND, -FAMILY, -TOPIC.
`;
}

/** Writes the page of a family: its commands with their summaries. */
export function familyPage(family: Family, commands: readonly ListedCommand[]): string {
  const own = commands.filter(({ id }) => familyOf(id) === family);
  const rows = own.map(({ id, summary = '' }) => [id.replace(':', ' '), summary] as const);
  return `${family.name}: ${family.summary}\n\n${columns(rows)}\n`;
}
