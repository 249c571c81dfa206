/**
 * Each state of a credit record, and every message of other contracts of the same pair that have lived their whole lives:
 * as if it were of the contract in that state (its id, its keys and its outpoint put in, sealed under its key), and pieces
 * of it in the place of the message that brought the contract there. Given to whoever reads such a message.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeCredit, exitCredit, rollover, signUpdate } from '../../src/lib/ecash/credit.ts';
import { ecashRestore } from '../../src/lib/ecash/restore.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import { ecashQuote } from '../../src/lib/mint/bind.ts';
import { creditInvoice } from '../../src/lib/mint/settle.ts';
import { addKeyset, keysetsOf } from '../../src/commands/ecash/keysets.ts';
import { following, type Action, type Path } from '../../src/lib/protocol/action.ts';
import { canonicalJson } from '../../src/lib/protocol/json.ts';
import { xOnlyKey } from '../../src/lib/signing/bip340.ts';
import { tried } from '../support/attack.ts';
import { HOME_MINT, lostMessages, opened, pair, type Pair } from '../support/credit.ts';
import { crossings } from '../support/moments.ts';
import type { Message, TestParty } from '../support/party.ts';
import { reseal, sealSecret } from './alter.ts';
import { isNested, stepOf, wrong, type Told } from './liar.ts';
import { binds, buys, checks, closes, interrupted, MINT, opens, pays, quotes, restores, rolls } from './rounds.ts';
import type { Stage, Who } from './scenes.ts';
import { STATES, type Made } from './states.ts';

const TABLES: Record<string, Action<any, any, any>> = {
  'open-credit': openCredit,
  'sign-update': signUpdate,
  rollover,
  'close-credit': closeCredit,
  'ecash-restore': ecashRestore,
  'ecash-quote': ecashQuote,
  'credit-invoice': creditInvoice,
};

/** The messages that are read, of contracts from their opening to their close: the last of each step. */
async function lives(both: Pair): Promise<Message[]> {
  const said = new Map<string, Message>();
  const stage: Stage = async (who, table, options) => {
    const { message } = await both[who].run(table, options);
    if (following(table.rows, message['step'] as string).length > 0) said.set(stepOf(message), message);
    return message;
  };
  await addKeyset(both.payee.home, undefined);
  const first = await opens(both, stage, HOME_MINT);
  await pays(stage, first, 40_960n);
  await buys(stage, first, 2_112n);
  await restores(stage, first, await keysetId(both));
  const [forward, reverse] = [await opens(both, stage, CDK), await opens(both, stage, { mint: MINT })];
  await quotes(both, { lived: forward });
  await binds(stage, forward, 'lived');
  await checks(stage, reverse);
  const { id } = await rolls(stage, first);
  await closes(stage, id, 'payer');
  await closes(stage, await opens(both, stage), 'payee');
  return [...said.values()];
}

const CDK = { ecash: 'cdk', mint: MINT } as const;
const keysetId = async ({ payee }: Pair): Promise<string> => (await keysetsOf(payee.home))[0]!.keyset.id;
/** Contracts over which a mint was spoken of, by the last message that its counterparty sent. */
const MINTS: Record<string, (both: Pair) => Promise<Made>> = {
  'ecash that was lost and found': async (both) => {
    const id = await opened(both, { offer: HOME_MINT });
    await lostMessages(both, id, 1_001n);
    return { id, on: await restores(plain(both), id, await keysetId(both)) };
  },
  'ecash that is looked for': async (both) => {
    const id = await opened(both, { offer: HOME_MINT });
    await lostMessages(both, id, 1_001n);
    const input = { contract: id, keyset: await keysetId(both) };
    return { id, on: (await both.payer.run(ecashRestore, { input })).message };
  },
  'a quote of a running mint': async (both) => {
    const id = await opened(both, { offer: CDK });
    await quotes(both, { here: id });
    return { id, on: await binds(plain(both), id, 'here') };
  },
  'a quote that was made': async (both) => {
    const id = await opened(both, { offer: CDK });
    await quotes(both, { made: id });
    return { id, on: (await both.payer.run(ecashQuote, { input: { contract: id, quote: 'made' } })).message };
  },
  'a merchant that was told what is owed': async (both) => {
    const id = await opened(both, { offer: { mint: MINT } });
    await pays(plain(both), id, 40_960n);
    return { id, on: await checks(plain(both), id) };
  },
  'a merchant that asks what is owed': async (both) => {
    const id = await opened(both, { offer: { mint: MINT } });
    return { id, on: (await both.payee.run(creditInvoice, { input: { contract: id } })).message };
  },
};
const plain =
  (both: Pair): Stage =>
  async (who, table, options) =>
    (await both[who].run(table, options)).message;

const NAMES = [
  'id',
  'payer_pubkey',
  'payee_pubkey',
  'payer_auth',
  'payee_auth',
  'payer_address',
  'payee_address',
  'txid',
];
/** What names a contract in a message: its view, its terms, or the offer alone. */
function namesOf(m: Message): Record<string, string> {
  const view = m['contract'] as Message | undefined;
  if (view) return { ...view, ...(view['outpoint'] as object) } as Record<string, string>;
  const { pubkey, auth, address } = (m['offer'] ?? {}) as Record<string, string>;
  const offer = { payee_pubkey: pubkey, payee_auth: auth, payee_address: address };
  return { ...(m['terms'] as object), ...offer, ...(m['id'] && { id: m['id'] }) } as Record<string, string>;
}
/** The message of one contract as if it were of the other. */
function renamed(message: Message, from: Record<string, string>, to: Record<string, string>): Message {
  let text = JSON.stringify(message);
  for (const name of NAMES) if (from[name] && to[name]) text = text.replaceAll(`"${from[name]}"`, `"${to[name]}"`);
  return JSON.parse(text) as Message;
}
/** The party's secret of the contract where this key seals its messages. */
async function secretOf({ home }: TestParty, auth: string | undefined): Promise<Uint8Array | undefined> {
  const keys = await home.keys();
  const paths = (await home.store.list('credit')).flatMap(({ record }) => {
    const { own } = record as { own?: { path: Path } };
    return own ? [own.path] : [];
  });
  return paths.map((path) => keys.auth(path)).find((secret) => xOnlyKey(secret) === auth);
}
/** What a reader says besides: terms of its own. */
const inputFor = (m: Message): object => {
  const expires = { blocks: 4_320 };
  if (m['step'] !== 'offered') return {};
  return m['type'] === 'rollover' ? { expires } : { expires, amount: 1_200_000n };
};

