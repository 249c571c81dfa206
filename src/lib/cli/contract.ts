/**
 * Contract commands as tables of an action and its flags. A run reads one message or starts, plays
 * its row, and prints.
 */
import type { FlagInput } from '@oclif/core/interfaces';
import { rowWords, type Action, type Claim } from '../protocol/action.ts';
import type { Ports } from '../protocol/ports.ts';
import { parseJson } from '../protocol/json.ts';
import { Refusal } from '../protocol/refusal.ts';
import type { Home } from '../home/home.ts';
import { note } from '../engine/log.ts';
import { programsFrom } from '../engine/outside.ts';
import { play, playAgain, type PrintedReply, type RunInput } from '../engine/play.ts';
import { sniff } from '../engine/sniff.ts';
import { tableOf, waysOutOf } from '../families.ts';
import { chainOf, type ChainValues } from './chain.ts';
import { psbtFrom } from './contract-flags.ts';
import { ALL_EXITS } from './errors.ts';
import { door, type Door, type Runnable } from './door.ts';
import { arg, type Values } from './flags.ts';
import { withHome, type HomeValues } from './home.ts';
import { openInput, readInput } from './input.ts';
import { answerLines } from './lines.ts';
import { claimNamed } from './named.ts';
import { inputOf, type InputOf } from './step-flags.ts';
import { print } from './output.ts';
import { promptFrom } from './prompt.ts';
import type { SourceOptions } from '../chain/source.ts';

export interface ContractValues extends HomeValues, ChainValues {
  merge?: string[] | undefined;
  psbt?: string | undefined;
  cancel?: boolean;
  again?: boolean;
  batch?: boolean;
  requestId?: string | undefined;
  contract?: string | undefined;
  as?: string | undefined;
  amount?: bigint | undefined;
  max?: bigint | undefined;
  feerate?: number | undefined;
  signer?: string | undefined;
  unchecked?: boolean;
}

export type AskRemote = SourceOptions['remote'];

/** Parts of a run that follow from its flags. */
interface Run {
  /** Values in place of those that were given. */
  flags?: ContractValues;
  /** The message's file; stdin by default. */
  file?: string | undefined;
  /** Returns a claim of the record of --cancel and --again; by default by its name. */
  named?(home: Home, prefix: string): Promise<Claim>;
  /** Does what is due after messages, once they are answered. */
  after?: ((home: Home) => Promise<unknown>) | undefined;
  /** Asks a service outside, for rows that need it. */
  remote?: AskRemote;
  /** True for a start; by default --as or --contract starts. */
  starts?: boolean;
  /** Returns the text to print in place of the document. */
  print?(home: Home, text: string, ports: Ports): Promise<string>;
}
interface ContractDoor<I extends object, F extends FlagInput> extends Pick<
  Door<F, {}>,
  'summary' | 'description' | 'examples'
> {
  table: Action<any, any, I>;
  /** Flags of the command. Those marked by `step-flags.ts` are the step's input. */
  flags: F;
  /** Meaning of the argument: the message's file, if `prepare` names no other. */
  file?: string;
}
/** Input that no single flag gives; of an action with several doors another one may. */
type Also<I, F> = Exclude<keyof I, keyof InputOf<F>>;
/** Checks the flags before a run. Returns nothing where it has answered by itself. */
type Prepare<F, R> = (flags: Values<F>, file: string | undefined) => R | Promise<R | void>;
type Prepared<I, F> = [Also<I, F>] extends [never]
  ? { prepare?: Prepare<F, Run> }
  : { prepare: Prepare<F, Run & { also(home: Home): Promise<{ [K in Also<I, F>]?: I[K] | undefined }> }> };
/** Refuses flags that give an input which no row takes, or one of another type. */
type Fits<I, F> = [Exclude<keyof InputOf<F>, keyof I>] extends [never]
  ? InputOf<F> extends { [K in keyof I]?: I[K] | undefined }
    ? unknown
    : { flags: 'an input of another type' }
  : { flags: ['an input that no row takes', Exclude<keyof InputOf<F>, keyof I>] };

/** Makes the command of an action: a run, or with --batch one for each line. */
export const contractDoor = <I extends object, F extends FlagInput>({
  table,
  file,
  prepare,
  ...words
}: ContractDoor<I, F> & Prepared<I, F> & Fits<I, F>): Runnable =>
  door({
    ...words,
    steps: stepsOf(table),
    args: file === undefined ? {} : { file: arg(file) },
    exits: ALL_EXITS,
    run: async (values, args: { file?: string | undefined }) => {
      const run = prepare ? await prepare(values, args.file) : {};
      if (run) await playRun(table, words.flags, { flags: values as ContractValues, file: args.file, ...run });
    },
  });

