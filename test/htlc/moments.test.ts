/**
 * A counterparty of a swap, or of a cooperative spend, that lies consistently, and with true bytes of another moment: of a twin
 * under other terms (the same homes with the same keys), of another HTLC or swap, of an earlier spend of this one, in whole or
 * in part, with the documents that follow made anew, under the seal that the message asks for. Each lie is refused with a named
 * error and changes nothing, or comes to what the truth comes to; what else is taken is in `ALLOWED`, with the reason.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { htlcCooperate, type Cooperator } from '../../src/lib/htlc/cooperate.ts';
import { htlcSwap } from '../../src/lib/htlc/swap.ts';
import { swapViews } from '../../src/lib/htlc/swap-terms.ts';
import { swapKind } from '../../src/lib/htlc/swap-records.ts';
import { htlcKeyKind } from '../../src/lib/htlc/records.ts';
import type { Htlc } from '../../src/lib/htlc/terms.ts';
import { hashClaim } from '../../src/lib/protocol/claims.ts';
import type { Action, Utxo, Path } from '../../src/lib/protocol/action.ts';
import { canonicalJson, printJson } from '../../src/lib/protocol/json.ts';
import { xOnlyKey } from '../../src/lib/signing/bip340.ts';
import { isSealedBy } from '../../src/lib/signing/seal.ts';
import { ADDRESSES } from '../credit/things.ts';
import { ownCoin } from '../support/credit.ts';
import { judged, Lies, sealedBy, type Allowed } from '../support/lies.ts';
import type { Message, RunOptions } from '../support/party.ts';
import { ACCEPT, COIN, GIVE, OFFER, pair, sharedHtlc, WANT, type Pair, type Who } from './scenes.ts';

type Table = Action<any, any, any>;
const [SWAP, SPEND]: readonly [Table, Table] = [htlcSwap, htlcCooperate];
type Play = (who: Who, table: Table, options: RunOptions) => Promise<Message>;
const other = (who: Who): Who => (who === 'alice' ? 'bob' : 'alice');

const lies = new Lies();
/** By public key: what seals messages. */
const secrets = new Map<string, Uint8Array>();
async function learn(both: Pair): Promise<void> {
  for (const { home } of [both.alice, both.bob]) {
    const keys = await home.keys();
    for (const { record } of await home.store.list()) {
      const secret = keys.auth((record as unknown as { own: { path: Path } }).own.path);
      secrets.set(xOnlyKey(secret), secret);
    }
  }
}

/** By whom a message says that it is. */
function speaker(m: Message): string | undefined {
  if (m['type'] === 'htlc-swap')
    return ['offered', 'funded', 'claimed'].includes(m['step'])
      ? m['offer']?.side?.claim_auth
      : m['answer']?.side?.claim_auth;
  const byClaimer = (m['opener'] === 'claimer') === (m['step'] === 'proposed');
  return byClaimer ? m['htlc']?.claim_auth : m['htlc']?.refund_auth;
}
/** With the documents that follow from the terms in it, under the seal that it asks for. */
function mended(m: Message, key: string): Message {
  const made = { ...m, ...(m['htlcs'] && { htlcs: viewsOf(m) ?? m['htlcs'] }) };
  const asked = speaker(made) ?? '';
  return sealed(made, secrets.has(asked) ? asked : key);
}
const sealed = (m: Message, key: string): Message => sealedBy(secrets.get(key)!, key, m);

const views = new Map<string, Message | undefined>();
/** Both HTLCs under the terms of a message; undefined where none follow from them. */
function viewsOf({ offer, answer }: Message): Message | undefined {
  const name = canonicalJson([offer, answer]);
  if (!views.has(name)) {
    let made: Message | undefined;
    try {
      const sats = { give_sat: BigInt(offer.give_sat), want_sat: BigInt(offer.want_sat) };
      const terms = { network: 'regtest', offer: { ...offer, ...sats }, answer };
      made = JSON.parse(printJson(swapViews(terms as never))) as Message;
    } catch {
      // Keys that are no points, or fields that are not there.
    }
    views.set(name, made);
  }
  return views.get(name);
}

const nameOf = (m: Message): string => `${m['type']}/${m['step']}`;

/** Plays; each message that is read is lied about first. */
const stage =
  (both: Pair, othersOf: (on: Message) => readonly Message[], heard: Message[], quiet = false): Play =>
  async (who, table, options) => {
    const on = options.on as Message | undefined;
    const before = lies.ended.length;
    if (on && !options.cancel && !quiet) {
      const key = [...secrets.keys()].find((one) => isSealedBy(on, one))!;
      await lies.tell(
        both[who],
        table,
        { ...options, on },
        othersOf(on),
        {
          '': (m) => mended(m, key),
          'as it was': (m) => sealed(m, key),
        },
        `${nameOf(on)}: ${who}`,
      );
    }
    const { message } = await both[who].run(table, options);
    for (const lie of lies.ended.slice(before)) lie.at += ` → ${message['step']}`;
    lies.heard(message);
    await learn(both);
    if (message['auth']) heard.push(message);
    return message;
  };

