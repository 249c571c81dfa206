/**
 * Gathering of pledges from a file or a stream: a line out for each in, in order. The lines of one
 * piece of the stream are checked and kept together.
 * Not here: which pledge counts (`lib/pledge/gather.ts`), the seats of a home (`seats.ts`).
 */
import { outpointText } from '../../lib/bitcoin/outpoint.ts';
import { groupsOf, type InputLine } from '../../lib/cli/lines.ts';
import { print } from '../../lib/cli/output.ts';
import { errorObject, failureOf } from '../../lib/engine/failure.ts';
import { readAll } from '../../lib/engine/files.ts';
import { note } from '../../lib/engine/log.ts';
import { sniff } from '../../lib/engine/sniff.ts';
import { retryRace } from '../../lib/home/change.ts';
import { gathered, Gathering, type Gate, type PledgeFacts } from '../../lib/pledge/gather.ts';
import type { Pledge } from '../../lib/pledge/pledge.ts';
import { pledgeOfPsbt } from '../../lib/pledge/psbt.ts';
import type { Sealed } from '../../lib/pledge/records.ts';
import { pledge } from '../../lib/pledge/table.ts';
import type { Hex } from '../../lib/protocol/action.ts';
import { parseJson, printJson } from '../../lib/protocol/json.ts';
import { MESSAGE_LIMIT } from '../../lib/protocol/message.ts';
import type { FactSource } from '../../lib/protocol/ports.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';

export const LINE_LIMIT = MESSAGE_LIMIT;

/** Brought pledge: plain, encrypted to the collector, or a PSBT that names no campaign. */
export type BroughtPledge =
  { campaign: Hex; network: string; plain: Pledge | null; sealed: Sealed | null } | { psbt: string };

/** Campaign in one round, and what opens pledges that are encrypted to its collector. */
export interface OpenCampaign {
  gathering: Gathering;
  open(sealed: Sealed): Pledge;
}
/** Brought pledge that was opened, and its campaign. */
export interface OpenedPledge {
  campaign: OpenCampaign;
  pledge: Pledge;
}
/** Seats of the campaigns of one group of lines. */
export interface Round {
  /** Returns a pledge's campaign. @throws Refusal `unknown-contract`, `wrong-state`, `usage` */
  of(brought: BroughtPledge): OpenCampaign;
  /** Looks up which of these coins are in a seat already. */
  look(pledges: readonly OpenedPledge[]): Promise<void>;
  /** Stores the pledges that were taken; false where another run was faster. */
  keep(): Promise<boolean>;
}
export interface Seats {
  begin(pledges: readonly BroughtPledge[]): Promise<Round>;
}

/** Reads a pledge of `pledge make`, or a PSBT. @throws Refusal as the table's parser and `sniff` */
export function broughtIn(bytes: Uint8Array): BroughtPledge {
  const input = sniff(bytes);
  if (input.form === 'psbt') return { psbt: Buffer.from(input.bytes).toString('base64') };
  if (input.form !== 'json') throw new Refusal('malformed', 'a pledge or its PSBT expected');
  const message = pledge.parse(parseJson(input.text));
  if (message.step !== 'pledged')
    throw new Refusal('unknown-step', `a message at '${message.step}' found, a pledge expected`);
  return { campaign: message.campaign, network: message.network, plain: message.pledge, sealed: message.sealed };
}

/** Opens a brought pledge. @throws Refusal `sealed-unreadable`, and as `Round.of` */
export function openedIn(seated: Round, brought: BroughtPledge): OpenedPledge {
  const open = seated.of(brought);
  const { campaign, network } = open.gathering.gate;
  if ('psbt' in brought) return { campaign: open, pledge: pledgeOfPsbt(campaign, network, brought.psbt) };
  if (brought.network !== network)
    throw new Refusal('wrong-network', `a pledge on ${brought.network} found, one on ${network} expected`);
  return { campaign: open, pledge: brought.plain ?? open.open(brought.sealed!) };
}

/** Line of an answer; `missing` after a pledge that counts. */
type AnswerLine = { text: string; exit: number; missing?: bigint; error?: unknown };
const isAnswer = (one: object): one is AnswerLine => 'exit' in one;
const attempt = <T>(work: () => T): T | AnswerLine => {
  try {
    return work();
  } catch (error) {
    const failure = failureOf(error);
    return { text: printJson(errorObject(failure)), exit: failure.exit, error };
  }
};