/** Plays one run, or one for each line of a batch. */
async function playRun<I extends object>(
  table: Action<any, any, I>,
  inputFlags: FlagInput,
  { flags, file, ...run }: Run & { flags: ContractValues; also?(home: Home): Promise<object> },
): Promise<void> {
  const named = flags.contract !== undefined && (flags.cancel === true || flags.again === true);
  const claimOf = (home: Home): Promise<Claim> => (run.named ?? claimNamed)(home, flags.contract!);
  const starts = named || (run.starts ?? (flags.contract !== undefined || flags.as !== undefined));
  const batch = flags.batch ?? false;
  if (starts && file !== undefined)
    throw new Refusal('usage', `a start and a message (${file}) found; a start reads no message`);
  if (batch && (starts || flags.merge || flags.psbt !== undefined || flags.cancel))
    throw new Refusal('usage', '--batch found with a start, --merge, --psbt or --cancel; it only answers messages');
  if (flags.requestId !== undefined && !starts)
    throw new Refusal('usage', '--request-id names a start; a message names itself');
  const source = batch ? await openInput(file) : undefined;
  const json = starts || batch ? null : await message(file, table.type);
  if (flags.unchecked) note('--unchecked: what nobody has looked at is taken as it is said; nothing vouches for it');
  await withHome(
    flags,
    async (home) => {
      const ports = await portsOf(home, flags, run.remote);
      if (flags.again) return show(await playAgain(table, await claimOf(home), ports), flags.psbt);
      const given = named ? {} : { ...(await inputOf(inputFlags, { ...flags }, home)), ...(await run.also?.(home)) };
      const input = given as I;
      if (flags.contract !== undefined && !named && !('contract' in input))
        throw new Refusal('usage', '--contract found; here it goes with --cancel or --again');
      const context = { feerate: flags.feerate };
      if (source) {
        await answerLines(source, (text) => play(table, { json: parseJson(text), input, merged: [], context }, ports));
        return run.after?.(home);
      }
      const line: RunInput<I> = {
        json,
        input,
        merged: await Promise.all((flags.merge ?? []).map(psbtFrom)),
        context,
        requestId: flags.requestId,
        cancel: flags.cancel ?? false,
        over: named ? await claimOf(home) : undefined,
      };
      const printed = await play(table, line, ports);
      if (json !== null && !line.cancel && waysOutOf(table.type)) {
        const { quotesNow } = await import('../engine/ways.ts');
        for (const [label, words] of await quotesNow(table, json, ports.source)) note(`${label}: ${words}`);
      }
      const text = (await run.print?.(home, printed.text, ports)) ?? printed.text;
      await show({ ...printed, text }, flags.psbt);
      ports.point('after-print');
      await run.after?.(home);
    },
    stopAt,
  );
}

async function show(printed: PrintedReply, psbt: string | undefined): Promise<void> {
  await print(psbt === undefined ? printed.text : await onlyPsbt(printed.text, psbt));
  if (printed.hint !== undefined) note(printed.hint);
  process.exitCode = printed.exit;
}

/** Reads the message of a run. @throws Refusal `malformed`, `malformed-json`, `unknown-type` */
async function message(file: string | undefined, type: string): Promise<unknown> {
  const input = sniff(await readInput(file));
  if (input.form !== 'json')
    throw new Refusal('malformed', 'a PSBT found, a contract message (JSON) expected', {
      hint: 'PSBTs of other wallets come in with --merge or --funding, beside the message',
    });
  const json = parseJson(input.text);
  const { type: found } = (json ?? {}) as { type?: unknown };
  if (typeof found !== 'string' || found === type) return json;
  const other = await tableOf(found);
  throw new Refusal('unknown-type', `a document of type ${found.slice(0, 80)} found, a message of ${type} expected`, {
    hint: other
      ? `spillway ${found.replace(/^htlc-/, 'htlc ')} reads it; spillway inspect puts it into words`
      : 'spillway inspect puts it into words',
  });
}

async function onlyPsbt(text: string, name: string): Promise<string> {
  const { psbt = {} } = JSON.parse(text) as { psbt?: Record<string, string> };
  const found = Object.hasOwn(psbt, name) ? psbt[name] : undefined;
  if (found === undefined)
    throw new Refusal(
      'nothing-to-print',
      `--psbt ${name} found, one of ${Object.keys(psbt).join(', ') || 'none'} expected`,
    );
  return found;
}

/** Returns the ports of a run on this home. `remote`: for rows that ask a service outside. */
export async function portsOf(home: Home, flags: ContractValues, remote?: AskRemote): Promise<Ports> {
  const { factSource } = await import('../chain/source.ts');
  return {
    network: home.network,
    restored: home.restored,
    mayRepeat: home.mayRepeat,
    store: home.store,
    source: factSource({
      network: home.network,
      ...(await chainOf(flags)),
      ...(flags.feerate !== undefined && { feerate: flags.feerate }),
      ...clockOf(flags),
      ...(remote && { remote }),
    }),
    prompt: promptFrom(flags),
    outside: programsFrom(flags),
    // The person who runs a command may play every row.
    permit: () => {},
    shares: home.shares,
    keys: async (nonces, shares) =>
      (await home.keys()).keysWith(await Promise.all(nonces.map((nonce) => nonce.decrypt())), shares),
    random: () => home.random(),
    copy: (copies) => home.copy(copies),
    point: stopAt,
  };
}

/** Returns the fixed clock of SPILLWAY_NOW, for runs with a fixed seed. */
function clockOf(flags: HomeValues): { now?: () => number } {
  const fixed = Number(process.env['SPILLWAY_NOW']);
  return flags.insecureSeed !== undefined && fixed > 0 ? { now: () => fixed } : {};
}

/** Tests interrupt a run here, as a crash or a kill would. */
export function stopAt(label: string): void {
  if (process.env['SPILLWAY_STOP_AT'] === label) process.kill(process.pid, 'SIGKILL');
}

/** The rows of a table, a line each, for --help. */
export const stepsOf = (table: Action<any, any, any>): string[] =>
  table.rows.map((row) => `${rowWords(row)}: ${row.does}`);
