/**
 * A counterparty of a statecoin that lies consistently, and with true bytes of another moment. Everything it says verifies: it
 * comes from a run under other terms (a twin of the same homes, with the same keys), of another coin, or of another round of
 * this one, in whole or in part, signed and sealed again by whoever can. Each lie is refused with a named error and changes
 * nothing, or comes to what the truth comes to; what else is taken is in `ALLOWED`, with the reason.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Action } from '../../src/lib/protocol/action.ts';
import { exitStatechain } from '../../src/lib/statechain/exit.ts';
import { openStatechain } from '../../src/lib/statechain/open.ts';
import { statecoinKind, type OperatorRecord, type Statecoin } from '../../src/lib/statechain/records.ts';
import { transferStatechain } from '../../src/lib/statechain/transfer.ts';
import { withdrawStatechain } from '../../src/lib/statechain/withdraw.ts';
import { ADDRESSES } from '../credit/things.ts';
import { judged, Lies, type Allowed } from '../support/lies.ts';
import { ownCoin } from '../support/credit.ts';
import type { Message, RunOptions } from '../support/party.ts';
import { cast, coinOf, NAMES, operatorKey, POLICY, show, tip, type Cast, type Name } from '../support/statechain.ts';
import { Liars } from './liars.ts';

type Table = Action<any, any, any>;
const [OPEN, MOVE, DRAW]: Table[] = [openStatechain, transferStatechain, withdrawStatechain];
type Play = (who: Name, table: Table | undefined, options: RunOptions) => Promise<Message>;

/** Under which terms a scene is played. */
interface Terms {
  amount?: bigint;
  policy?: Partial<typeof POLICY>;
  payout?: string;
  to?: string;
  tip?: number;
  txid?: string;
  /** Self-transfers before. */
  before?: number;
  draw?: { to?: string; fee?: bigint };
}

async function open(all: Cast, play: Play, terms: Terms): Promise<string> {
  const { amount = 1_000_000n, txid = 'cd'.repeat(32), payout } = terms;
  const utxo = [{ ...(await ownCoin(all.alice, 2_000_000n)), txid }];
  const policy = { ...POLICY, ...terms.policy };
  const offered = await play('operator', OPEN, { input: { as: 'operator', policy } });
  const proposed = await play('alice', OPEN, { on: offered, input: { utxo, amount, ...(payout && { payout }) } });
  const ready = await play('alice', OPEN, { on: await play('operator', OPEN, { on: proposed }) });
  return ready['coin'].id as string;
}
type Owner = Exclude<Name, 'operator'>;
async function invited(all: Cast, play: Play, who: Owner, payout?: string): Promise<Message> {
  return play(who, MOVE, {
    input: { as: 'receiver', operator: await operatorKey(all.operator), ...(payout && { payout }) },
  });
}
/** Up to `sent`. */
async function send(
  all: Cast,
  play: Play,
  contract: string,
  [from, to]: readonly [Owner, Owner],
  payout?: string,
): Promise<Message> {
  const offered = await play(from, MOVE, { on: await invited(all, play, to, payout), input: { contract } });
  return play(from, MOVE, { on: await play('operator', MOVE, { on: offered }) });
}
async function move(
  all: Cast,
  play: Play,
  contract: string,
  [from, to]: readonly [Owner, Owner],
  payout?: string,
): Promise<void> {
  const sent = await send(all, play, contract, [from, to], payout);
  const moved = await play('operator', MOVE, { on: await play(to, MOVE, { on: sent }) });
  if (from !== to) await play(from, MOVE, { on: moved });
  await play(to, MOVE, { on: moved, input: { unchecked: true } });
}
async function draw(play: Play, who: Owner, contract: string, input: object = {}): Promise<void> {
  const requested = await play(who, DRAW, { input: { contract, ...input } });
  await play(who, DRAW, { on: await play('operator', DRAW, { on: requested }) });
}

/** Its owner leaves by its backup, and the nodes of all show the coin spent. */
async function leave(all: Cast, contract: string, who: Owner): Promise<void> {
  tip(all, (await all[who].run(exitStatechain, { input: { contract } })).message['valid_from_height']);
  const { message } = await all[who].run(exitStatechain, { input: { contract } });
  expect([message['verdict'], message['package']]).toEqual(['due', [expect.any(String), expect.any(String)]]);
  show(all, await coinOf(all[who], contract), 'missing');
}