/**
 * Gathers pledges and prints a line for each. Sets the exit code: that of the first refusal, else 3
 * until the goal is reached.
 * @param whole most bytes of the one pledge of the input; undefined: one a line
 * @throws Refusal of a single pledge
 */
export async function gatherLines(
  source: AsyncIterable<Uint8Array>,
  seats: Seats,
  facts: FactSource,
  unchecked: boolean,
  whole?: number,
): Promise<void> {
  if (whole !== undefined) {
    const brought = broughtIn(await readAll(source as never, whole, 'the pledge'));
    const [answer] = await round([brought], seats, facts, unchecked);
    const { text, missing = 0n, error } = answer!;
    if (error !== undefined) throw error;
    await print(text);
    if (missing > 0n) {
      note(`${missing} sat are missing`);
      process.exitCode = 3;
    }
    return;
  }
  let first = 0;
  let open = true;
  for await (const lines of groupsOf(source, LINE_LIMIT)) {
    const pledges = lines.map((line) => attempt(() => broughtIn(bytesOf(line))));
    const answers = await round(pledges, seats, facts, unchecked);
    for (const { exit } of answers) first ||= exit;
    const last = answers.findLast(({ missing }) => missing !== undefined);
    if (last) open = last.missing! > 0n;
    await print(answers.map(({ text }) => text).join('\n'));
  }
  process.exitCode = first || (open ? 3 : 0);
}

/**
 * Checks a pledge and gives it a seat, once. Returns the verdict on its coin.
 * @throws Refusal as `Gate.check`, `Gathering.add`
 */
export function place(
  { campaign: { gathering }, pledge: one }: OpenedPledge,
  looked: PledgeFacts,
  unchecked: boolean,
): string {
  const coin = gathering.gate.check(one, looked, unchecked);
  gathering.add(one);
  return coin;
}

export function bytesOf(line: InputLine): Uint8Array {
  if ('refusal' in line) throw line.refusal;
  return Buffer.from(line.text);
}

/** Answers the pledges of one group. */
const round = (
  pledges: readonly (BroughtPledge | AnswerLine)[],
  seats: Seats,
  facts: FactSource,
  unchecked: boolean,
): Promise<AnswerLine[]> =>
  retryRace(async () => {
    const seated = await seats.begin(pledges.filter((one): one is BroughtPledge => !isAnswer(one)));
    const opened = pledges.map((one) => (isAnswer(one) ? one : attempt(() => openedIn(seated, one))));
    const plain = opened.filter((one): one is OpenedPledge => !isAnswer(one));
    const [{ facts: found, checks }] = await Promise.all([
      facts.facts({ tip: true, coins: plain.map(({ pledge: one }) => outpointText(one)) }),
      seated.look(plain),
    ]);
    const looked = { tip: found.tip ?? 'not-checked', coins: found.coins ?? 'not-checked' } as const;
    const answers = opened.map((one) =>
      isAnswer(one)
        ? one
        : attempt((): AnswerLine => {
            const coin = place(one, looked, unchecked);
            const { gate, sum } = one.campaign.gathering;
            const said = gathered(gate, sum, one.pledge);
            const text = printJson({ type: pledge.type, version: 1, ...said, checks: { tip: checks['tip'], coin } });
            return { text, exit: 0, missing: said.missing_sat };
          }),
    );
    return (await seated.keep()) ? answers : undefined;
  });

/** Seats of one campaign in memory. */
export class MemorySeats implements Seats {
  readonly gathering: Gathering;

  constructor(gate: Gate) {
    this.gathering = new Gathering(gate);
  }

  async begin(): Promise<Round> {
    const { gathering } = this;
    const { id } = gathering.gate.campaign;
    const open = () => {
      throw new Refusal('sealed-unreadable', 'the pledge is encrypted to the collector, whose home alone reads it');
    };
    return {
      of(brought) {
        if (!('psbt' in brought) && brought.campaign !== id)
          throw new Refusal('unknown-contract', `a pledge for ${brought.campaign} found, ${id} expected`);
        return { gathering, open };
      },
      look: async () => {},
      keep: async () => true,
    };
  }
}
