/**
 * Every message of a swap and of a cooperative spend, altered in every way that `../credit/alter.ts` knows, before it is
 * answered: refused by name, nothing changed, and the true message still works afterwards.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { canonicalJson } from '../../src/lib/protocol/json.ts';
import { rowWords, type Action } from '../../src/lib/protocol/action.ts';
import { ERRORS, type ErrorCode } from '../../src/lib/protocol/refusal.ts';
import { htlcCooperate } from '../../src/lib/htlc/cooperate.ts';
import { htlcSwap } from '../../src/lib/htlc/swap.ts';
import { alterFields, alterPsbts, alterSeal, sealSecret, type Altered } from '../credit/alter.ts';
import { outcome, withoutCommit } from '../support/attack.ts';
import type { Message } from '../support/party.ts';
import { pair, scenes, type Pair, type Who } from './scenes.ts';

type Codes = ErrorCode | readonly ErrorCode[];

/** What was altered (a pattern), where (a pattern of type/step), how it ends. The first that fits counts. */
const REFUSED: readonly (readonly [RegExp, RegExp, Codes])[] = [
  [/^seal (removed|null)/, /./, 'malformed-message'],
  [/^seal |^sealed by/, /./, 'bad-seal'],
  [/^type /, /./, 'unknown-type'],
  [/^version /, /./, 'unknown-version'],
  [/^step /, /./, 'unknown-step'],
  [/^network changed/, /./, 'wrong-network'],
  // forms
  [/^htlc\.(claim_pubkey|refund_pubkey) (null|removed)$/, /./, ['malformed-message', 'unknown-contract', 'bad-seal']],
  [
    / (removed|null|of another form|negative|largest|with another field)$|^another field$/,
    /./,
    ['malformed-message', 'bad-seal'],
  ],
  [/^offer\.margin_blocks zero/, /./, 'malformed-message'],
  [
    /(^|\.)(version|type|network|script_type|kind|participants) changed/,
    /./,
    ['malformed-message', 'bad-seal', 'wrong-network', 'terms-differ'],
  ],
  [/(^|\.)(variant|script_type|kind) changed/, /./, 'malformed-message'],
  // by which the record or the turn is found
  [/^opener changed/, /./, ['not-now', 'not-your-turn', 'bad-seal']],
  [/^offer\.hash changed/, /swap\/(accepted|funded|matched|claimed)/, ['unknown-contract', 'bad-seal']],
  [/^htlc\.(claim_pubkey|refund_pubkey) /, /./, ['unknown-contract', 'bad-seal', 'terms-differ', 'key-rejected']],
  [/ changed$/, /./, 'bad-seal'],
  // a counterparty under its own seal: the documents
  [/^htlc\.(claim_auth|refund_auth) /, /./, ['bad-seal', 'terms-differ', 'key-rejected']],
  [/^htlc\.locktime\.value (zero|changed)/, /./, ['locktime-kind', 'terms-differ']],
  [/^htlc\./, /./, ['terms-differ', 'key-rejected', 'malformed-message']],
  [/^(utxo|amount_sat|address|fee_sat)/, /cooperate\/signed/, 'state-moved-on'],
  [/^amount_sat zero/, /cooperate\/proposed/, ['fee-too-high', 'below-dust']],
  [/^amount_sat changed/, /cooperate\/proposed/, ['transaction-differs', 'amount-differs']],
  [/^fee_sat zero/, /cooperate\/proposed/, 'fee-too-low'],
  [/^(utxo|address|fee_sat)/, /cooperate\/proposed/, 'transaction-differs'],
  // the swap's terms: one's own record counts
  [/^offer\.side\.\w+ (changed|no point), resealed/, /swap\/offered/, ['bad-seal', 'key-rejected']],
  [/^offer\.expiry zero/, /swap\/offered/, 'unsafe-expiry'],
  [/^offer\.(give_sat|want_sat) zero/, /swap\/offered/, ['fee-too-high', 'amount-differs']],
  [/^offer\.want_sat changed/, /swap\/offered/, 'amount-differs'],
  [/^answer\.side\.claim_auth /, /swap\/accepted/, 'bad-seal'],
  [/^answer\.side\.\w+ /, /swap\/accepted/, ['terms-differ', 'key-rejected', 'bad-seal']],
  [/^answer\.expiry /, /swap\/accepted/, ['terms-differ', 'expired', 'unsafe-expiry', 'locktime-kind']],
  [/^(offer|answer|htlcs)\./, /swap\/(accepted|funded|matched|claimed)/, ['terms-differ', 'bad-seal', 'key-rejected']],
  [/^first\./, /swap\/(matched|claimed)/, 'terms-differ'],
  [/^second\./, /swap\/claimed/, 'terms-differ'],
  [/^hex /, /swap\/claimed/, ['malformed-transaction', 'no-preimage']],
  // PSBTs of a cooperative spend
  [/: (not a PSBT|cut short)$/, /cooperate/, 'malformed-psbt'],
  [/: sighash /, /cooperate/, 'sighash-refused'],
  [/: (no nonce|nonce for the other parity of the aggregate)$/, /cooperate/, 'nonce-missing'],
  [/: (nonce at infinity|nonce no points)$/, /cooperate/, 'peer-nonce-invalid'],
  [/: (no partial|partial for the other parity of the aggregate)$/, /cooperate/, 'peer-partial-missing'],
  [/: (nonce|partial)/, /cooperate/, 'peer-partial-invalid'],
  [/: /, /cooperate/, 'transaction-differs'],
];
/** What its sender may say, and what nobody reads: not refused, and why. */
const ALLOWED: readonly (readonly [RegExp, RegExp, why: string])[] = [
  [
    /^offer\.(hash|give_sat|expiry|margin_blocks|side\.(claim|refund)_pubkey|side\.refund_auth) changed, resealed$/,
    /swap\/offered/,
    'an offer is the initiator’s to make; what is unsafe in it is refused',
  ],
  [/: nonce another$/, /cooperate\/proposed/, 'the opener’s nonce is the opener’s choice'],
  [
    /^(first|second): /,
    /swap/,
    'the PSBT of the other side’s own payment: only its outpoint counts, and a node says what is there',
  ],
  [/^first\./, /swap\/funded/, 'where the initiator has paid: only a node can say; without one --unchecked was given'],
  [/^second\./, /swap\/matched/, 'the same of the responder'],
  [/^txid (changed|removed)?.*resealed$/, /swap\/claimed/, 'the transaction itself is read, not its id'],
  [/^hex changed, resealed$/, /swap\/claimed/, 'another transaction with the same preimage shows it as well'],
];