/** A coin's whole life under some terms. */
async function life(all: Cast, play: Play, terms: Terms): Promise<void> {
  if (terms.tip) tip(all, terms.tip);
  const id = await open(all, play, terms);
  for (let n = 0; n < (terms.before ?? 0); n++) await move(all, play, id, ['alice', 'alice']);
  const given = await send(all, play, id, ['alice', 'bob'], terms.to);
  const declined = await play('bob', MOVE, { on: given, cancel: true });
  await play('alice', MOVE, { on: await play('operator', MOVE, { on: declined }) });
  await move(all, play, id, ['alice', 'bob'], terms.to);
  await draw(play, 'bob', id, terms.draw);
}

const TWINS: Record<string, Terms> = {
  'other terms, payments, fee and addresses': {
    amount: 900_000n,
    txid: 'ab'.repeat(32),
    to: ADDRESSES.p2wpkh,
    draw: { to: ADDRESSES.p2tr2, fee: 999n },
    policy: { step_blocks: 110, min_remaining_blocks: 60, min_conf: 2 },
    tip: 1005,
    payout: ADDRESSES.p2tr2,
  },
  'an owner more': { before: 1 },
};

const lies = new Lies();
const liars = new Liars();

const nameOf = (m: Message): string => `${m['type']}/${m['step']}`;
const withCoin = (m: Message, coin: Message): Message => ({
  ...m,
  coin,
  ...(m['record'] && { record: { ...m['record'], coin } }),
});
/** What of a message about another coin is crossed with this one: it as it is, about this coin, and its coin alone in this one. */
function about(on: Message, other: Message): Message[] {
  if (!on['coin'] || on['coin'].id === other['coin']?.id) return [other];
  return [withCoin(other, on['coin']), withCoin(on, other['coin'])];
}
/** Plays and learns; each message that is read is lied about first. */
const stage =
  (all: Cast, othersOf: (on: Message) => readonly Message[], heard: Message[], quiet = false): Play =>
  async (who, table, options) => {
    const on = options.on as Message | undefined;
    const before = lies.ended.length;
    if (on && !options.cancel && !quiet) {
      const key = liars.sealer(on);
      const others = othersOf(on).filter((m) => nameOf(m) === nameOf(on));
      const crossed = others.flatMap((other) => about(on, other));
      const at = `${nameOf(on)}: ${who}`;
      const ways = {
        '': (m: Message) => liars.mended(m, key),
        'as it was signed': (m: Message) => liars.sealed(m, key),
      };
      await lies.tell(all[who], table!, { ...options, on }, crossed, ways, at);
    }
    const { message } = await all[who].run(table!, options);
    for (const lie of lies.ended.slice(before)) lie.at += ` → ${message['step']}`;
    await liars.learn(all, message);
    lies.heard(message);
    if (message['auth']) heard.push(message);
    return message;
  };

/** What a counterparty may say, though it is not what it has said, or would have. */
const ALLOWED: Allowed = [
  [
    /^the other|^as it was|^(all of the other but )?offer\.policy|^all of the other but offer\.pubkey/,
    /statechain-open\/offered/,
    'an offer is the operator’s to make, and its bounds are judged (`open.test.ts`)',
  ],
  [/musig2PubNonce/, /\/(proposed|requested|received): operator/, 'the opener’s nonce is the opener’s choice'],
  [
    /^the other|^(all of the other but )?invite/,
    /statechain-transfer\/invited/,
    'an invitation is the receiver’s to make; keys that were used before are refused by the operator',
  ],
  [
    /^the other|^(all of the other but )?invite/,
    /statechain-transfer\/offered/,
    'the owner offers its coin to whom it likes',
  ],
  [
    /^record\.height/,
    /→ (sent|owned)$/,
    'how old a record is matters to whoever checks a history by it (`sent` → `received`); here nothing rests on it',
  ],
  [
    /^record\.cancelled/,
    /→ (sent|received)$/,
    'what the operator says of ended openings: a decline in it counts under the key that was invited alone',
  ],
  [
    /./,
    /statechain-transfer\/freed: .* → kept$/,
    'the operator says what it has ended: without the signature of whom this home had invited nothing is declined',
  ],
  [
    /./,
    /statechain-transfer\/moved: .* → paid$/,
    'the sender reads the receipt alone: of this round, or of another in which it has paid as well, or (under other terms) in which its twin has signed',
  ],
  [
    /^all of the other but opening\.(x|one_time)_pubkey$/,
    /statechain-transfer\/moved: .* → owned$/,
    'an earlier round, in which this home was the sender or has its backup: those points of its opening are not read any more',
  ],
  [
    /^backup: musig2PubNonce [01] of the other/,
    /→ (ready|owned)$/,
    'the nonce of the reader itself, which it has and does not read; the finished signature verifies',
  ],
  [
    /^coin, invite, opening$/,
    /\/(declined|cancelled): operator, (operator frozen|after the exit)$/,
    'with all of this opening in it, it is what its parties may say at any time: they give it up',
  ],
  [
    /^the other|^(all of the other but )?withdraw/,
    /\/requested: operator/,
    'the owner says where to, and for how much',
  ],
  [
    /^as it was/,
    /withdraw\/requested: operator, after the exit$/,
    'a withdrawal is the owner’s to ask for: of a coin that is spent it is worth nothing',
  ],
  [
    /^as it was/,
    /transfer\/moved: bob, after the exit$/,
    'its own backup once more, with exit code 3, since the coin is spent',
  ],
  [
    /./,
    /received: operator → moved$/,
    'asked again after the move, only the keys count: nothing is signed but the same backup',
  ],
];

