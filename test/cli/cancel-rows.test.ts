/**
 * Every row of statecoins and HTLCs, stopped after it has run, and then: cancelled by what it read or said, and the same input
 * given again; cancelled by older messages of its action; cancelled by other actions over the same record.
 *
 *   a step that was given up is not said again from what was kept: it is refused, or taken anew
 *   a cancel that is refused changes nothing, and the step is said again as it was
 *   no action gives up what another one has begun
 */
import { describe, expect, it } from 'vitest';
import { htlcCooperate } from '../../src/lib/htlc/cooperate.ts';
import { htlcSwap } from '../../src/lib/htlc/swap.ts';
import type { Action, Claim } from '../../src/lib/protocol/action.ts';
import { canonicalJson } from '../../src/lib/protocol/json.ts';
import { ERRORS } from '../../src/lib/protocol/refusal.ts';
import { exitStatechain } from '../../src/lib/statechain/exit.ts';
import { openStatechain } from '../../src/lib/statechain/open.ts';
import { statecoinKind } from '../../src/lib/statechain/records.ts';
import { transferStatechain } from '../../src/lib/statechain/transfer.ts';
import { withdrawStatechain } from '../../src/lib/statechain/withdraw.ts';
import { cooperation, pair, sharedHtlc, swapMessages, unsent, type Stage, type Who } from '../htlc/scenes.ts';
import { outcome, withoutCommit } from '../support/attack.ts';
import { ownCoin } from '../support/credit.ts';
import type { Message, RunOptions, TestParty } from '../support/party.ts';
import { cast, operatorKey, POLICY, type Cast, type Name } from '../support/statechain.ts';

type Table = Action<any, any, any>;
type Play = (who: Name, table: Table, options: RunOptions) => Promise<Message>;
const OPEN = openStatechain as Table;
const MOVE = transferStatechain as Table;
const DRAW = withdrawStatechain as Table;
const TABLES: readonly Table[] = [OPEN, MOVE, DRAW, exitStatechain, htlcSwap, htlcCooperate];

async function open(all: Cast, play: Play): Promise<string> {
  const utxo = [{ ...(await ownCoin(all.alice, 2_000_000n)), txid: 'cd'.repeat(32) }];
  const offered = await play('operator', OPEN, { input: { as: 'operator', policy: POLICY } });
  const proposed = await play('alice', OPEN, { on: offered, input: { utxo, amount: 1_000_000n } });
  const ready = await play('alice', OPEN, { on: await play('operator', OPEN, { on: proposed }) });
  return ready['coin'].id as string;
}
/** Of a transfer all messages but the last ones. */
async function send(all: Cast, play: Play): Promise<Message> {
  const quiet: Play = async (who, table, options) => (await all[who].run(table, options)).message;
  const contract = await open(all, quiet);
  const input = { as: 'receiver', operator: await operatorKey(all.operator) };
  const offered = await play('alice', MOVE, { on: await play('bob', MOVE, { input }), input: { contract } });
  return play('alice', MOVE, { on: await play('operator', MOVE, { on: offered }) });
}
/** An address of another wallet, and the PSBT that would pay it. */
async function addressed(all: Cast, play: Play): Promise<void> {
  const offered = await play('operator', OPEN, { input: { as: 'operator', policy: POLICY } });
  const said = await play('alice', OPEN, { on: offered, input: { amount: 1_000_000n } });
  const { payContract, fundingPsbt } = await import('../../src/lib/bitcoin/funding.ts');
  const { scriptOf } = await import('../../src/lib/bitcoin/address.ts');
  const coins = [await ownCoin(all.alice, 1_100_000n)];
  const output = { sat: 1_000_000n, script: scriptOf(said['address'] as string, 'regtest') };
  const change = said['terms'].owner_address as string;
  const template = payContract(output, { coins, change, feerate: 2000, network: 'regtest', allowFee: false });
  const input = { funding: fundingPsbt({ template, witnesses: {} }) };
  const proposed = await play('alice', OPEN, { on: said, input });
  await play('alice', OPEN, { on: await play('operator', OPEN, { on: proposed }) });
}

interface Stopping {
  (party: TestParty, table: Table, options: RunOptions): Promise<Message>;
}

const coins = (scene: (all: Cast, play: Play) => Promise<unknown>) => async (seed: number, stop: Stopping) => {
  const all = await cast(seed);
  try {
    await scene(all, (who, table, options) => stop(all[who], table, options));
  } finally {
    all.close();
  }
};
const htlcs =
  (scene: (both: Awaited<ReturnType<typeof pair>>, stage: Stage) => Promise<unknown>) =>
  async (seed: number, stop: Stopping) => {
    const both = await pair(seed);
    try {
      await scene(both, (who: Who, table, options) => stop(both[who], table, options));
    } finally {
      both.close();
    }
  };