let both: Pair;
let said: Message[];
const told: Told[] = [];
beforeAll(async () => {
  both = await pair(30);
  said = await lives(both);
});
afterAll(() => both.close());

/** Tells each of the parties every message that it would read, in this state. */
async function tell(on: Message): Promise<Told[]> {
  const to = namesOf(on);
  const lies: Told[] = [];
  for (const who of ['payer', 'payee'] as Who[]) {
    const [victim, attacker] = [both[who], both[who === 'payer' ? 'payee' : 'payer']];
    const secret = await secretOf(attacker, to[who === 'payer' ? 'payee_auth' : 'payer_auth']);
    const seals = (m: Message): Message => (secret && m['auth'] !== undefined ? reseal(m, secret) : m);
    for (const m of said) {
      const table = TABLES[m['type'] as string]!;
      if (!following(table.rows, m['step'] as string).some(({ by }) => by === who)) continue;
      const pieces =
        stepOf(m) === stepOf(on) && on['auth'] !== undefined
          ? [...crossings(on, m, seals, (what) => !isNested(what))]
          : [];
      const named = { what: 'all under this name', message: seals(renamed(m, namesOf(m), to)) };
      for (const { what, message } of [named, ...pieces]) {
        const ran = await tried(victim, table, { on: message, input: inputFor(message), max: 5_000_000n });
        const ended = ran.code ?? (ran.commit ? 'taken' : 'again');
        lies.push({ at: stepOf(m), what: `${who}: ${what}`, ended });
      }
    }
  }
  return lies;
}

describe('the life of another contract, told of one that is', () => {
  it.each([...Object.entries(STATES).map(([state, [, make]]) => [state, make] as const), ...Object.entries(MINTS)])(
    '%s: is refused, or harmless, and changes nothing',
    async (_, make) => {
      const { on } = await make(both);
      const states = async () => canonicalJson([await both.payer.state(), await both.payee.state()]);
      const before = await states();
      const lies = await tell(on);
      expect(await states()).toBe(before);
      expect(wrong(lies)).toEqual([]);
      expect(lies.length).toBeGreaterThan(15);
      told.push(...lies);
    },
  );
  it('is refused by what stands behind the seal, too', () => {
    const codes = new Set(told.map(({ ended }) => ended));
    const behind = [
      'amount-not-growing',
      'bad-receipt',
      'paid-moved',
      'state-moved-on',
      'terms-differ',
      'transaction-differs',
    ];
    expect(behind.filter((code) => !codes.has(code))).toEqual([]);
    expect(told.length).toBeGreaterThan(500);
  });
});

describe('what the payer has said before the payee’s exit', () => {
  it('is answered no more, whatever was under way', async () => {
    const here = await pair(40);
    const heard: Message[] = [];
    const ids = await interrupted(here, async (who, table, options) => {
      const { message } = await here[who].run(table, options);
      heard.push(message);
      return message;
    });
    for (const contract of ids) await here.payee.run(exitCredit, { input: { contract } });
    const before = canonicalJson(await here.payee.state());
    const lies: Told[] = [];
    const tells = async (what: string, m: Message): Promise<void> => {
      const options = { on: m, input: inputFor(m), max: 5_000_000n };
      const { code, commit } = await tried(here.payee, TABLES[m['type'] as string]!, options);
      lies.push({ at: stepOf(m), what, ended: code ?? (commit ? 'taken' : 'again') });
    };
    const isRead = (m: Message): boolean =>
      following(TABLES[m['type'] as string]!.rows, m['step'] as string).some(({ by }) => by === 'payee');
    const contractOf = (m: Message): unknown => m['contract'].id;
    for (const on of heard.filter(isRead)) {
      const unread = heard.findLast((m) => contractOf(m) === contractOf(on)) === on;
      await tells(unread ? 'unread' : 'read', on);
      const round = heard.find((m) => m !== on && contractOf(m) === contractOf(on) && stepOf(m) === stepOf(on));
      if (!unread || !round) continue;
      const secret = await sealSecret(here.payer, on);
      for (const { what, message } of crossings(on, round, (m) => reseal(m, secret))) await tells(what, message);
    }
    expect(canonicalJson(await here.payee.state())).toBe(before);
    expect(wrong(lies)).toEqual([]);
    // What was answered before is printed again; nothing else is.
    expect(lies.filter(({ ended }) => ended === 'again').map(({ what }) => what)).not.toContain('unread');
    expect(lies.filter(({ what }) => what === 'unread').map(({ at, ended }) => `${at}: ${ended}`)).toEqual([
      'sign-update/signed: wrong-state',
      'rollover/proposed: wrong-state',
      'rollover/signed: wrong-state',
      'close-credit/signed:payee: wrong-state',
      'close-credit/proposed:payer: wrong-state',
    ]);
    here.close();
  });
});