interface Ended {
  at: string;
  what: string;
  /** undefined: not refused. */
  code: string | undefined;
  changed: boolean;
}
const ended: Ended[] = [];
const played = new Set<string>();
const repeats: { at: string; same: boolean }[] = [];

async function attack(name: string, both: Pair): Promise<void> {
  const said: { who: Who; table: Action<any, any, any>; options: object; text: string }[] = [];
  await scenes[name]!(both, async (who, table, options) => {
    const attacker = both[who === 'alice' ? 'bob' : 'alice'];
    if (options.on !== undefined) {
      const on = options.on as Message;
      const at = `${table.type}/${on['step']}`;
      const secret = await sealSecret(attacker, on);
      const [own] = await both[who].home.store.list();
      const mine = own ? (await both[who].home.keys()).auth((own.record as any).own.path) : new Uint8Array(32).fill(3);
      const before = canonicalJson(await both[who].state());
      // The second document of a swap is read by the same line as the first.
      const all: Altered[] = [...alterSeal(on, mine), ...alterFields(on, secret), ...alterPsbts(on, secret)].filter(
        ({ what }) => !what.startsWith('htlcs.second.'),
      );
      for (const { what, message } of all) {
        const code = await outcome(withoutCommit(both[who]).run(table, { ...options, on: message }));
        ended.push({ at, what, code, changed: false });
      }
      expect(canonicalJson(await both[who].state()), `${at}: the victim’s home`).toBe(before);
    }
    const ran = await both[who].run(table, options);
    const after = (options.on as Message | undefined)?.['step'] ?? null;
    const by = table.rows.filter((r) => [r.name, r.meanwhile].includes(ran.message['step']) && r.after === after);
    for (const row of by) played.add(`${table.type} ${row.after ?? 'start'} → ${row.name}`);
    if (options.on !== undefined) said.push({ who, table, options, text: ran.text });
    return ran.message;
  });
  for (const { who, table, options, text } of said.reverse())
    repeats.push({ at: table.type, same: (await both[who].run(table, options)).text === text });
}

const fits = ({ what, at }: Ended, rows: readonly (readonly [RegExp, RegExp, unknown])[]) =>
  rows.find(([w, a]) => w.test(what) && a.test(at))?.[2];

beforeAll(async () => {
  let seed = 700;
  for (const name of Object.keys(scenes)) {
    const both = await pair((seed += 2));
    await attack(name, both);
    both.close();
  }
});

describe('altered messages', () => {
  it('every row that answers a message is played, and so attacked', () => {
    const rows = [htlcCooperate, htlcSwap].flatMap((t: Action<any, any, any>) =>
      t.rows.map((r) => [`${t.type} ${r.after ?? 'start'} → ${r.name}`, rowWords(r)]),
    );
    expect(rows.filter(([row]) => !played.has(row!))).toEqual([]);
    expect(ended.length).toBeGreaterThan(1_000);
  });
  it('each ends in the named error', () => {
    const wrong = ended
      .filter((e) => !(e.code === undefined && fits(e, ALLOWED)))
      .filter((e) => ![fits(e, REFUSED)].flat().includes(e.code))
      .filter((e) => !(fits(e, ALLOWED) && e.code !== undefined && e.code in ERRORS && e.code !== 'bug'))
      .map((e) => `${e.at} ${e.what}: ${e.code ?? 'not refused'}, expected ${[fits(e, REFUSED)].flat().join(' or ')}`);
    expect(wrong).toEqual([]);
  });
  it('none ends as a fault of the program, or as a slip of the user', () => {
    expect(ended.filter((e) => e.code && (!(e.code in ERRORS) || e.code === 'bug'))).toEqual([]);
    const exits = new Set(ended.filter((e) => e.code).map((e) => ERRORS[e.code as ErrorCode][0] as number));
    expect([...exits].sort()).toEqual([65, 66, 75, 76, 77]);
  });
  it('what its sender may say is taken', () => {
    for (const [what, at, why] of ALLOWED) {
      const hits = ended.filter((e) => what.test(e.what) && at.test(e.at));
      expect(hits.filter((e) => e.code === undefined).length, why).toBeGreaterThan(0);
    }
  });
  it('each message given once more after all later ones prints the same bytes', () => {
    expect(repeats.length).toBeGreaterThan(7);
    expect(repeats.filter((r) => !r.same)).toEqual([]);
  });
});