/** The messages of the twins that come at the same place of the scene. */
function atThisPlace(twins: readonly Message[][]): (on: Message) => Message[] {
  const read = new Map<string, number>();
  let last: Message | undefined;
  return (on) => {
    const n = (read.get(nameOf(on)) ?? 0) + (on === last ? 0 : 1);
    read.set(nameOf(on), n);
    last = on;
    return twins.flatMap((said) => said.filter((m) => nameOf(m) === nameOf(on)).slice(n - 1, n));
  };
}

async function underOtherTerms(): Promise<void> {
  const SEED = 40;
  const twins: Message[][] = [];
  for (const terms of Object.values(TWINS)) {
    const all = await cast(SEED);
    const said: Message[] = [];
    await life(
      all,
      stage(all, () => [], said, true),
      terms,
    );
    all.close();
    twins.push(said);
  }
  const all = await cast(SEED);
  await life(all, stage(all, atThisPlace(twins), []), {});
  all.close();
}

/** Rounds of one action in the same homes: each message is crossed with the first of its step. */
const ROUNDS: Record<string, (all: Cast, play: Play) => Promise<void>> = {
  'two coins, in step': async (all, play) => {
    const ids = [await open(all, play, {}), await open(all, play, { amount: 900_000n, txid: 'ab'.repeat(32) })];
    const each = async (step: (id: string, n: number) => Promise<Message>): Promise<Message[]> => [
      await step(ids[0]!, 0),
      await step(ids[1]!, 1),
    ];
    const calls = await each(() => invited(all, play, 'bob'));
    const offered = await each((contract, n) => play('alice', MOVE, { on: calls[n]!, input: { contract } }));
    const opened = await each((_, n) => play('operator', MOVE, { on: offered[n]! }));
    const sent = await each((_, n) => play('alice', MOVE, { on: opened[n]! }));
    const received = await each((_, n) => play('bob', MOVE, { on: sent[n]! }));
    const moved = await each((_, n) => play('operator', MOVE, { on: received[n]! }));
    await each((_, n) => play('alice', MOVE, { on: moved[n]! }));
    await each((_, n) => play('bob', MOVE, { on: moved[n]!, input: { unchecked: true } }));
    const requested = await each((contract) => play('bob', DRAW, { input: { contract } }));
    const signed = await each((_, n) => play('operator', DRAW, { on: requested[n]! }));
    await each((_, n) => play('bob', DRAW, { on: signed[n]! }));
  },
  'there and back': async (all, play) => {
    const id = await open(all, play, {});
    await move(all, play, id, ['alice', 'bob']);
    await move(all, play, id, ['bob', 'alice']);
    await move(all, play, id, ['alice', 'bob']);
  },
  'declined, cancelled, and again': async (all, play) => {
    const id = await open(all, play, {});
    const back = async (ended: Message) => play('alice', MOVE, { on: await play('operator', MOVE, { on: ended }) });
    const sent = await send(all, play, id, ['alice', 'bob']);
    await play('bob', MOVE, { on: sent });
    await back(await play('bob', MOVE, { on: sent, cancel: true }));
    const on = await play('alice', MOVE, { on: await invited(all, play, 'bob'), input: { contract: id } });
    await back(await play('alice', MOVE, { on: await play('operator', MOVE, { on }), cancel: true }));
    await move(all, play, id, ['alice', 'bob']);
  },
  'restored, and again': async (all, play) => {
    const id = await open(all, play, {});
    const backup = await all.alice.backUp();
    const sent = await send(all, play, id, ['alice', 'bob']);
    await all.alice.lose(backup);
    await all.alice.home.acceptRestore();
    const cancelled = await play('alice', MOVE, { on: sent, cancel: true });
    await play('alice', MOVE, { on: await play('operator', MOVE, { on: cancelled }) });
    const declined = await play('bob', MOVE, { on: sent, cancel: true });
    await play('alice', MOVE, { on: await play('operator', MOVE, { on: declined }) });
    const again = await send(all, play, id, ['alice', 'bob']);
    const moved = await play('operator', MOVE, { on: await play('bob', MOVE, { on: again }) });
    await all.bob.lose(await all.bob.backUp());
    await all.bob.home.acceptRestore();
    const asked = await play('bob', MOVE, { on: moved });
    await play('bob', MOVE, { on: await play('operator', MOVE, { on: asked }), input: { unchecked: true } });
  },
  'left by its backup, and another coin': async (all, play) => {
    const left = await open(all, play, {});
    const longer = { initial_blocks: 2000 };
    const id = await open(all, play, { amount: 900_000n, txid: 'ab'.repeat(32), policy: longer });
    await move(all, play, left, ['alice', 'bob']);
    await leave(all, left, 'bob');
    show(all, await coinOf(all.alice, id));
    await move(all, play, id, ['alice', 'bob']);
    await draw(play, 'bob', id);
  },
  'withdrawals of one coin': async (all, play) => {
    const contract = await open(all, play, {});
    for (const to of [ADDRESSES.p2tr2, ADDRESSES.p2wpkh]) {
      await play('alice', DRAW, { input: { contract, to } });
      await play('alice', DRAW, { cancel: true, over: `id:${contract}` } as RunOptions);
    }
    await draw(play, 'alice', contract);
  },
};

