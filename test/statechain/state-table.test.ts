/**
 * Every state of a statecoin's record against every action: what a run answers, or the code with which it is refused. The
 * table, `state-table.txt`, is filled by running it: all scenes are played twice, with the same randomness, so that in each
 * state all messages are there, also those that come later, and those of a branch that its coin has not taken.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Action } from '../../src/lib/protocol/action.ts';
import { auditStatechain } from '../../src/lib/statechain/audit.ts';
import { exitStatechain } from '../../src/lib/statechain/exit.ts';
import { openStatechain } from '../../src/lib/statechain/open.ts';
import { statecoinKind, type Statecoin } from '../../src/lib/statechain/records.ts';
import { transferStatechain } from '../../src/lib/statechain/transfer.ts';
import { withdrawStatechain } from '../../src/lib/statechain/withdraw.ts';
import { unkept } from '../support/attack.ts';
import { ownCoin } from '../support/credit.ts';
import type { Message, RunOptions, TestParty } from '../support/party.ts';
import { cast, operatorKey, POLICY, type Cast, type Name } from '../support/statechain.ts';

type Table = Action<any, any, any>;
type Play = (who: Name, table: Table, options: RunOptions) => Promise<Message>;
const [OPEN, MOVE, DRAW]: Table[] = [openStatechain, transferStatechain, withdrawStatechain];

async function open(all: Cast, play: Play): Promise<string> {
  const utxo = [{ ...(await ownCoin(all.alice, 2_000_000n)), txid: 'cd'.repeat(32) }];
  const offered = await play('operator', OPEN!, { input: { as: 'operator', policy: POLICY } });
  const proposed = await play('alice', OPEN!, { on: offered, input: { utxo, amount: 1_000_000n } });
  const ready = await play('alice', OPEN!, { on: await play('operator', OPEN!, { on: proposed }) });
  return ready['coin'].id as string;
}
async function send(all: Cast, play: Play, contract: string): Promise<Message> {
  const input = { as: 'receiver', operator: await operatorKey(all.operator) };
  const offered = await play('alice', MOVE!, { on: await play('bob', MOVE!, { input }), input: { contract } });
  return play('alice', MOVE!, { on: await play('operator', MOVE!, { on: offered }) });
}
const SCENES: Record<string, (all: Cast, play: Play) => Promise<unknown>> = {
  moved: async (all, play) => {
    const sent = await send(all, play, await open(all, play));
    const moved = await play('operator', MOVE!, { on: await play('bob', MOVE!, { on: sent }) });
    await play('alice', MOVE!, { on: moved });
    await play('bob', MOVE!, { on: moved });
  },
  declined: async (all, play) => {
    const sent = await send(all, play, await open(all, play));
    await play('bob', MOVE!, { on: sent });
    const declined = await play('bob', MOVE!, { on: sent, cancel: true });
    await play('alice', MOVE!, { on: await play('operator', MOVE!, { on: declined }) });
  },
  'taken back': async (all, play) => {
    const sent = await send(all, play, await open(all, play));
    const cancelled = await play('alice', MOVE!, { on: sent, cancel: true });
    await play('alice', MOVE!, { on: await play('operator', MOVE!, { on: cancelled }) });
  },
  withdrawn: async (all, play) => {
    const contract = await open(all, play);
    const requested = await play('alice', DRAW!, { input: { contract } });
    await play('alice', DRAW!, { on: await play('operator', DRAW!, { on: requested }) });
  },
  'given up early': async (all, play) => {
    const offered = await play('operator', OPEN!, { input: { as: 'operator', policy: POLICY } });
    const addressed = await play('alice', OPEN!, { on: offered, input: { amount: 1_000_000n } });
    await play('alice', OPEN!, { on: addressed, cancel: true });
    await play('operator', OPEN!, { on: offered, cancel: true });
    const input = { as: 'receiver', operator: await operatorKey(all.operator) };
    await play('bob', MOVE!, { on: await play('bob', MOVE!, { input }), cancel: true });
  },
};

const rows = new Map<string, Map<string, string>>();
const columns = new Set<string>();

/** What a run would answer, in words. */
async function answerOf(party: TestParty, table: Table, options: RunOptions): Promise<string> {
  try {
    const { message, exit } = await unkept(party).run(table, options);
    return `${message['step']}${exit === 3 ? ' (3)' : ''}`;
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === 'usage' && Object.keys(options.input ?? {}).length > 0)
      return answerOf(party, table, { ...options, input: {} });
    return `[${code ?? String(error)}]`;
  }
}

/** A message of each kind, of the same coin. */
type Said = ReadonlyMap<string, readonly [Table, Message]>;