interface Terms {
  give?: bigint;
  want?: bigint;
  expires?: number;
  margin?: number;
  answer?: number;
  txid?: string;
  /** Of the cooperative spend. */
  utxo?: typeof COIN;
  to?: string;
  feerate?: number;
  lock?: number;
  opener?: Cooperator;
}
const coin = async (both: Pair, who: Who, sat: bigint, txid: string) => ({ ...(await ownCoin(both[who], sat)), txid });

const offer = (play: Play, { give = GIVE, want = WANT, expires = 288, margin = 36 }: Terms, who: Who = 'alice') =>
  play(who, SWAP, { input: { ...OFFER, give, want, expires: { blocks: expires }, margin } });
const accept = (play: Play, on: Message, { give = GIVE, want = WANT, answer = 144 }: Terms, who: Who = 'bob') =>
  play(who, SWAP, { on, amount: want, input: { want: give, expires: { blocks: answer }, amount: want } });
const fund = async (both: Pair, play: Play, on: Message, { txid = 'c1'.repeat(32) }: Terms, who: Who = 'alice') =>
  play(who, SWAP, { on, input: { utxo: [await coin(both, who, 150_000n, txid)] } });
const match = async (both: Pair, play: Play, on: Message, { txid = 'c2'.repeat(32) }: Terms, who: Who = 'bob') =>
  play(who, SWAP, { on, input: { utxo: [await coin(both, who, 140_000n, txid)], unchecked: true } });
const finish = async (play: Play, matched: Message, who: Who = 'alice') => {
  const claimed = await play(who, SWAP, { on: matched, input: { unchecked: true } });
  await play(other(who), SWAP, { on: claimed, input: { unchecked: true } });
};
async function swap(both: Pair, play: Play, terms: Terms): Promise<void> {
  const accepted = await accept(play, await offer(play, terms), terms);
  await finish(play, await match(both, play, await fund(both, play, accepted, terms), terms));
}

const giveUp = async ({ alice, bob }: Pair, { offer: { hash } }: Message): Promise<void> => {
  for (const party of [alice, bob]) await party.run(SWAP, { cancel: true, over: hashClaim(hash) });
};

/** Up to `signed`. */
async function proposed(both: Pair, play: Play, htlc: Htlc, terms: Terms): Promise<readonly [Who, Message]> {
  const { utxo = COIN, to, feerate = 2000, opener = 'claimer' } = terms;
  const who: Who = opener === 'claimer' ? 'bob' : 'alice';
  both[who].chain.feerate = feerate;
  const on = await play(who, SPEND, { input: { as: opener, htlc, utxo, ...(to && { to }) } });
  const signed = await play(other(who), SPEND, { on, amount: utxo.sat, input: { amount: utxo.sat } });
  return [who, signed];
}
async function spend(both: Pair, play: Play, htlc: Htlc, terms: Terms): Promise<void> {
  const [who, on] = await proposed(both, play, htlc, terms);
  await play(who, SPEND, { on });
}
/** A spend and a swap, under some terms. */
async function all(both: Pair, play: Play, terms: Terms): Promise<void> {
  const htlc = await sharedHtlc(both);
  await spend(both, play, { ...htlc, lock: { kind: 'height', value: terms.lock ?? 1144 } }, terms);
  await swap(both, play, terms);
}

const TWINS: Record<string, Terms> = {
  'other amounts, payments and fee': {
    give: 110_000n,
    want: 97_000n,
    txid: 'ab'.repeat(32),
    utxo: { ...COIN, sat: 101_000n },
    feerate: 3000,
  },
  'other heights, another outpoint and address': {
    expires: 300,
    margin: 40,
    answer: 160,
    lock: 1150,
    utxo: { ...COIN, vout: 2 },
    to: ADDRESSES.p2tr2,
  },
  'another opener': { opener: 'refunder' },
};

async function underOtherTerms(): Promise<void> {
  const SEED = 150;
  const twins: Message[] = [];
  for (const terms of Object.values(TWINS)) {
    const both = await pair(SEED);
    await all(
      both,
      stage(both, () => [], twins, true),
      terms,
    );
    both.close();
  }
  const both = await pair(SEED);
  await all(
    both,
    stage(both, () => twins, []),
    {},
  );
  both.close();
}

