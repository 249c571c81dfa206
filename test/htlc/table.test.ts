/**
 * What a home answers in each state of a swap, and of the key of an HTLC, to all that can be asked of it: filled by running it.
 * A cell is the error code; `takes` where a commit would follow; `says STEP` where it is printed, again or with nothing to keep;
 * `-` where there is no such message yet. A state or an action without its cell fails.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createInHome, freshKey, preimageFor } from '../../src/commands/htlc/home.ts';
import { playAgain } from '../../src/lib/engine/play.ts';
import { htlcCooperate } from '../../src/lib/htlc/cooperate.ts';
import { createHtlc } from '../../src/lib/htlc/create.ts';
import { htlcSwap } from '../../src/lib/htlc/swap.ts';
import type { Htlc } from '../../src/lib/htlc/terms.ts';
import { readHtlc } from '../../src/lib/htlc/view.ts';
import { hashClaim } from '../../src/lib/protocol/claims.ts';
import { outcome, withoutCommit } from '../support/attack.ts';
import { ownCoin } from '../support/credit.ts';
import type { Message, RunOptions, TestParty } from '../support/party.ts';
import {
  ACCEPT,
  COIN,
  OFFER,
  pair,
  resealed,
  sharedHtlc,
  WANT,
  type Pair,
  type Who,
  refundOf,
  showSpent,
} from './scenes.ts';

let seed = 200;

/** A table as it is read: a line a state, a column an action. */
const tableOf = (text: string): Record<string, Record<string, string>> => {
  const [head, ...lines] = text
    .trim()
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()));
  const [, ...actions] = head!;
  return Object.fromEntries(
    lines.map(([state, ...cells]) => [state, Object.fromEntries(actions.map((action, i) => [action, cells[i] ?? '']))]),
  );
};
const textOf = (table: Record<string, Record<string, string>>): string => {
  const actions = Object.keys(Object.values(table)[0] ?? {});
  const rows = [
    ['', ...actions],
    ...Object.entries(table).map(([state, cells]) => [state, ...actions.map((a) => cells[a]!)]),
  ];
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join(' | ')
        .trimEnd(),
    )
    .join('\n');
};

/** What a run would come to, without its commit. */
async function cell(
  party: TestParty,
  run: (dry: TestParty) => Promise<{ message: Message } | undefined>,
): Promise<string> {
  const before = await party.state();
  let said: string | undefined;
  const code = await outcome(
    run(withoutCommit(party)).then((ran) => {
      said = ran ? `says ${ran.message['step']}` : 'nothing';
    }),
  );
  expect(await party.state()).toEqual(before);
  return code ?? said ?? 'takes';
}

const STEPS = ['offered', 'accepted', 'funded', 'matched', 'claimed', 'settled'] as const;
type Said = Partial<Record<(typeof STEPS)[number], Message>>;

/** All that can be asked of a home about one swap. */
async function askSwap(both: Pair, who: Who, said: Said): Promise<Record<string, string>> {
  const party = both[who];
  const hash = said.offered!['offer'].hash as string;
  const cells: Record<string, string> = {};
  const utxo = [await ownCoin(party, 150_000n)];
  const inputs: Record<string, RunOptions> = {
    offered: { amount: WANT, input: ACCEPT },
    accepted: { input: { utxo } },
    funded: { input: { utxo, unchecked: true } },
    matched: { input: { unchecked: true } },
    claimed: { input: { unchecked: true } },
  };
  const ask = (name: string, options: RunOptions) =>
    cell(party, (dry) => dry.run(htlcSwap, options)).then((c) => (cells[name] = c));
  for (const step of STEPS)
    if (said[step]) await ask(step, { on: said[step], ...inputs[step] });
    else cells[step] = '-';
  await ask('--cancel', { on: said.offered!, cancel: true });
  await ask('ends', { input: { contract: hash } });
  cells['--again'] = await cell(party, async (dry) => {
    const { text } = await playAgain(htlcSwap, hashClaim(hash), dry.ports());
    return { message: JSON.parse(text) as Message };
  });
  const legs = said.accepted ? (['first', 'second'] as const) : [];
  for (const name of ['first', 'second'] as const) {
    if (!legs.includes(name as never)) {
      cells[`shows ${name}`] = cells[`signs ${name} away`] = '-';
      continue;
    }
    const htlc = readHtlc(said.accepted!['htlcs'][name]);
    cells[`shows ${name}`] = await cell(party, async ({ home }) => {
      const found = await preimageFor(home, htlc, { all: true, own: true });
      return found && { message: { step: 'preimage' } };
    });
    cells[`signs ${name} away`] = await signsAway(both, who, htlc);
  }
  return cells;
}
/** Asked by the other side to sign its path away, with the other HTLC unspent. */
async function signsAway(both: Pair, who: Who, htlc: Htlc): Promise<string> {
  const asker = both[who === 'alice' ? 'bob' : 'alice'];
  const as = (await asker.home.store.load([`key:${htlc.claim!}`])).found.size > 0 ? 'claimer' : 'refunder';
  const input = { as, htlc, utxo: COIN };
  let proposed: Message;
  try {
    proposed = (await asker.run(htlcCooperate, { input })).message;
  } catch (error) {
    return `(${(error as { code: string }).code})`;
  }
  return cell(both[who], (dry) => dry.run(htlcCooperate, { on: proposed, amount: COIN.sat }));
}

