/**
 * Flags that many commands share, each with the one way in which its text is read.
 * A value that is not understood is a usage error (exit 2). Not here: what becomes of the values.
 */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import type { BooleanFlag, InferredFlags, OptionFlag } from '@oclif/core/interfaces';
import { parseSat } from '../bitcoin/amount.ts';
import { parseFeerate } from '../bitcoin/fee.ts';
import { Refusal } from '../protocol/refusal.ts';
import { visible } from '../engine/log.ts';

const refuse = (words: string, input: string): never => {
  throw new Refusal('usage', `"${visible(input, 60)}" found, ${words} expected`);
};

export type Camel<Name> = Name extends `${infer Word}-${infer Rest}` ? `${Word}${Capitalize<Camel<Rest>>}` : Name;
/** Flags under the names that the library has: `min-fee-msat` is `minFeeMsat`. */
export type Camelled<T> = { [Name in keyof T as Camel<Name & string>]: T[Name] };
/** Values of flags, as the parts of a command take them. */
export type Values<F> = Camelled<Omit<InferredFlags<F>, 'json'>>;
/** Returns the name that the library has for a flag. */
export const camelName = (flag: string): string => flag.replace(/-./g, ([, letter]) => letter!.toUpperCase());
/** Renames flags to the names that the library has. */
export const camel = <T extends object>(flags: T): Camelled<T> =>
  Object.fromEntries(Object.entries(flags).map(([name, value]) => [camelName(name), value])) as Camelled<T>;

/** Returns an argument. `ignoreStdin` keeps oclif from filling an absent one from stdin. */
export const arg = (description: string) => Args.string({ description, ignoreStdin: true });

/** An argument that must be given. */
export const requiredArg = (description: string) => Args.string({ description, ignoreStdin: true, required: true });

/** The argument that names the action of a command. */
export const actionArg = <const W extends string>(options: readonly W[]) =>
  Args.custom<W>({})({ description: 'What to do', options, required: true, ignoreStdin: true });

/** Options of a flag besides its summary, as oclif names them; a text is its group in the help. */
export type More<P = unknown> = (Partial<OptionFlag<any>> & P) | string;
type FlagValue<T, M> =
  (M extends { multiple: true } ? T[] : T) | (M extends { required: true } | { default: {} } ? never : undefined);

const beside = (more: object | string = {}): object => (typeof more === 'string' ? { helpGroup: more } : more);
const flag = <T, M>(kind: object, summary: string, more?: object | string) =>
  Flags.custom(kind)({ summary, ...beside(more) }) as unknown as OptionFlag<FlagValue<T, M>>;

/** Returns a kind of flag. @param read its value, from text and options of the flag */
export const flagOf =
  <T, P = unknown>(helpValue: string, read: (input: string, options: P) => T) =>
  <const M extends More<P> = string>(summary: string, more?: M) =>
    flag<T, M>({ helpValue, parse: async (input: string, _: unknown, of: P) => read(input, of) }, summary, more);

/** A text. */
export const textFlag = <const M extends More = string>(summary: string, helpValue?: string, more?: M) =>
  flag<string, M>({ helpValue }, summary, more);
/** Options of a flag that may be given again. */
export const repeated = { multiple: true, multipleNonGreedy: true } as const;

/** A whole number in a range, which may be a row of limits. */
export const countFlag = <const M extends More = string>(
  summary: string,
  range: readonly [min: number, max?: number] | { readonly least: number; readonly most: number },
  more?: M,
) => {
  const [min, max] = 'least' in range ? [range.least, range.most] : range;
  return flag<number, M>(Flags.integer({ min, ...(max !== undefined && { max }) }), summary, more);
};

/** One of a few words. */
export const choiceFlag = <const W extends string, const M extends More = string>(
  options: readonly W[],
  summary: string,
  more?: M,
) => flag<W, M>({ options }, summary, more);

/** A switch: true where it is given. */
export const switchFlag = (summary: string, more?: Partial<BooleanFlag<boolean>> | string) =>
  Flags.boolean({ summary, ...beside(more) });

/** Puts flags into one group of the help. */
export const inGroup = <F extends Record<string, object>>(helpGroup: string, flags: F): F =>
  Object.fromEntries(Object.entries(flags).map(([name, flag]) => [name, { ...flag, helpGroup }])) as F;

/** Whole satoshis as bigint: digits only, up to 21 million bitcoin. */
export const satFlag = flagOf('SAT', (input) => parseSat(input) ?? refuse('whole satoshis, digits only,', input));

