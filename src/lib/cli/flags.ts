/**
 * Flags that many commands share, each with the one way in which its text is read.
 * A value that is not understood is a usage error (exit 2). Not here: what becomes of the values.
 */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { parseSat } from '../bitcoin/amount.ts';
import { parseFeerate } from '../bitcoin/fee.ts';
import { Refusal } from '../protocol/refusal.ts';
import { visible } from '../engine/log.ts';

const expected = (words: string, input: string): Refusal =>
  new Refusal('usage', `"${visible(input, 60)}" found, ${words} expected`);

export type Camel<Name> = Name extends `${infer Word}-${infer Rest}` ? `${Word}${Capitalize<Camel<Rest>>}` : Name;
/** Flags under the names that the library has: `min-fee-msat` is `minFeeMsat`. */
export type Camelled<T> = { [Name in keyof T as Camel<Name & string>]: T[Name] };
/** Returns the name that the library has for a flag. */
export const camelName = (flag: string): string => flag.replace(/-./g, ([, letter]) => letter!.toUpperCase());
/** Renames flags to the names that the library has. */
export const camel = <T extends object>(flags: T): Camelled<T> =>
  Object.fromEntries(Object.entries(flags).map(([name, value]) => [camelName(name), value])) as Camelled<T>;

/** Returns an argument. `ignoreStdin` keeps oclif from filling an absent one from stdin. */
export const arg = (options: { description: string }) => Args.string({ ...options, ignoreStdin: true });

/** An argument that must be given. */
export const requiredArg = (options: { description: string }) =>
  Args.string({ ...options, ignoreStdin: true, required: true });

/** Whole satoshis as bigint: digits only, up to 21 million bitcoin. */
export const satFlag = Flags.custom<bigint>({
  helpValue: 'SAT',
  parse: async (input) => {
    const sat = parseSat(input);
    if (sat === undefined) throw expected('whole satoshis, digits only,', input);
    return sat;
  },
});

/** A block height. Heights end where lock times begin to mean seconds. */
export const heightFlag = Flags.custom<number>({
  helpValue: 'HEIGHT',
  parse: async (input) => {
    if (!/^(0|[1-9]\d{0,8})$/.test(input) || Number(input) >= 500_000_000) throw expected('a block height', input);
    return Number(input);
  },
});

/** sat/vB with up to three decimals, as whole satoshis for a thousand virtual bytes; 0.1 to 5000 sat/vB. */
export const feerateFlag = Flags.custom<number>({
  helpValue: 'SAT/VB',
  parse: async (input) => {
    const rate = parseFeerate(input);
    if (rate === undefined) throw expected('a fee rate from 0.1 to 5000 sat/vB', input);
    return rate;
  },
});

/** Address of a server: `PORT`, `HOST:PORT` or `[::1]:PORT`; 127.0.0.1 where no host is given. */
export const addressFlag = Flags.custom<{ host: string; port: number }>({
  helpValue: '[HOST:]PORT',
  parse: async (input) => {
    const [, bracketed, plain, port] = /^(?:(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):)?(\d{1,5})$/.exec(input) ?? [];
    if (port === undefined || Number(port) > 65_535) throw expected('[HOST:]PORT', input);
    return { host: bracketed ?? plain ?? '127.0.0.1', port: Number(port) };
  },
});

/** Reads a URL that may hold a password, but not where others can see it. */
const urlFlag =
  (flag: string, protocols: readonly string[], example: string, hint: string) =>
  async (input: string, context: { argv?: string[] }): Promise<string> => {
    const url = URL.parse(input);
    // The text may hold a password, so it is not repeated.
    if (!url || !protocols.includes(url.protocol)) throw new Refusal('usage', `a URL like ${example} expected`);
    const argv = context.argv ?? [];
    if (url.password && (argv.includes(input) || argv.includes(`--${flag}=${input}`)))
      throw new Refusal('usage', 'a password found on the command line, where others can see it', { hint });
    return input;
  };

const group = 'HOME';

/** A passphrase by file descriptor or file. Never as an argument: the command line of a process can be seen by others. */
const passphraseFlags = {
  'passphrase-fd': Flags.integer({
    summary: 'Read the passphrase of the home from this file descriptor',
    helpValue: 'N',
    min: 0,
    exclusive: ['passphrase-file'],
    helpGroup: group,
  }),
  'passphrase-file': Flags.string({
    summary: 'Read the passphrase of the home from this file, which nobody else may read',
    helpValue: 'FILE',
    helpGroup: group,
  }),
};

/** Choice of a home, and how it is opened. */
export const homeFlags = {
  home: Flags.string({
    summary: "Directory of the party's home; by default in the data directory of the platform",
    env: 'SPILLWAY_HOME',
    helpValue: 'DIR',
    helpGroup: group,
  }),
  refunds: Flags.string({
    summary: 'Folder for copies of refunds too; of init and restore --from: that of the home (default HOME.refunds)',
    helpValue: 'DIR',
    helpGroup: group,
  }),
  'journal-dir': Flags.string({
    summary: 'Folder for the journal of what is committed, best on another disk (default HOME.journal)',
    helpValue: 'DIR',
    helpGroup: group,
  }),
  store: Flags.string({
    summary:
      'PostgreSQL database that holds the store in place of a file; a password in the URL only through the variable',
    env: 'SPILLWAY_STORE',
    helpValue: 'URL',
    helpGroup: group,
    parse: urlFlag(
      'store',
      ['postgres:', 'postgresql:'],
      'postgres://mint@127.0.0.1/mint',
      'give the URL in SPILLWAY_STORE, or the password in ~/.pgpass',
    ),
  }),
  ...passphraseFlags,
  'insecure-seed': Flags.string({
    summary: 'Replace randomness, for reproducible runs on regtest',
    env: 'SPILLWAY_INSECURE_SEED',
    helpValue: 'HEX',
    hidden: true,
  }),
};

/** Choice of a chain source. */
export const chainFlags = {
  chain: Flags.string({
    summary: 'Bitcoin Core RPC; a user and password in the URL only through the variable',
    env: 'SPILLWAY_CHAIN',
    helpValue: 'URL',
    helpGroup: 'CHAIN',
    parse: urlFlag(
      'chain',
      ['http:'],
      'http://127.0.0.1:8332',
      'give the URL in SPILLWAY_CHAIN, or the cookie file with --chain-cookie',
    ),
  }),
  'chain-cookie': Flags.string({
    summary: "File with the node's cookie (.cookie in its data directory)",
    env: 'SPILLWAY_CHAIN_COOKIE',
    helpValue: 'FILE',
    helpGroup: 'CHAIN',
  }),
  tip: heightFlag({
    summary: 'Height of the newest block; as a flag it outdoes that of --chain',
    env: 'SPILLWAY_TIP',
    helpGroup: 'CHAIN',
  }),
};