const SWAPS = tableOf(`
                                         | offered       | accepted           | funded             | matched       | claimed       | settled         | --cancel           | ends              | --again          | signs first away | shows first   | signs second away | shows second
initiator offered                        | not-your-turn | -                  | -                  | -             | -             | -               | takes              | wrong-state       | says offered     | -                | -             | -                 | -
responder (unknown)                      | takes         | -                  | -                  | -             | -             | -               | unknown-contract   | unknown-contract  | nothing-to-print | -                | -             | -                 | -
responder accepted                       | says accepted | not-your-turn      | -                  | -             | -             | -               | takes              | wrong-state       | says accepted    | swap-open        | nothing       | swap-open         | nothing
initiator offered, accepted by the other | not-your-turn | takes              | -                  | -             | -             | -               | takes              | wrong-state       | says offered     | swap-open        | preimage-kept | swap-open         | preimage-kept
initiator funded                         | not-your-turn | answered-otherwise | not-your-turn      | -             | -             | -               | too-late-to-cancel | funding-unchecked | says funded      | swap-open        | preimage-kept | swap-open         | preimage-kept
responder funded                         | says accepted | not-your-turn      | answered-otherwise | not-your-turn | -             | -               | too-late-to-cancel | funding-unchecked | says matched     | swap-open        | nothing       | swap-open         | nothing
initiator claimed                        | not-your-turn | answered-otherwise | not-your-turn      | says claimed  | not-your-turn | -               | too-late-to-cancel | wrong-state       | says claimed     | swap-open        | says preimage | swap-open         | says preimage
responder claimed                        | says accepted | not-your-turn      | answered-otherwise | not-your-turn | says claimed  | -               | too-late-to-cancel | wrong-state       | says claimed     | swap-open        | nothing       | swap-open         | nothing
responder settled                        | says accepted | not-your-turn      | answered-otherwise | not-your-turn | says settled  | nothing-follows | too-late-to-cancel | wrong-state       | says settled     | swap-open        | nothing       | swap-open         | nothing
initiator cancelled                      | not-your-turn | wrong-state        | -                  | -             | -             | -               | says cancelled     | wrong-state       | says cancelled   | takes            | says preimage | takes             | says preimage
responder cancelled                      | already-known | not-your-turn      | wrong-state        | -             | -             | -               | says cancelled     | wrong-state       | says cancelled   | takes            | nothing       | takes             | nothing
initiator ended                          | not-your-turn | answered-otherwise | not-your-turn      | wrong-state   | -             | -               | too-late-to-cancel | wrong-state       | says ended       | swap-open        | says preimage | swap-open         | says preimage
responder ended                          | already-known | not-your-turn      | answered-otherwise | not-your-turn | -             | -               | too-late-to-cancel | wrong-state       | says ended       | swap-open        | nothing       | swap-open         | nothing
initiator offered, then restored         | not-your-turn | wrong-state        | -                  | -             | -             | -               | home-restored      | wrong-state       | nothing-to-print | swap-open        | preimage-kept | swap-open         | preimage-kept
responder accepted, then restored        | already-known | not-your-turn      | wrong-state        | -             | -             | -               | home-restored      | wrong-state       | nothing-to-print | swap-open        | nothing       | swap-open         | nothing
initiator funded, then restored          | not-your-turn | answered-otherwise | not-your-turn      | takes         | -             | -               | home-restored      | funding-unchecked | says funded      | swap-open        | preimage-kept | swap-open         | preimage-kept
responder funded, then restored          | already-known | not-your-turn      | answered-otherwise | not-your-turn | -             | -               | home-restored      | funding-unchecked | says matched     | swap-open        | nothing       | swap-open         | nothing
`);
const filled: Record<string, Record<string, string>> = {};