/** A block height. Heights end where lock times begin to mean seconds. */
export const heightFlag = flagOf('HEIGHT', (input) =>
  /^(0|[1-9]\d{0,8})$/.test(input) && Number(input) < 500_000_000 ? Number(input) : refuse('a block height', input),
);

/** Fee rate from 0.1 to 5000 sat/vB, with three decimals: satoshis for a thousand virtual bytes. */
export const feerateFlag = flagOf(
  'SAT/VB',
  (input) => parseFeerate(input) ?? refuse('a fee rate from 0.1 to 5000 sat/vB', input),
);

/** Bytes in hex, for values that are no secret. */
export const hexFlag = flagOf('HEX', (input, { length }: { length?: number }) => {
  if (!/^(?:[0-9a-fA-F]{2})*$/.test(input)) throw new Refusal('usage', 'hex expected');
  if (length !== undefined && input.length !== 2 * length)
    throw new Refusal('usage', `${input.length / 2} bytes found, ${length} expected`);
  return Uint8Array.from(Buffer.from(input, 'hex'));
});

/** A whole number as bigint: millisatoshis, heights, types. */
export const wholeFlag = flagOf('N', (input) => {
  if (!/^(?:0|[1-9]\d{0,18})$/.test(input)) throw new Refusal('usage', 'a whole number expected');
  return BigInt(input);
});

/** Address of a server: `PORT`, `HOST:PORT` or `[::1]:PORT`; 127.0.0.1 where no host is given. */
export const addressFlag = flagOf('[HOST:]PORT', (input) => {
  const [, bracketed, plain, port] = /^(?:(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):)?(\d{1,5})$/.exec(input) ?? [];
  if (port === undefined || Number(port) > 65_535) return refuse('[HOST:]PORT', input);
  return { host: bracketed ?? plain ?? '127.0.0.1', port: Number(port) };
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

/** Choice of a home, and how it is opened. */
export const homeFlags = {
  ...inGroup('HOME', {
    home: textFlag("Directory of the party's home; by default in the data directory of the platform", 'DIR', {
      env: 'SPILLWAY_HOME',
    }),
    refunds: textFlag(
      'Folder for copies of refunds too; of init and restore --from: that of the home (default HOME.refunds)',
      'DIR',
    ),
    'journal-dir': textFlag(
      'Folder for the journal of what is committed, best on another disk (default HOME.journal)',
      'DIR',
    ),
    store: textFlag(
      'PostgreSQL database that holds the store in place of a file; a password in the URL only through the variable',
      'URL',
      {
        env: 'SPILLWAY_STORE',
        parse: urlFlag(
          'store',
          ['postgres:', 'postgresql:'],
          'postgres://mint@127.0.0.1/mint',
          'give the URL in SPILLWAY_STORE, or the password in ~/.pgpass',
        ),
      },
    ),
    // By descriptor or file, never as an argument: others can see the command line of a process.
    'passphrase-fd': countFlag('Read the passphrase of the home from this file descriptor', [0], {
      helpValue: 'N',
      exclusive: ['passphrase-file'],
    }),
    'passphrase-file': textFlag('Read the passphrase of the home from this file, which nobody else may read', 'FILE'),
  }),
  'insecure-seed': textFlag('Replace randomness, for reproducible runs on regtest', 'HEX', {
    env: 'SPILLWAY_INSECURE_SEED',
    hidden: true,
  }),
};

/** Choice of a node. */
export const nodeFlags = inGroup('CHAIN', {
  chain: textFlag('Bitcoin Core RPC; a user and password in the URL only through the variable', 'URL', {
    env: 'SPILLWAY_CHAIN',
    parse: urlFlag(
      'chain',
      ['http:'],
      'http://127.0.0.1:8332',
      'give the URL in SPILLWAY_CHAIN, or the cookie file with --chain-cookie',
    ),
  }),
  'chain-cookie': textFlag("File with the node's cookie (.cookie in its data directory)", 'FILE', {
    env: 'SPILLWAY_CHAIN_COOKIE',
  }),
});

/** Choice of a chain source: a node, or a height. */
export const chainFlags = {
  ...nodeFlags,
  tip: heightFlag('Height of the newest block; as a flag it outdoes that of --chain', {
    env: 'SPILLWAY_TIP',
    helpGroup: 'CHAIN',
  }),
};