async function fill(party: TestParty, state: string, c: Statecoin, id: string, said: Said): Promise<void> {
  const row = rows.get(state) ?? new Map<string, string>();
  rows.set(state, row);
  const put = async (name: string, table: Table, options: RunOptions): Promise<void> => {
    columns.add(name);
    row.set(name, await answerOf(party, table, options));
  };
  const flags: Record<string, object> = { invited: { contract: id }, moved: { unchecked: true } };
  for (const [name, [table, on]] of said) {
    const input = table === OPEN && on['step'] === 'offered' ? { amount: 1_000_000n } : (flags[on['step']] ?? {});
    await put(name, table, { on, input });
    await put(`${name} --cancel`, table, { on, cancel: true });
  }
  const over = statecoinKind.key!(c);
  for (const table of [OPEN!, MOVE!, DRAW!]) await put(`${short(table)} ID --cancel`, table, { cancel: true, over });
  await put('withdraw ID', DRAW!, { input: { contract: id } });
  await put('exit ID', exitStatechain, { input: { contract: id } });
  await put('exit ID --bundle', exitStatechain, { input: { contract: id, bundle: true } });
  await put('audit ID', auditStatechain, { input: { contract: id } });
  columns.add('a restore');
  const left = statecoinKind.restored(c);
  row.set('a restore', `${left.state}${'restored' in left && left.restored ? ', restored' : ''}`);
}

async function recordsOf(party: TestParty): Promise<Statecoin[]> {
  return (await party.home.store.list('statecoin')).map(({ record }) => statecoinKind.parse(record));
}
const stateOf = (c: Statecoin): string => {
  const exposed = 'given' in c && c.state === 'owned' && c.given.some((g) => g.sent && !g.declined);
  return `${c.role} ${c.state}${exposed ? ', exposed' : ''}`;
};

const short = ({ type }: Table): string => type.slice(11);
const SEED = 200;

beforeAll(async () => {
  const heard = new Map<string, Map<string, readonly [Table, Message]>>();
  for (const [name, scene] of Object.entries(SCENES)) {
    const said = new Map<string, readonly [Table, Message]>();
    const first = await cast(SEED);
    await scene(first, async (who, table, options) => {
      const { message } = await first[who].run(table, options);
      if (message['auth']) said.set(`${short(table)} ${message['step']}`, [table, message]);
      return message;
    });
    first.close();
    heard.set(name, said);
  }
  const everything = [...heard.values()].flatMap((said) => [...said]);
  const [, [, ready]] = everything.find(([name]) => name === 'open ready')!;
  for (const [name, scene] of Object.entries(SCENES)) {
    // What its own branch says comes before what the others say.
    const said: Said = new Map([...everything, ...heard.get(name)!]);
    const all = await cast(SEED);
    await scene(all, async (who, table, options) => {
      const { message } = await all[who].run(table, options);
      if (message['auth'])
        expect(message, 'the second run is the first').toEqual(said.get(`${short(table)} ${message['step']}`)![1]);
      const c = (await recordsOf(all[who])).at(-1)!;
      if (!rows.has(stateOf(c)) || scene === SCENES['declined'])
        await fill(all[who], stateOf(c), c, ready['coin'].id, said);
      return message;
    });
    all.close();
  }
});

describe('state × action', () => {
  it('every state of the union has a row', () => {
    const states = [...rows.keys()].map((name) => name.replace(/, exposed$/, ''));
    expect([...new Set(states)].sort()).toEqual([
      'operator cancelled',
      'operator closed',
      'operator frozen',
      'operator offered',
      'operator open',
      'owner addressed',
      'owner cancelled',
      'owner closed',
      'owner declined',
      'owner gone',
      'owner invited',
      'owner offering',
      'owner owned',
      'owner proposed',
      'owner received',
      'owner sent',
      'owner withdrawing',
    ]);
  });
  it('every row has every column, and no cell is empty', () => {
    const steps = [OPEN!, MOVE!, DRAW!].flatMap((table) => table.rows.map((row) => `${short(table)} ${row.name}`));
    expect(steps.filter((name) => !columns.has(name) || !columns.has(`${name} --cancel`))).toEqual([]);
    const lacking = [...rows].flatMap(([state, row]) =>
      [...columns].filter((name) => !row.get(name)).map((name) => `${state} × ${name}`),
    );
    expect(lacking).toEqual([]);
  });
  it('no cell ends as a fault of the program', () => {
    const bad = [...rows].flatMap(([state, row]) =>
      [...row]
        // Without --funding an address is answered by nobody.
        .filter(([name, cell]) => name !== 'open addressed' && /\[(bug|usage|\w*Error)/.test(cell))
        .map(([name, cell]) => `${state} × ${name}: ${cell}`),
    );
    expect(bad).toEqual([]);
  });
  it('is what it was', async () => {
    const lines = [...rows]
      .sort()
      .flatMap(([state, row]) => [state, ...[...columns].map((name) => `  ${name}: ${row.get(name) ?? ''}`), '']);
    await expect(lines.join('\n')).toMatchFileSnapshot('state-table.txt');
  });
});