const ROUNDS: Record<string, (both: Pair, play: Play) => Promise<void>> = {
  'three spends of one HTLC': async (both, play) => {
    const htlc = await sharedHtlc(both);
    await learn(both);
    const [who, on] = await proposed(both, play, htlc, { to: ADDRESSES.p2tr2, utxo: { ...COIN, vout: 0 } });
    await both[who].run(SPEND, { on, cancel: true });
    await spend(both, play, htlc, {});
    await spend(both, play, htlc, { opener: 'refunder' });
  },
  'spends of two HTLCs, in step': async (both, play) => {
    const [one, two] = [await sharedHtlc(both), await sharedHtlc(both)];
    await learn(both);
    const first = await proposed(both, play, one, {});
    const second = await proposed(both, play, two, { utxo: { ...COIN, vout: 2 } });
    await play(first[0], SPEND, { on: first[1] });
    await play(second[0], SPEND, { on: second[1] });
  },
  'two swaps, in step': async (both, play) => {
    const terms: Terms[] = [{}, { give: 110_000n, want: 97_000n, txid: 'ab'.repeat(32) }];
    const each = async (step: (terms: Terms, n: number) => Promise<Message>): Promise<Message[]> => [
      await step(terms[0]!, 0),
      await step(terms[1]!, 1),
    ];
    const offered = await each((t) => offer(play, t));
    const accepted = await each((t, n) => accept(play, offered[n]!, t));
    const funded = await each((t, n) => fund(both, play, accepted[n]!, t));
    // The responder of both pays each of its own coins.
    const matched = await each((t, n) => match(both, play, funded[n]!, { ...t, txid: `d${n}`.repeat(32) }));
    for (const on of matched) await finish(play, on);
  },
  'two swaps, each the other way': async (both, play) => {
    await swap(both, play, {});
    const accepted = await accept(play, await offer(play, {}, 'bob'), {}, 'alice');
    const funded = await fund(both, play, accepted, { txid: 'ab'.repeat(32) }, 'bob');
    await finish(play, await match(both, play, funded, { txid: 'ac'.repeat(32) }, 'alice'), 'bob');
  },
  'a swap given up, one ended, and one more': async (both, play) => {
    const given = await accept(play, await offer(play, {}), {});
    await giveUp(both, given);
    const funded = await fund(both, play, await accept(play, await offer(play, {}), {}), {});
    const { chain } = both.alice;
    const spent = { sat: 150_000n, script: (await ownCoin(both.alice, 1n)).script, confirmations: 6 };
    chain.coins = new Map<string, Utxo | 'missing'>([
      [`${'c1'.repeat(32)}:0`, spent],
      [`${funded['first'].txid}:${funded['first'].vout}`, 'missing'],
    ]);
    await play('alice', SWAP, { input: { contract: funded['offer'].hash } });
    chain.coins = 'not-checked';
    await swap(both, play, { txid: 'ad'.repeat(32) });
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
  let seed = 160;
  for (const scene of Object.values(ROUNDS)) {
    const both = await pair((seed += 2));
    const heard: Message[] = [];
    await scene(both, stage(both, firstOf(heard), heard));
    both.close();
  }
}

const PARTS = [
  'offer',
  'answer',
  'htlcs',
  'first',
  'second',
  'htlc',
  'opener',
  'utxo',
  'amount_sat',
  'address',
  'fee_sat',
];
const states = new Set<string>();
/** In each state of a swap and of a key: what was said of others, with more and more of this one in it. */
async function inEveryState(): Promise<void> {
  const both = await pair(180);
  const others: Message[] = [];
  const quiet = stage(both, () => [], others, true);
  await all(both, quiet, { give: 110_000n, txid: 'ab'.repeat(32) });
  await spend(both, quiet, await sharedHtlc(both), { opener: 'refunder' });
  const had = new Set<string>();
  const idOf = (record: unknown): string => canonicalJson((record as { own: object }).own as never);
  for (const who of ['alice', 'bob'] as const)
    for (const { record } of await both[who].home.store.list()) had.add(idOf(record));

  const utxo = [await coin(both, 'alice', 200_000n, 'ae'.repeat(32))];
  const flags: Record<string, RunOptions> = {
    offered: { amount: WANT, input: ACCEPT },
    accepted: { input: { utxo } },
    funded: { input: { utxo, unchecked: true } },
    matched: { input: { unchecked: true } },
    claimed: { input: { unchecked: true } },
    proposed: { amount: COIN.sat },
  };
  const known: Record<string, unknown> = {};
  const said: Message[] = [];
  const play = stage(both, () => [], said, true);
  const look = async (table: Table): Promise<void> => {
    const last = said.at(-1);
    if (!last) return;
    for (const part of PARTS) if (part in last) known[part] = last[part];
    for (const who of ['alice', 'bob'] as const) {
      const fresh = (await both[who].home.store.list()).filter(({ record }) => !had.has(idOf(record)));
      const swaps = fresh.filter(({ kind }) => kind === swapKind.name).map(({ record }) => swapKind.parse(record));
      const key = fresh.filter(({ kind }) => kind === htlcKeyKind.name).map(({ record }) => htlcKeyKind.parse(record));
      const state =
        table === SWAP
          ? `swap ${swaps.at(-1)?.state ?? 'unknown'}`
          : `key ${key.some((k) => k.proposal) ? 'proposing' : key.some((k) => k.bound) ? 'bound' : 'fresh'}`;
      if (states.has(`${who} ${state}`)) continue;
      states.add(`${who} ${state}`);
      for (const m of others.filter(({ type }) => type === table.type)) {
        let made = m;
        const renamed: [string, Message][] = [];
        const puts: string[] = [];
        for (const part of PARTS) {
          if (!(part in m) || known[part] === undefined) continue;
          made = { ...made, [part]: known[part] };
          puts.push(part);
          renamed.push([puts.join(', '), mended(made, [...secrets.keys()][0]!)]);
        }
        const lied = renamed.filter(([, lie]) => !lies.wasSaid(lie));
        await lies.give(both[who], table, { ...flags[m['step']], on: m }, lied, `${nameOf(m)}: ${who}, ${state}`);
      }
    }
  };
  const looking =
    (table: Table): Play =>
    async (...given) => {
      const message = await play(...given);
      await look(table);
      return message;
    };
  await swap(both, looking(SWAP), { txid: 'ad'.repeat(32) });
  const given = await accept(looking(SWAP), await offer(looking(SWAP), {}), {});
  await giveUp(both, given);
  await look(SWAP);
  const htlc = await sharedHtlc(both);
  await learn(both);
  const [who, on] = await proposed(both, looking(SPEND), htlc, {});
  await both[who].run(SPEND, { on, cancel: true });
  await look(SPEND);
  await spend(both, looking(SPEND), htlc, {});
  both.close();
}

/** What a counterparty may say, though it is not what it has said, or would have. */
const ALLOWED: Allowed = [
  [
    /^the other|^(all of the other but )?offer/,
    /htlc-swap\/offered/,
    'an offer is the initiator’s to make; what is unsafe in it, or met before, is refused (`swap.test.ts`)',
  ],
  [
    /^(all of the other but )?(answer|offer)/,
    /htlc-swap\/accepted: (.* → funded|alice, swap offered)$/,
    'keys and expiry of the answer are the responder’s to choose, as long as they are in order: the offer is the own one',
  ],
  [
    /^the other|^(all of the other but )?(first|psbt|offer)/,
    /htlc-swap\/funded: (.* → matched|bob, swap accepted)$/,
    'whether and where the initiator has paid, also in a swap that it has ended since, only a node can say: without one --unchecked was given',
  ],
  [
    /^(all of the other but )?(second|psbt|offer)/,
    /htlc-swap\/matched: (.* → claimed|alice, swap funded)$/,
    'the same of the responder',
  ],
  [/musig2PubNonce/, /htlc-cooperate\/proposed/, 'the opener’s nonce is the opener’s choice'],
  [
    /^the other/,
    /htlc-cooperate\/proposed/,
    'any spend is the opener’s to propose: whoever signs agrees to what it pays, and where to',
  ],
  [
    /^htlc\.(claim|refund)_auth/,
    /htlc-cooperate\/proposed/,
    'a key that is in no HTLC yet learns its HTLC from the first proposal that its owner agrees to; the key of the spend is the same, and claim and refund stay',
  ],
];

describe('what a counterparty can make of true bytes', () => {
  beforeAll(async () => {
    await underOtherTerms();
    await ofAnotherMoment();
    await inEveryState();
  });
  it('there is a lie for every step of every action, and for every state', () => {
    expect(lies.ended.length).toBeGreaterThan(800);
    const steps = [SWAP, SPEND].flatMap((t) =>
      t.rows.filter((r) => r.after !== null).map((r) => `${t.type}/${r.after}`),
    );
    const told = new Set(lies.ended.map(({ at }) => at.split(':')[0]));
    expect([...new Set(steps)].filter((step) => !told.has(step))).toEqual([]);
    expect([...states].sort()).toEqual([
      'alice key bound',
      'alice swap cancelled',
      'alice swap claimed',
      'alice swap funded',
      'alice swap offered',
      'bob key bound',
      'bob key proposing',
      'bob swap accepted',
      'bob swap cancelled',
      'bob swap claimed',
      'bob swap funded',
      'bob swap unknown',
    ]);
  });
  judged(lies, ALLOWED);
});
