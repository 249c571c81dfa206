/**
 * Every message of every credit action, altered in every way that `alter.ts` knows, before it is answered: refused with
 * the named error, nothing changed, and the true message still works afterwards. A counterparty can seal what it altered.
 *
 * A new action is attacked as soon as `scenes.ts` plays it; one that it does not play fails the first test.
 */
import { readdirSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { rowWords, type Action } from '../../src/lib/protocol/action.ts';
import { canonicalJson } from '../../src/lib/protocol/json.ts';
import { ERRORS, type ErrorCode } from '../../src/lib/protocol/refusal.ts';
import { pair, type Pair } from '../support/credit.ts';
import { TestParty, type Message } from '../support/party.ts';
import { alterFields, alterPsbts, alterSeal, sealSecret, type Altered } from './alter.ts';
import { outcome, withoutCommit } from '../support/attack.ts';
import { scenes } from './scenes.ts';

/** `type/step` of the message that is altered, `:opener` where both parties may begin. */
type At = string;
type Codes = ErrorCode | readonly ErrorCode[];

/** What was altered (a pattern), how it ends: a code, or a code by step. The first pattern that fits counts. */
const REFUSED: readonly (readonly [RegExp, Codes | Readonly<Record<At, Codes>>])[] = [
  // the seal
  [/^seal removed|^seal null/, 'malformed-message'],
  [/^seal |^sealed by/, 'bad-seal'],
  // the envelope
  [/^type /, 'unknown-type'],
  [/^version /, 'unknown-version'],
  [/^step /, 'unknown-step'],
  [/^network changed/, ['wrong-network', 'malformed-message']],
  // a message that nothing seals: a seal is no field of it, and its number says nothing
  [/^asked (changed, resealed|removed|of another form)/, 'malformed-message'],
  [/^(ecash\.)?keyset\.unit/, ['malformed-message', 'bad-seal']],
  // a keyset may have any amounts: the id tells, and the seal before it
  [/^(ecash\.)?keyset\.keys\.\d+ removed/, 'bad-seal'],
  // forms
  [/ (removed|null|of another form|negative|largest|with another field)$|^another field$/, 'malformed-message'],
  [/(exit_feerate|min_conf|\w+_blocks) zero/, 'malformed-message'],
  // fixed words, and fields by which the turn is found
  [/^invoices changed/, 'malformed-message'],
  [/^notice changed/, 'malformed-message'],
  [/^opener changed/, ['not-now', 'not-your-turn', 'bad-seal']],
  // fields by which the record is found, then fields that only the seal guards
  [
    /^(contract\.id|contract\.payee_pubkey|next_contract\.payee_pubkey|offer\.pubkey) changed$/,
    ['unknown-contract', 'bad-seal'],
  ],
  [/ changed$/, 'bad-seal'],
  // ecash, under the counterparty's own seal
  [
    /^asked null, resealed$/,
    {
      'sign-update/requested': 'not-agreed',
      'sign-update/signed': 'state-moved-on',
      '*': 'malformed-message',
    },
  ],
  [
    /^asked\.until zero/,
    { 'sign-update/asked': 'asked-expired', 'sign-update/signed': 'state-moved-on', '*': 'asked-unknown' },
  ],
  [
    /^asked\.quote changed, resealed/,
    {
      'sign-update/asked': 'no-ecash',
      'sign-update/requested': 'asked-unknown',
      'sign-update/signed': 'state-moved-on',
    },
  ],
  [/^asked\./, { 'sign-update/requested': 'asked-unknown', 'sign-update/signed': 'state-moved-on' }],
  [/^ecash null, resealed$/, { 'sign-update/requested': 'no-keyset', 'sign-update/accepted': 'not-now' }],
  [/^ecash\.keyset\./, 'keyset-differs'],
  [/^ecash\.keyset_id/, { 'sign-update/signed': 'keyset-unknown', 'sign-update/accepted': 'no-ecash' }],
  [/^ecash\.outputs\.0\.id/, 'keyset-unknown'],
  [/^ecash\.outputs\.0\.B_/, ['outputs-differ', 'outputs-unsigned']],
  [/^ecash\.outputs/, 'outputs-differ'],
  [/^ecash\.signature/, 'outputs-unsigned'],
  [/^(ecash\.promises|found)\.0\.(C_|dleq)/, 'dleq-invalid'],
  [/^found\.0\.amount_sat/, 'dleq-invalid'],
  [/^(ecash\.promises|found)/, 'promises-differ'],
  [/^keyset_id/, { 'ecash-restore/asked': 'keyset-unknown', '*': 'terms-differ' }],
  [/^keyset\./, ['keyset-differs', 'malformed-message']],
  [/^outputs/, 'promises-differ'],
  [/^id changed, resealed$/, { 'ecash-restore/answered': 'state-moved-on' }],
  // a quote of a running mint
  [/^mint changed, resealed$/, 'terms-differ'],
  [/^quote null, resealed$/, 'malformed-message'],
  // what a counterparty says under its own seal
  [/^offer\.auth changed, resealed$/, { 'open-credit/offered': 'bad-seal' }],
  [
    /^contract\.id changed, resealed$/,
    { 'open-credit/proposed': 'terms-differ', 'open-credit/accepted': 'terms-differ', '*': 'unknown-contract' },
  ],
  [/^contract\.payer_pubkey no point/, { 'open-credit/proposed': 'key-rejected', '*': 'terms-differ' }],
  [/^next_contract\.payer_pubkey no point/, { 'rollover/proposed': 'key-rejected', '*': 'terms-differ' }],
  [
    /^contract\.payee_pubkey/,
    { 'open-credit/proposed': 'unknown-contract', 'open-credit/accepted': 'unknown-contract', '*': 'terms-differ' },
  ],
  [/^contract\.payer_auth/, { 'open-credit/proposed': 'bad-seal', '*': 'terms-differ' }],
  [/^contract\.payee_auth/, { 'open-credit/accepted': 'bad-seal', '*': 'terms-differ' }],
  [
    /^next_contract\.payee_pubkey/,
    {
      'rollover/proposed': ['key-rejected', 'terms-differ'],
      'rollover/accepted': ['state-moved-on', 'unknown-contract'],
      'rollover/signed': ['unknown-contract', 'paid-moved'],
    },
  ],
  [/^contract\.outpoint/, { 'open-credit/proposed': 'transaction-differs', '*': 'terms-differ' }],
  [/^next_contract\.outpoint/, { 'rollover/proposed': 'transaction-differs', '*': 'terms-differ' }],
  [/^(next_)?contract\./, 'terms-differ'],
  [
    /^receipt /,
    {
      'rollover/proposed': 'terms-differ',
      'rollover/accepted': ['bad-receipt', 'terms-differ'],
      'close-credit/signed:payer': 'terms-differ',
      'close-credit/signed:payee': 'terms-differ',
      'rollover/signed': 'terms-differ',
      '*': 'bad-receipt',
    },
  ],
  [
    /^(previous_paid_sat|amount_sat|paid_sat|credited_sat) /,
    {
      'ecash-quote/bound': 'paid-moved',
      'sign-update/requested': ['amount-not-growing', 'bad-receipt'],
      'sign-update/signed': ['amount-not-growing', 'state-moved-on'],
      'sign-update/asked': 'amount-not-growing',
      'sign-update/accepted': ['amount-not-growing', 'bad-receipt'],
      'ecash-restore/answered': 'bad-receipt',
      'rollover/offered': 'bad-receipt',
      'rollover/proposed': 'paid-moved',
      'rollover/accepted': 'terms-differ',
      'rollover/signed': 'paid-moved',
      'close-credit/proposed:payer': ['paid-moved', 'transaction-differs'],
      'close-credit/proposed:payee': ['bad-receipt', 'transaction-differs'],
      '*': 'state-moved-on',
    },
  ],
  [
    /^fee_sat zero/,
    {
      'close-credit/proposed:payer': 'fee-too-low',
      'close-credit/proposed:payee': 'fee-too-low',
      'rollover/proposed': 'terms-differ',
      'rollover/accepted': 'terms-differ',
      'rollover/signed': 'terms-differ',
      '*': 'state-moved-on',
    },
  ],
  [
    /^fee_sat /,
    {
      'close-credit/signed:payer': 'state-moved-on',
      'close-credit/signed:payee': 'state-moved-on',
      'rollover/proposed': ['transaction-differs', 'terms-differ'],
      'rollover/accepted': 'terms-differ',
      'rollover/signed': 'terms-differ',
      '*': 'transaction-differs',
    },
  ],
  [
    /^(top_ups|change)/,
    { 'rollover/proposed': ['transaction-differs', 'terms-differ', 'fee-too-high'], '*': 'terms-differ' },
  ],
  [/^offer\.(ecash|mint_url) /, 'terms-differ'],
  [/^offer\.pubkey no point/, { 'open-credit/addressed': 'unknown-contract', '*': 'key-rejected' }],
  [/^offer\.pubkey/, 'unknown-contract'],
  [/^offer\.policy\.max_amount_sat zero/, 'malformed-message'],
  // PSBTs
  [/: (not a PSBT|cut short)$/, 'malformed-psbt'],
  [/: sighash /, 'sighash-refused'],
  [/: (no nonce|nonce for the other parity of the aggregate)$/, 'nonce-missing'],
  // The payee compares its own nonce first.
  [/: (nonce at infinity|nonce no points)$/, { 'sign-update/signed': 'state-moved-on', '*': 'peer-nonce-invalid' }],
  [/: nonce/, { 'sign-update/signed': 'state-moved-on', '*': 'peer-partial-invalid' }],
  [/: (no partial|partial for the other parity of the aggregate)$/, 'peer-partial-missing'],
  [/: (nonce|partial)/, 'peer-partial-invalid'],
  [/: /, 'transaction-differs'],
];

/** What its sender may say, and what nobody reads: not refused, and why. */
const ALLOWED: readonly (readonly [RegExp, RegExp, why: string])[] = [
  [
    /^offer\.((pubkey|address|policy\.\w+) changed|policy\.min_amount_sat zero), resealed$/,
    /^(open-credit|rollover)\/offered$/,
    'an offer is the payee’s to make; `terms.test.ts` has what a payer refuses in one',
  ],
  [
    /^offer\.((ecash|mint_url) changed|mint_url null), resealed$/,
    /^open-credit\/offered$/,
    'the same; a rollover goes on with the issuer that the payer knows',
  ],
  [/^offer\.auth changed, resealed$/, /^rollover\/offered$/, 'the same: the next contract’s authentication key'],
  [
    /^(sealed by the victim itself|offer\.(auth|address|policy|ecash|mint_url)|id|terms|address|descriptor|expiry)/,
    /^open-credit\/addressed$/,
    'the payer’s own message: its record counts, the message only finds it',
  ],
  [/: nonce another$/, /\/(proposed|requested)(:\w+)?$/, 'the opener’s nonce is the opener’s choice'],
  [/: nonce another$/, /^rollover\/accepted$/, 'the payee opens the rollover there'],
  [/^refund: /, /^rollover\/signed$/, 'the payee has signed the refund; it does not read it again'],
  [
    /^top_ups\.0\.script/,
    /^rollover\/proposed$/,
    'only a chain knows it; with one: unsafe-funding (`checks.test.ts`), without one the input’s signature never verifies on the chain',
  ],
  [/^asked changed$/, /^open-credit\/asked$/, 'a number of the payer, so that two are not one'],
  [/^asked changed, resealed$/, /^rollover\/asked$/, 'the same'],
  [/^(amount_sat|asked\.\w+) changed, resealed$/, /^sign-update\/asked$/, 'what the payer asks is the payer’s choice'],
  [/^ecash null, resealed$/, /^sign-update\/signed$/, 'a payer may pay without ecash'],
  [/^asked/, /^sign-update\/accepted$/, 'the payee’s word for what was asked changes nothing that is paid'],
  [
    /^(keyset_id|first_counter|outputs)/,
    /^ecash-restore\/asked$/,
    'whatever outputs it shows, it gets what was signed of them',
  ],
  [
    /^id changed/,
    /^(ecash-quote|credit-invoice)\/|^ecash-restore\/asked$/,
    'a number of its sender, so that two questions are not one',
  ],
  [/^quote changed, resealed$/, /^ecash-quote\//, 'which quote it is the mint says, and whose key may mint from it'],
  [/^paid_sat/, /^credit-invoice\//, 'from where on invoices are listed: what is owed does not depend on it'],
  [/^owed_sat/, /^credit-invoice\/stated$/, 'the home’s word, which it has to sign for by sign-update'],
  [
    /^found changed, resealed$/,
    /^ecash-restore\/answered$/,
    'a payee that keeps ecash back; the search can be repeated',
  ],
];

interface Ended {
  at: At;
  what: string;
  /** undefined: not refused. */
  code: string | undefined;
  changed: boolean;
}
interface Misused {
  at: At;
  case: string;
  code: string | undefined;
}

const ended: Ended[] = [];
const misused: Misused[] = [];
const played = new Set<string>();
const repeats: { at: At; same: boolean; code: string | undefined; changed: boolean }[] = [];

const fits = (list: readonly (readonly [RegExp, RegExp, ...unknown[]])[], { what, at }: { what: string; at: At }) =>
  list.find(([w, a]) => w.test(what) && a.test(at));
const codesFor = ({ what, at }: { what: string; at: At }): readonly string[] => {
  const codes = REFUSED.find(([w]) => w.test(what))?.[1];
  const found =
    typeof codes === 'object' && !Array.isArray(codes)
      ? ((codes as Record<At, Codes>)[at] ?? (codes as Record<At, Codes>)['*'])
      : codes;
  return found === undefined ? [] : ([found].flat() as string[]);
};

const stepOf = (table: Action<any, any, any>, m: Message): At =>
  `${table.type}/${m['step']}${m['opener'] ? `:${m['opener']}` : ''}`;

/** Plays a scene; before each message is answered it is altered in every way. */
async function attack(name: string, both: Pair, stranger: TestParty): Promise<void> {
  const said: { who: 'payer' | 'payee'; table: Action<any, any, any>; options: object; text: string }[] = [];
  await scenes[name]!(both, async (who, table, options) => {
    const victim = both[who];
    const attacker = both[who === 'payer' ? 'payee' : 'payer'];
    if (options.on !== undefined) {
      const on = options.on as Message;
      const at = stepOf(table, on);
      // A party reads one of its own messages again only where it has to act next itself.
      const sealed = on['auth'] !== undefined;
      const secret = sealed
        ? await sealSecret(attacker, on).catch(() => sealSecret(victim, on))
        : new Uint8Array(32).fill(5);
      const before = canonicalJson(await victim.state());
      const commits = await victim.home.store.commits();
      const all: Altered[] = [
        ...(sealed ? alterSeal(on, await anySecret(victim)) : []),
        ...alterFields(on, secret),
        ...alterPsbts(on, secret),
      ];
      for (const { what, message } of all) {
        const dry = fits(ALLOWED, { what, at });
        const code = await outcome((dry ? withoutCommit(victim) : victim).run(table, { ...options, on: message }));
        ended.push({ at, what, code, changed: (await victim.home.store.commits()) !== commits });
      }
      expect(canonicalJson(await victim.state()), `${at}: the victim’s home`).toBe(before);
      if (sealed)
        misused.push({ at, case: 'a stranger', code: await outcome(withoutCommit(stranger).run(table, { on })) });
      if (sealed && at !== 'open-credit/addressed')
        misused.push({ at, case: 'its own sender', code: await outcome(withoutCommit(attacker).run(table, { on })) });
    }
    const ran = await victim.run(table, options);
    const row = table.rows.find(
      (r) => r.name === ran.message['step'] && r.by === who && r.after === ((options.on as Message)?.['step'] ?? null),
    )!;
    played.add(`${table.type} ${row.after ?? 'start'} → ${rowWords(row)}`);
    if (options.on !== undefined) said.push({ who, table, options, text: ran.text });
    return ran.message;
  });
  // Everything once more after the last step, newest first.
  for (const { who, table, options, text } of said.reverse()) {
    const commits = await both[who].home.store.commits();
    let again: string | undefined;
    const code = await outcome(both[who].run(table, options).then((ran) => void (again = ran.text)));
    const changed = commits !== (await both[who].home.store.commits());
    repeats.push({ at: stepOf(table, JSON.parse(text) as Message), same: again === text, code, changed });
  }
}

/** One of the victim's own authentication keys. */
async function anySecret(victim: TestParty): Promise<Uint8Array> {
  const [first] = await victim.home.store.list('credit');
  const keys = await victim.home.keys();
  return first ? keys.auth((first.record as any).own.path) : new Uint8Array(32).fill(3);
}

beforeAll(async () => {
  const stranger = await TestParty.make(200);
  let seed = 100;
  for (const name of Object.keys(scenes)) {
    const both = await pair((seed += 2));
    await attack(name, both, stranger);
    both.close();
  }
  stranger.close();
});

describe('altered messages', () => {
  it('every row that answers a message is played, and so attacked', async () => {
    const rooms = ['credit', 'ecash'].map((room) => new URL(`../../src/lib/${room}/`, import.meta.url));
    const files = rooms.flatMap((room) => readdirSync(room).map((file) => new URL(file, room).href));
    const modules = await Promise.all(files.map((file) => import(file) as Promise<Record<string, unknown>>));
    const tables = modules
      .flatMap((m) => Object.values(m))
      .filter((v): v is Action<any, any, any> => Array.isArray((v as { rows?: unknown } | null)?.rows));
    const rows = tables.flatMap((t) =>
      t.rows.filter((r) => r.after !== null).map((r) => `${t.type} ${r.after} → ${rowWords(r)}`),
    );
    expect(tables.length).toBeGreaterThan(4);
    expect(rows.filter((row) => !played.has(row))).toEqual([]);
    expect(ended.length).toBeGreaterThan(2_000);
  });

  it('each ends in the named error, and changes nothing', () => {
    const wrong = ended
      .filter((e) => !fits(ALLOWED, e))
      .filter((e) => e.changed || !codesFor(e).includes(e.code ?? 'not refused'))
      .map((e) => `${e.at} ${e.what}: ${e.code ?? 'not refused'}, expected ${codesFor(e).join(' or ')}`);
    expect(wrong).toEqual([]);
  });

  it('none ends as a fault of the program', () => {
    const faults = ended.filter((e) => e.code && (!(e.code in ERRORS) || e.code === 'bug'));
    expect(faults).toEqual([]);
  });

  it('the exit code is 65, 66, 75, 76 or 77: an attack never looks like success or like a slip of the user', () => {
    const exits = new Set(ended.filter((e) => e.code).map((e) => ERRORS[e.code as ErrorCode][0] as number));
    expect([...exits].sort()).toEqual([65, 66, 75, 76, 77]);
  });

  it('what its sender may say is taken', () => {
    for (const [what, at, why] of ALLOWED) {
      const hits = ended.filter((e) => what.test(e.what) && at.test(e.at));
      expect(hits.length, why).toBeGreaterThan(0);
      expect(
        hits.filter((e) => e.code !== undefined && !codesFor(e).includes(e.code)),
        why,
      ).toEqual([]);
    }
  });
});

describe('true messages in the wrong hands or at the wrong time', () => {
  it('a stranger is no party', () => {
    const open = misused.filter((m) => m.case === 'a stranger' && m.at !== 'open-credit/offered');
    expect(open.filter((m) => m.code !== 'unknown-contract')).toEqual([]);
  });

  it('the payee that reads its own offer hears who is next', () => {
    expect(misused.find((m) => m.case === 'its own sender' && m.at === 'open-credit/offered')!.code).toBe(
      'not-your-turn',
    );
  });

  it('whoever reads its own message hears who is next', () => {
    const own = misused.filter((m) => m.case === 'its own sender' && !m.at.startsWith('close-credit'));
    expect(own.length).toBeGreaterThan(8);
    expect(own.filter((m) => m.code !== 'not-your-turn')).toEqual([]);
  });

  // `turn` looks at `when` of this party's rows only: here the row of the other party is the one that fits.
  it('so does whoever reads its own close', () => {
    expect(misused.filter((m) => m.case === 'its own sender' && m.code !== 'not-your-turn')).toEqual([]);
  });

  it('each message given once more after all later ones prints the same bytes, unless its nonce is spent, and commits nothing', () => {
    expect(repeats.length).toBeGreaterThan(14);
    expect(repeats.filter((r) => r.changed)).toEqual([]);
    const spent = repeats.filter((r) => !r.same).map(({ at, code }) => `${at}: ${code}`);
    expect([...new Set(spent)].sort()).toEqual([
      'open-credit/proposed: already-known',
      'open-credit/proposed: wrong-state',
      'rollover/accepted: wrong-state',
      'rollover/proposed: wrong-state',
      'sign-update/requested: request-paid',
    ]);
  });
});