/** The first of its step that was said before it. */
const firstOf =
  (heard: readonly Message[]) =>
  (on: Message): Message[] => {
    const first = heard.find((m) => nameOf(m) === nameOf(on));
    return first && first !== on ? [first] : [];
  };
async function ofAnotherMoment(): Promise<void> {
  let seed = 60;
  for (const scene of Object.values(ROUNDS)) {
    const all = await cast((seed += 4));
    const heard: Message[] = [];
    await scene(all, stage(all, firstOf(heard), heard));
    all.close();
  }
}

/** All that is ever said of a coin. */
async function everything(all: Cast, play: Play, terms: Terms): Promise<void> {
  const id = await open(all, play, terms);
  const back = async (ended: Message) => play('alice', MOVE, { on: await play('operator', MOVE, { on: ended }) });
  const sent = await send(all, play, id, ['alice', 'bob']);
  await play('bob', MOVE, { on: sent });
  await back(await play('bob', MOVE, { on: sent, cancel: true }));
  const on = await play('alice', MOVE, { on: await invited(all, play, 'bob'), input: { contract: id } });
  await back(await play('alice', MOVE, { on: await play('operator', MOVE, { on }), cancel: true }));
  await move(all, play, id, ['alice', 'bob']);
  await draw(play, 'bob', id);
}

/** What is known of a coin at a moment. */
type Known = Partial<Record<'coin' | 'invite' | 'opening' | 'record' | 'cancelled', Message>>;
/** A message about another coin, with more and more of this one in it. */
function* renamed(m: Message, known: Known): Generator<[string, Message]> {
  let made = m;
  const puts: string[] = [];
  for (const part of ['coin', 'invite', 'opening', 'record', 'cancelled'] as const) {
    if (!(part in m) || !known[part]) continue;
    made = { ...made, [part]: known[part] };
    if (part === 'coin' && m['record']) made = withCoin(made, known.coin!);
    puts.push(part);
    yield [puts.join(', '), made];
  }
}

/**
 * All that was said of a coin before its owner left with it, and what is said of another with this one in it, given to everyone
 * once more. While it was being given to the next owner, too: what had not come by then comes now.
 */
async function afterItsExit(): Promise<void> {
  for (const [seed, giving] of [
    [140, false],
    [144, true],
  ] as const) {
    const all = await cast(seed);
    const other: Message[] = [];
    const quiet = (heard: Message[]) => stage(all, () => [], heard, true);
    await everything(all, quiet(other), { amount: 900_000n, txid: 'ab'.repeat(32) });
    const said: Message[] = [];
    const play = quiet(said);
    const id = await open(all, play, {});
    await move(all, play, id, ['alice', 'bob']);
    if (giving) await play('alice', MOVE, { on: await send(all, play, id, ['bob', 'alice']) });
    else await play('bob', DRAW, { input: { contract: id } });
    await leave(all, id, 'bob');
    const flags: Record<string, object> = {
      'statechain-open/offered': { amount: 1_000_000n },
      'statechain-transfer/invited': { contract: id },
    };
    const known: Known = {};
    for (const m of said) for (const part of Object.keys(m)) if (PARTS.has(part)) known[part as keyof Known] = m[part];
    for (const who of ['operator', 'alice', 'bob'] as const)
      for (const m of [...said, ...other]) {
        const table = [OPEN, MOVE, DRAW].find((t) => t!.type === m['type'])!;
        const input = flags[nameOf(m)] ?? {};
        const key = liars.sealer(m);
        const lied = [...renamed(m, known)].map(([what, lie]) => [what, liars.mended(lie, key)] as const);
        const given = said.includes(m) ? [['as it was', m] as const] : lied.filter(([, lie]) => !lies.wasSaid(lie));
        await lies.give(all[who], table, { on: m, input }, given, `${nameOf(m)}: ${who}, after the exit`);
      }
    all.close();
  }
}