const SCENES: Record<string, (seed: number, stop: Stopping) => Promise<void>> = {
  'statechain-open': coins(open),
  'statechain-open with another wallet': coins(addressed),
  'statechain-transfer': coins(async (all, play) => {
    const sent = await send(all, play);
    const moved = await play('operator', MOVE, { on: await play('bob', MOVE, { on: sent }) });
    await play('alice', MOVE, { on: moved });
    await play('bob', MOVE, { on: moved, input: { unchecked: true } });
  }),
  'statechain-transfer, declined': coins(async (all, play) => {
    const sent = await send(all, play);
    const { message } = await all.bob.run(MOVE, { on: sent, cancel: true });
    await play('alice', MOVE, { on: await play('operator', MOVE, { on: message }) });
  }),
  'statechain-transfer, taken back': coins(async (all, play) => {
    const sent = await send(all, play);
    const { message } = await all.alice.run(MOVE, { on: sent, cancel: true });
    await play('alice', MOVE, { on: await play('operator', MOVE, { on: message }) });
  }),
  'statechain-withdraw': coins(async (all, play) => {
    const quiet: Play = async (who, table, options) => (await all[who].run(table, options)).message;
    const contract = await open(all, quiet);
    const requested = await play('alice', DRAW, { input: { contract } });
    await play('alice', DRAW, { on: await play('operator', DRAW, { on: requested }) });
  }),
  'htlc-swap': htlcs(swapMessages),
  'htlc-swap, ended': htlcs(unsent),
  'htlc-cooperate of the claimer': htlcs((both, stage) => cooperation(both, stage, 'claimer')),
  'htlc-cooperate of the refunder': htlcs(async (both, stage) =>
    cooperation(both, stage, 'refunder', await sharedHtlc(both)),
  ),
};

class Stop extends Error {}
const isNamed = (code: string | undefined): boolean => code !== undefined && code in ERRORS && code !== 'bug';
const records = async (party: TestParty): Promise<string> =>
  canonicalJson((await party.home.store.list()).map(({ kind, record }) => ({ kind, record })));

/** The claims by which people name the records of a home. */
async function claims(party: TestParty): Promise<Claim[]> {
  const all: Claim[] = [];
  for (const { kind, name, record } of await party.home.store.list()) {
    if (kind === statecoinKind.name) all.push(...statecoinKind.claims(statecoinKind.parse(record)));
    else all.push(`key:${name}`, `hash:${name}`);
  }
  const named = [...new Set(all)].filter((claim) => /^(id|key|hash|coin-id):/.test(claim));
  const { found } = await party.home.store.load(named);
  return named.filter((claim) => found.has(claim));
}

const seen: string[] = [];

/** Plays up to the n-th run and looks there; false where there are fewer. */
async function stoppedAt(
  n: number,
  scene: (seed: number, stop: Stopping) => Promise<void>,
  look: (party: TestParty, table: Table, options: RunOptions, first: Message, before: readonly Message[]) => unknown,
): Promise<boolean> {
  let runs = 0;
  const said: Message[] = [];
  try {
    await scene(240, async (party, table, options) => {
      const { message } = await party.run(table, options);
      if (runs++ === n) {
        await look(party, table, options, message, said);
        throw new Stop();
      }
      said.push(message);
      return message;
    });
    return false;
  } catch (error) {
    if (error instanceof Stop) return true;
    throw error;
  }
}

describe.each(Object.keys(SCENES))('%s', (name) => {
  it('every row: a cancel, then the same input; older messages; other actions', async () => {
    for (let n = 0; ; n++) {
      const went = await stoppedAt(n, SCENES[name]!, async (party, table, options, first, older) => {
        const row = `${name}: ${first['step']}`;
        // Other actions over its records.
        for (const over of await claims(party))
          for (const other of TABLES.filter((t) => t !== table)) {
            const code = await outcome(withoutCommit(party).run(other, { over, cancel: true }));
            expect(isNamed(code), `${row}: ${other.type} --cancel over ${over}: ${code ?? 'taken'}`).toBe(true);
          }
        // Messages of before, in turn: taken or refused, they never fail.
        for (const on of older.filter(({ auth, type }) => auth && type === table.type)) {
          const code = await outcome(withoutCommit(party).run(table, { on, cancel: true }));
          expect(code === undefined || isNamed(code), `${row}: ${on['step']} --cancel: ${code}`).toBe(true);
          seen.push(`${row}: older ${on['step']} --cancel: ${code ?? 'taken'}`);
        }
        const { stands = false } = table.rows.find((r) => r.name === first['step']) ?? {};
        for (const on of [first, ...(options.on ? [options.on as Message] : [])]) {
          if (!on['auth']) continue;
          const before = await records(party);
          const code = await outcome(party.run(table, { on, cancel: true }));
          const again = options.on
            ? await party.run(table, options).then(
                ({ message }) => message,
                (error: { code: string }) => error.code,
              )
            : undefined;
          const same = canonicalJson(again ?? null) === canonicalJson(first);
          const how = typeof again === 'string' ? again : same ? 'the same' : 'anew';
          seen.push(`${row}: ${on === first ? 'its own' : 'its input'} --cancel: ${code ?? 'taken'}; then ${how}`);
          if (code !== undefined) {
            expect(isNamed(code), row).toBe(true);
            if (on === first) expect(await records(party), row).toBe(before);
            if (options.on && on === first) expect(how, `${row}: a refused cancel`).toBe('the same');
          } else if (typeof again === 'object') {
            // Without anything random in it the same is said, but taken anew.
            if (same && !stands) expect(await records(party), `${row}: given up, and said again`).toBe(before);
          } else if (again !== undefined) expect(isNamed(again), `${row}: ${again}`).toBe(true);
          if (code === undefined) break;
        }
      });
      if (!went) break;
    }
  });
});

it('all that came of it is what it was', async () => {
  await expect(`${seen.join('\n')}\n`).toMatchFileSnapshot('cancel-rows.txt');
});