describe('a swap', () => {
  let both: Pair;
  const said: Said = {};
  const step = async (who: Who, name: keyof Said, options: RunOptions) =>
    (said[name] = (await both[who].run(htlcSwap, options)).message);
  const ask = async (state: string, who: Who, to: Pair = both, of: Said = said) =>
    (filled[`${who === 'alice' ? 'initiator' : 'responder'} ${state}`] = await askSwap(to, who, of));
  /** The same party, its swap given up, ended or lost: on a pair of its own. */
  const aside = async (
    state: string,
    who: Who,
    until: 'offered' | 'accepted' | 'funded' | 'matched',
    then: (party: TestParty, of: Said) => Promise<unknown>,
  ) => {
    const own = await pair((seed += 2));
    const of: Said = {};
    of.offered = (await own.alice.run(htlcSwap, { input: OFFER })).message;
    if (until !== 'offered')
      of.accepted = (await own.bob.run(htlcSwap, { on: of.offered, amount: WANT, input: ACCEPT })).message;
    if (until === 'funded' || until === 'matched')
      of.funded = (
        await own.alice.run(htlcSwap, { on: of.accepted, input: { utxo: [await ownCoin(own.alice, 150_000n)] } })
      ).message;
    if (until === 'matched')
      of.matched = (
        await own.bob.run(htlcSwap, {
          on: of.funded,
          input: { utxo: [await ownCoin(own.bob, 140_000n)], unchecked: true },
        })
      ).message;
    await then(own[who], of);
    await ask(state, who, own, of);
    own.close();
  };
  const cancel = (party: TestParty, of: Said) => party.run(htlcSwap, { on: of.offered, cancel: true });
  const lose = async (party: TestParty) => party.lose(await party.backUp());
  const end = async (party: TestParty, of: Said) => {
    for (const coin of [of.matched!['first'], of.matched!['second']]) showSpent(party, refundOf(coin), 6);
    await party.run(htlcSwap, { input: { contract: of.offered!['offer'].hash } });
    party.chain.coins = 'not-checked';
    party.chain.spends.clear();
  };

  beforeAll(async () => {
    both = await pair((seed += 2));
    await step('alice', 'offered', { input: OFFER });
    await ask('offered', 'alice');
    await ask('(unknown)', 'bob');
    await step('bob', 'accepted', { on: said.offered, amount: WANT, input: ACCEPT });
    await ask('accepted', 'bob');
    await ask('offered, accepted by the other', 'alice');
    await step('alice', 'funded', { on: said.accepted, input: { utxo: [await ownCoin(both.alice, 150_000n)] } });
    await ask('funded', 'alice');
    const utxo = [await ownCoin(both.bob, 140_000n)];
    await step('bob', 'matched', { on: said.funded, input: { utxo, unchecked: true } });
    await ask('funded', 'bob');
    await step('alice', 'claimed', { on: said.matched, input: { unchecked: true } });
    await ask('claimed', 'alice');
    await both.bob.run(htlcSwap, { on: said.claimed });
    await ask('claimed', 'bob');
    showSpent(both.bob, (await both.bob.run(htlcSwap, { on: said.claimed })).message['hex'], 6);
    await step('bob', 'settled', { on: said.claimed });
    both.bob.chain.coins = 'not-checked';
    await ask('settled', 'bob');
    await aside('cancelled', 'alice', 'accepted', cancel);
    await aside('cancelled', 'bob', 'funded', cancel);
    await aside('ended', 'alice', 'matched', end);
    await aside('ended', 'bob', 'matched', end);
    await aside('offered, then restored', 'alice', 'accepted', lose);
    await aside('accepted, then restored', 'bob', 'funded', lose);
    await aside('funded, then restored', 'alice', 'matched', lose);
    await aside('funded, then restored', 'bob', 'matched', lose);
  });
  afterAll(() => both.close());

  it('answers in each state as the table says', () => {
    if (process.env['SPILLWAY_TABLES']) console.log(textOf(filled));
    expect(textOf(filled)).toBe(textOf(SWAPS));
    for (const cells of Object.values(filled)) for (const value of Object.values(cells)) expect(value).not.toBe('');
  });
});