const PARTS = new Set(['coin', 'invite', 'opening', 'record', 'cancelled']);
const states = new Set<string>();
async function inEveryState(): Promise<void> {
  const all = await cast(120);
  const other: Message[] = [];
  await everything(
    all,
    stage(all, () => [], other, true),
    { amount: 900_000n, txid: 'ab'.repeat(32) },
  );
  const recordsOf = async (who: Name): Promise<Statecoin[]> =>
    (await all[who].home.store.list('statecoin')).map(({ record }) => statecoinKind.parse(record));
  const before = new Set<string>();
  for (const who of NAMES) for (const c of await recordsOf(who)) before.add(String(statecoinKind.key!(c)));

  const known: Known = {};
  const said: Message[] = [];
  const plain = stage(all, () => [], said, true);
  const look = async (): Promise<void> => {
    for (const m of said.slice(-1))
      for (const part of Object.keys(m)) if (PARTS.has(part)) known[part as keyof Known] = m[part];
    if (!known.coin) return;
    const operators = (await recordsOf('operator')).find(
      (c) => 'id' in c && c.id === known.coin!['id'],
    ) as OperatorRecord;
    const owner = operators?.entries.at(-1)!.owner_auth;
    for (const who of ['operator', 'alice', 'bob'] as const) {
      const own = (await recordsOf(who)).filter((c) => !before.has(String(statecoinKind.key!(c)))).at(-1);
      const state = own ? `${own.role} ${own.state}` : 'nothing';
      if (states.has(`${who} ${state}`) || !owner) continue;
      states.add(`${who} ${state}`);
      for (const m of other) {
        const table = [OPEN, MOVE, DRAW].find((t) => t!.type === m['type'])!;
        const byOperator = ['accepted', 'opened', 'moved', 'freed', 'signed'].includes(m['step']);
        const key = byOperator ? operators.terms.operator : owner;
        const flags: Record<string, object> = { invited: { contract: known.coin['id'] }, moved: { unchecked: true } };
        const options = { on: m, input: flags[m['step']] ?? {} };
        const made = [...renamed(m, known)]
          .map(([what, lie]) => [what, liars.mended(lie, key)] as const)
          .filter(([, lie]) => !lies.wasSaid(lie));
        await lies.give(all[who], table, options, made, `${nameOf(m)}: ${who}, ${state}`);
      }
    }
  };
  await everything(
    all,
    async (...given) => {
      const message = await plain(...given);
      await look();
      return message;
    },
    {},
  );
  all.close();
}

describe('what a counterparty can make of true bytes', () => {
  beforeAll(async () => {
    await underOtherTerms();
    await ofAnotherMoment();
    await inEveryState();
    await afterItsExit();
  });
  it('there is a lie for every step of every action, and for every state', () => {
    expect(lies.ended.length).toBeGreaterThan(2_000);
    const steps = [OPEN, MOVE, DRAW].flatMap((t) =>
      t!.rows.filter((r) => r.after !== null).map((r) => `${t!.type}/${r.after}`),
    );
    const told = new Set(lies.ended.map(({ at }) => at.split(':')[0]));
    // 'addressed' is read by whoever has said it.
    expect([...new Set(steps)].filter((step) => !told.has(step))).toEqual(['statechain-open/addressed']);
    expect([...states].sort()).toEqual([
      'alice owner gone',
      'alice owner offering',
      'alice owner owned',
      'alice owner proposed',
      'alice owner sent',
      'bob nothing',
      'bob owner closed',
      'bob owner declined',
      'bob owner invited',
      'bob owner owned',
      'bob owner received',
      'bob owner withdrawing',
      'operator operator closed',
      'operator operator frozen',
      'operator operator open',
    ]);
  });
  judged(lies, ALLOWED);
});