/** All that can be asked of the home that holds the key with which an HTLC is claimed. */
async function askKey({ alice, bob }: Pair, htlc: Htlc, signed: Message | undefined): Promise<Record<string, string>> {
  const lock = { kind: 'height', value: 1500 } as const;
  const another = { ...htlc, lock };
  const refund = { pubkey: htlc.refund, auth: null };
  const book = createHtlc({
    network: 'regtest',
    variant: 'book',
    hash: htlc.hash,
    claim: null,
    refund,
    lock,
    acceptAnyone: true,
  });
  const offered = await alice.run(htlcSwap, { input: OFFER });
  const on = await resealed(alice, offered.message, (m) => ({
    ...m,
    offer: { ...m['offer'], hash: htlc.hash.sha256 },
  }));
  const shows = (which: Htlc, own: boolean) =>
    cell(bob, async ({ home }) => {
      const found = await preimageFor(home, which, { all: true, own });
      return found && { message: { step: 'preimage' } };
    });
  const propose = (which: Htlc) =>
    cell(bob, (dry) => dry.run(htlcCooperate, { input: { as: 'claimer', htlc: which, utxo: COIN } }));
  const given = { network: 'regtest', variant: 'standard', hash: htlc.hash, claim: undefined, refund, lock } as const;
  const create = async (sameHash: boolean) => {
    const dry = Object.create(bob.home) as typeof bob.home;
    Object.defineProperty(dry, 'store', { value: withoutCommit(bob).ports().store });
    return cell(bob, async () => void (await createInHome(dry, given, sameHash)) as never);
  };
  return {
    'creates on its hash': await create(false),
    '--same-hash': await create(true),
    'a swap on its hash': await cell(bob, (dry) => dry.run(htlcSwap, { on, amount: WANT, input: ACCEPT })),
    'shows, signed': await shows(htlc, true),
    'shows, not its own': await shows(book, false),
    proposes: await propose(htlc),
    'for another HTLC': await propose(another),
    signs: await signsAway({ alice, bob, close: () => {} }, 'bob', htlc),
    completes: signed ? await cell(bob, (dry) => dry.run(htlcCooperate, { on: signed })) : '-',
    '--cancel': signed ? await cell(bob, (dry) => dry.run(htlcCooperate, { on: signed, cancel: true })) : '-',
  };
}

const KEYS = tableOf(`
                              | creates on its hash | --same-hash | a swap on its hash | shows, signed | shows, not its own | proposes | for another HTLC | signs | completes      | --cancel
fresh                         | takes               | takes       | same-hash          | says preimage | nothing            | takes    | takes            | takes | -              | -
in an HTLC that its home made | same-hash           | takes       | same-hash          | says preimage | nothing            | takes    | takes            | takes | -              | -
proposing                     | same-hash           | takes       | same-hash          | says preimage | nothing            | takes    | terms-differ     | takes | takes          | takes
its proposal cancelled        | same-hash           | takes       | same-hash          | says preimage | nothing            | takes    | terms-differ     | takes | state-moved-on | says cancelled
its spend complete            | same-hash           | takes       | same-hash          | says preimage | nothing            | takes    | terms-differ     | takes | says complete  | too-late-to-cancel
proposing, then restored      | same-hash           | takes       | home-restored      | says preimage | nothing            | takes    | terms-differ     | takes | state-moved-on | home-restored
complete, then restored       | same-hash           | takes       | home-restored      | says preimage | nothing            | takes    | terms-differ     | takes | says complete  | home-restored
`);

describe('the key of an HTLC', () => {
  const found: Record<string, Record<string, string>> = {};
  beforeAll(async () => {
    const both = await pair((seed += 2));
    const { alice, bob } = both;
    const start = (htlc: Htlc) => bob.run(htlcCooperate, { input: { as: 'claimer', htlc, utxo: COIN } });
    const sign = async (on: Message) =>
      (await alice.run(htlcCooperate, { on, amount: COIN.sat, input: { amount: COIN.sat } })).message;
    found['fresh'] = await askKey(both, await sharedHtlc(both), undefined);

    const [claim, refund] = [await freshKey(bob.home), await freshKey(alice.home)];
    const lock = { kind: 'height', value: 1144 } as const;
    const parts = {
      network: 'regtest',
      variant: 'standard',
      hash: claim.hash,
      claim,
      refund,
      lock,
      cooperative: true,
    } as const;
    found['in an HTLC that its home made'] = await askKey(both, (await createInHome(bob.home, parts)).htlc, undefined);

    const open = await sharedHtlc(both);
    const proposed = (await start(open)).message;
    const signed = await sign(proposed);
    found['proposing'] = await askKey(both, open, signed);
    await bob.run(htlcCooperate, { on: signed, cancel: true });
    found['its proposal cancelled'] = await askKey(both, open, signed);

    const done = await sharedHtlc(both);
    const answer = await sign((await start(done)).message);
    await bob.run(htlcCooperate, { on: answer });
    found['its spend complete'] = await askKey(both, done, answer);

    const last = await sharedHtlc(both);
    const late = await sign((await start(last)).message);
    await bob.lose(await bob.backUp());
    found['proposing, then restored'] = await askKey(both, last, late);
    found['complete, then restored'] = await askKey(both, done, answer);
    both.close();
  });

  it('answers in each state as the table says', () => {
    if (process.env['SPILLWAY_TABLES']) console.log(textOf(found));
    expect(textOf(found)).toBe(textOf(KEYS));
    for (const cells of Object.values(found)) for (const value of Object.values(cells)) expect(value).not.toBe('');
  });
});
