/**
 * Every message of every statechain action, altered in every way that `alter.ts` knows, and sealed anew by its true sender:
 * refused with the error that `REFUSED` names, nothing changed, and the true message still works afterwards. What is not
 * refused is in `ALLOWED`, with the reason. A row that no scene plays fails the first test.
 */
import { readdirSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { rowWords, type Action } from '../../src/lib/protocol/action.ts';
import { canonicalJson } from '../../src/lib/protocol/json.ts';
import { ERRORS, type ErrorCode } from '../../src/lib/protocol/refusal.ts';
import { statecoinKind } from '../../src/lib/statechain/records.ts';
import { openStatechain } from '../../src/lib/statechain/open.ts';
import { transferStatechain } from '../../src/lib/statechain/transfer.ts';
import { withdrawStatechain } from '../../src/lib/statechain/withdraw.ts';
import { alterFields, alterPsbts, alterSeal, sealSecret } from '../credit/alter.ts';
import { outcome, withoutCommit } from '../support/attack.ts';
import { inOtherWords } from '../support/coin-world.ts';
import { fundingFor } from '../credit/scenes.ts';
import { ownCoin } from '../support/credit.ts';
import { TestParty, type Message, type RunOptions } from '../support/party.ts';
import { cast, opened, operatorKey, POLICY, transferMessages, type Cast, type Name } from '../support/statechain.ts';

type Play = (who: Name, table: Action<any, any, any>, options: RunOptions) => Promise<Message>;

const scenes: Record<string, (all: Cast, play: Play) => Promise<void>> = {
  'an opening by own coins': async ({ alice }, play) => {
    const utxo = [await ownCoin(alice, 2_000_000n)];
    const offered = await play('operator', openStatechain, { input: { as: 'operator', policy: POLICY } });
    const proposed = await play('alice', openStatechain, { on: offered, input: { utxo, amount: 1_000_000n } });
    const accepted = await play('operator', openStatechain, { on: proposed });
    await play('alice', openStatechain, { on: accepted });
  },
  'an opening by another wallet': async ({ alice }, play) => {
    const offered = await play('operator', openStatechain, { input: { as: 'operator', policy: POLICY } });
    const addressed = await play('alice', openStatechain, { on: offered, input: { amount: 1_000_000n } });
    const { terms, address } = addressed as { terms: { amount_sat: number }; address: string };
    const asked = { terms: { capacity_sat: terms.amount_sat }, address } as unknown as Message;
    const funding = fundingFor(asked, await ownCoin(alice, 1_006_000n));
    const proposed = await play('alice', openStatechain, { on: addressed, input: { funding } });
    const accepted = await play('operator', openStatechain, { on: proposed });
    await play('alice', openStatechain, { on: accepted });
  },
  'a transfer and its receipt': async (all, play) => {
    const id = await opened(all);
    const input = { as: 'receiver', operator: await operatorKey(all.operator) };
    const invited = await play('bob', transferStatechain, { input });
    const offered = await play('alice', transferStatechain, { on: invited, input: { contract: id } });
    const open = await play('operator', transferStatechain, { on: offered });
    const sent = await play('alice', transferStatechain, { on: open });
    const received = await play('bob', transferStatechain, { on: sent });
    const moved = await play('operator', transferStatechain, { on: received });
    await play('alice', transferStatechain, { on: moved });
    await play('bob', transferStatechain, { on: moved });
  },
  'a transfer that the receiver declines': async (all, play) => {
    const id = await opened(all);
    const said = await transferMessages(all.operator, all.alice, all.bob, id, 'received');
    const declined = (await all.bob.run(transferStatechain, { on: said[3], cancel: true })).message;
    const freed = await play('operator', transferStatechain, { on: declined });
    await play('alice', transferStatechain, { on: freed });
  },
  'a transfer that the sender cancels': async (all, play) => {
    const id = await opened(all);
    const said = await transferMessages(all.operator, all.alice, all.bob, id, 'opened');
    const cancelled = (await all.alice.run(transferStatechain, { on: said[2], cancel: true })).message;
    const freed = await play('operator', transferStatechain, { on: cancelled });
    await play('alice', transferStatechain, { on: freed });
  },
  'a receiver that lost its nonce': async (all, play) => {
    const id = await opened(all);
    const said = await transferMessages(all.operator, all.alice, all.bob, id, 'moved');
    await all.bob.run(transferStatechain, { on: said[3], cancel: true });
    const again = await play('bob', transferStatechain, { on: said[5] });
    const moved = await play('operator', transferStatechain, { on: again });
    await play('bob', transferStatechain, { on: moved });
  },
  'a withdrawal': async (all, play) => {
    const contract = await opened(all);
    const requested = await play('alice', withdrawStatechain, { input: { contract } });
    const signed = await play('operator', withdrawStatechain, { on: requested });
    await play('alice', withdrawStatechain, { on: signed });
  },
};

/**
 * What was altered (a pattern), where (a pattern of type/step), and the code that it ends with. The first that fits counts.
 * Where one step is read in two ways, `:` and the reader or what the scene is about follow it.
 */
const REFUSED: readonly (readonly [what: RegExp, at: RegExp, ErrorCode])[] = [
  // the seal and the envelope
  [/^seal (removed|null)/, /./, 'malformed-message'],
  [/^seal |^sealed by/, /./, 'bad-seal'],
  [/^type /, /./, 'unknown-type'],
  [/^version /, /./, 'unknown-version'],
  [/^step /, /./, 'unknown-step'],
  [/^network changed/, /./, 'wrong-network'],
  // forms, and fixed words; where null is a value as well, only the seal tells
  [/^(m2|record\.opening) null$/, /\/(received$|sent|opened)/, 'bad-seal'],
  [/^cancelled\.declined null$/, /freed:declined/, 'bad-seal'],
  [
    / (removed|null|of another form|negative|largest|with another field)$|^another field$|^receipt null/,
    /./,
    'malformed-message',
  ],
  [/(_blocks|min_conf|max_amount_sat) zero/, /./, 'malformed-message'],
  [
    /^(notice|receipt\.text|backups|record\.(cancelled|entries|signed|state)|\S+\.kind) changed/,
    /./,
    'malformed-message',
  ],
  // fields by which the record is found, then fields that only the seal guards
  [/^(coin\.operator_pubkey|offer\.pubkey) /, /open\/(proposed|accepted|addressed)/, 'unknown-contract'],
  [
    /^coin\.id /,
    /transfer\/(offered|opened|received|moved:alice|declined|freed|cancelled)|withdraw/,
    'unknown-contract',
  ],
  [/^invite\.pubkey /, /\/(sent|moved:bob|moved:lost)/, 'unknown-contract'],
  [/ changed$/, /./, 'bad-seal'],
  // what a counterparty says under its own seal: whose seal that is follows from what it names
  [/^(offer|coin)\.operator /, /open\/(offered|accepted)/, 'bad-seal'],
  [/^coin\.owner_auth /, /open\/proposed/, 'bad-seal'],
  [/^invite\.auth /, /\/(invited|received|declined)/, 'bad-seal'],
  [/^record\.entries\.0\.owner_auth /, /\/sent/, 'bad-seal'],
  // the coin
  [/^offer\.pubkey no point/, /./, 'key-rejected'],
  [/^coin\.owner_pubkey no point/, /\/(proposed|sent)/, 'key-rejected'],
  [/^coin\.operator_pubkey no point/, /\/sent/, 'key-rejected'],
  [/^coin\.outpoint\./, /\/proposed/, 'transaction-differs'],
  [/^coin\.outpoint\./, /\/sent/, 'bad-record'],
  [/^coin\./, /./, 'terms-differ'],
  // the invitation and the opening
  [/^operator /, /\/invited/, 'operator-differs'],
  [/^invite\.pubkey no point/, /\/offered/, 'key-rejected'],
  [/^(declined|invite\.pubkey|opening\.operator_pubkey) /, /\/declined/, 'signature-invalid'],
  [/^invite\./, /\/(sent|moved:bob|moved:lost)/, 'not-mine'],
  [/^opening\.operator_pubkey /, /\/sent/, 'transfer-signature'],
  [/^(invite|opening)\./, /\/(sent|received|cancelled)/, 'stale-record'],
  [/^opening\./, /\/opened/, 'stale-record'],
  [/^(invite|opening)\./, /./, 'state-moved-on'],
  [/^cancelled\./, /./, 'state-moved-on'],
  // what it shows
  [/^(x|m1|m2)[. ]/, /./, 'sealed-unreadable'],
  [/^expected_count /, /./, 'count-moved'],
  [/^transfer_signature /, /\/moved/, 'state-moved-on'],
  [/^transfer_signature /, /./, 'transfer-signature'],
  [/^backups\.0 /, /./, 'transaction-differs'],
  [/^offset /, /./, 'keyagg-mismatch'],
  [/^receipt\./, /./, 'bad-receipt'],
  [/^record\./, /./, 'bad-record'],
  // a withdrawal
  [/^owner_pubkey /, /\/requested/, 'terms-differ'],
  [/^(address|fee_sat) /, /\/requested/, 'transaction-differs'],
  [/^(owner_pubkey|address|fee_sat) /, /\/signed/, 'state-moved-on'],
  // PSBTs; m2 is sealed with the one beside it
  [/^backup: /, /\/received$/, 'sealed-unreadable'],
  [/: (not a PSBT|cut short)$/, /./, 'malformed-psbt'],
  [/: sighash /, /./, 'sighash-refused'],
  [/: (no nonce|nonce for the other parity of the aggregate)$/, /./, 'nonce-missing'],
  [/: (nonce at infinity|nonce no points)$/, /./, 'peer-nonce-invalid'],
  [/: (no partial|partial for the other parity of the aggregate)$/, /./, 'peer-partial-missing'],
  [/: (nonce|partial)/, /./, 'peer-partial-invalid'],
  [/: /, /./, 'transaction-differs'],
];
const ABOUT: Readonly<Record<string, string>> = {
  'a transfer that the receiver declines': ':declined',
  'a receiver that lost its nonce': ':again',
};

/** What its sender may say, and what the reader does not read. */
const ALLOWED: readonly (readonly [what: RegExp, at: RegExp, why: string])[] = [
  [
    /^offer\.(pubkey|policy\.\w+) (changed|zero), resealed$|^offer\.pubkey no point, resealed$/,
    /^statechain-open\/offered/,
    'an offer is the operator’s to make, and its bounds are judged (`open.test.ts`)',
  ],
  [
    /^(sealed by the victim itself|offer|id|terms|address|descriptor|locktime)/,
    /^statechain-open\/addressed/,
    'the owner’s own message: its record counts',
  ],
  [
    /^invite\.(pubkey|address|auth)|^operator/,
    /^statechain-transfer\/invited/,
    'an invitation is the receiver’s to make; a key that is no point is refused by the operator',
  ],
  [/^invite\.(pubkey|address|auth)/, /^statechain-transfer\/offered/, 'the sender may offer the coin to whom it likes'],
  [/: nonce another$/, /\/(proposed|requested|received:again)$/, 'the opener’s nonce is the opener’s choice'],
  [
    /^(transfer_signature|expected_count|invite\.auth)/,
    /\/received:again$/,
    'asked again after the move, only the keys count: nothing is signed but the same backup',
  ],
  [
    /^(m2|transfer_signature|opening\.(x|one_time)_pubkey)/,
    /\/received:again$/,
    'not read again: the coin has moved, or the home has what it checked',
  ],
  [
    /^transfer_signature/,
    /^statechain-transfer\/moved/,
    'it was for the operator, which has checked it: whoever reads it back has the receipt',
  ],
  [/^backup: /, /^statechain-transfer\/moved:lost/, 'the answer to a nonce that is gone is not read'],
  [/^(receipt|record|offset|psbt|backup)/, /^statechain-transfer\/moved:alice/, 'the sender reads the receipt alone'],
  [/^opening\./, /^statechain-transfer\/(moved:alice|declined|cancelled)/, 'its other points are not read any more'],
  [
    /^(invite\.(address|auth)|final)/,
    /^statechain-transfer\/(moved:alice|cancelled|declined)/,
    'not read: the opening is named by its keys',
  ],
  [
    /^(address|fee_sat)/,
    /^statechain-withdraw\/requested/,
    'the owner says where to and for how much: then the PSBT differs',
  ],
  [
    /^cancelled\./,
    /^statechain-transfer\/freed/,
    'the operator may say what it likes: what has no signature of the receiver declines nothing',
  ],
];

interface Ended {
  at: string;
  what: string;
  code: string | undefined;
  changed: boolean;
}
const ended: Ended[] = [];
const strangers: { at: string; code: string | undefined }[] = [];
const played = new Set<string>();
/** Steps that show a nonce: they are printed again only while it is open. */
const OPENERS = /^(proposed|received|requested)$/;
const twice: { at: string; code: string | undefined; shares: boolean }[] = [];
/** Are the operator's files the shares that its records claim? */
async function sharesAre(operator: TestParty): Promise<boolean> {
  const claims = (await operator.home.store.list('statecoin')).flatMap(({ record }) =>
    statecoinKind.claims(statecoinKind.parse(record)).filter((claim) => claim.startsWith('share:')),
  );
  const files = readdirSync(`${operator.dir}.shares`).filter((name) => name.endsWith('.share'));
  const names = files.map((name) => name.slice(-38, -6));
  return String(names.sort()) === String(claims.map((claim) => claim.slice(6)).sort());
}
const repeats: { at: string; same: boolean }[] = [];
type Altered = Pick<Ended, 'what' | 'at'>;
const fits = ({ what, at }: Altered) => ALLOWED.some(([w, a]) => w.test(what) && a.test(at));
const codeOf = ({ what, at }: Altered) => REFUSED.find(([w, a]) => w.test(what) && a.test(at))?.[2];

async function attack(name: string, all: Cast, stranger: TestParty): Promise<void> {
  const about = ABOUT[name] ?? '';
  const said: { who: Name; table: Action<any, any, any>; options: RunOptions; text: string; at: string }[] = [];
  await scenes[name]!(all, async (who, table, options) => {
    const victim = all[who];
    const on = options.on as Message | undefined;
    const reader = on?.['step'] !== 'moved' ? about : about && said.length === 0 ? ':lost' : `:${who}`;
    const at = on ? `${table.type}/${on['step']}${reader}` : table.type;
    if (on) {
      let secret: Uint8Array | undefined;
      for (const party of all.all) secret ??= await sealSecret(party, on).catch(() => undefined);
      const before = canonicalJson(await victim.state());
      const commits = await victim.home.store.commits();
      const own = (await victim.home.keys()).auth([1, 2, 3, 4]);
      const altered = [...alterSeal(on, own), ...alterFields(on, secret!), ...alterPsbts(on, secret!)];
      for (const { what, message } of altered) {
        const code = await outcome(withoutCommit(victim).run(table, { ...options, on: message }));
        ended.push({ at, what, code, changed: (await victim.home.store.commits()) !== commits });
      }
      expect(canonicalJson(await victim.state()), `${at}: the victim’s home`).toBe(before);
      strangers.push({
        at,
        code: await outcome(withoutCommit(stranger).run(table, { on, input: options.input ?? {} })),
      });
    }
    const ran = await victim.run(table, options);
    const row = table.rows.find((r) => r.name === ran.message['step'] && r.after === (on?.['step'] ?? null))!;
    played.add(`${table.type} ${row.after ?? 'start'} → ${rowWords(row)}`);
    if (on) said.push({ who, table, options, text: ran.text, at });
    return ran.message;
  });
  for (const { who, table, options, text, at } of said.reverse()) {
    const commits = await all[who].home.store.commits();
    const again = await all[who].run(table, options).catch((error: { code: string }) => ({ text: error.code }));
    const dead = /^{"?/.test(again.text) ? false : OPENERS.test(JSON.parse(text).step);
    repeats.push({ at, same: (dead || again.text === text) && commits === (await all[who].home.store.commits()) });
  }
  for (const { who, table, options, at } of said) {
    const other = await inOtherWords(all, options.on as Message);
    const code = await outcome(all[who].run(table, { ...options, on: other! }));
    twice.push({ at, code, shares: await sharesAre(all.operator) });
  }
}

beforeAll(async () => {
  const stranger = await TestParty.make(249);
  let seed = 120;
  for (const name of Object.keys(scenes)) {
    const all = await cast((seed += 4));
    await attack(name, all, stranger);
    all.close();
  }
  stranger.close();
});

describe('altered messages', () => {
  it('every row that answers a message is played, and so attacked', () => {
    const rows = [openStatechain, transferStatechain, withdrawStatechain].flatMap((t: Action<any, any, any>) =>
      t.rows.filter((r) => r.after !== null).map((r) => `${t.type} ${r.after} → ${rowWords(r)}`),
    );
    const names = [...played].map((p) => p.replace(/ \(.*$/, ''));
    expect(rows.filter((row) => !names.includes(row.replace(/ \(.*$/, '')))).toEqual([]);
    expect(ended.length).toBeGreaterThan(1_500);
  });

  it('each is refused with its code, and changes nothing', () => {
    const isWrong = (e: Ended) => e.changed || (e.code === undefined ? !fits(e) : e.code !== codeOf(e));
    const wrong = ended.filter(isWrong).map((e) => `${e.at} ${e.what}: ${e.code}, not ${codeOf(e)}`);
    expect(wrong).toEqual([]);
  });

  it('none ends as a fault of the program', () => {
    expect(ended.filter((e) => e.code && (!(e.code in ERRORS) || e.code === 'bug'))).toEqual([]);
  });

  it('the exit code is 65, 66, 75, 76 or 77: an attack never looks like success or like a slip of the user', () => {
    const exits = new Set(ended.filter((e) => e.code).map((e) => ERRORS[e.code as ErrorCode][0] as number));
    expect([...exits].filter((exit) => ![65, 66, 75, 76, 77].includes(exit))).toEqual([]);
  });

  it('each code of the table is needed', () => {
    const by = new Set(
      ended.filter(({ code }) => code).map((e) => REFUSED.find(([w, a]) => w.test(e.what) && a.test(e.at))),
    );
    expect(REFUSED.filter((row) => !by.has(row)).map(String)).toEqual([]);
  });

  it('what its sender may say is said with reason', () => {
    for (const [what, at, why] of ALLOWED)
      expect(ended.filter((e) => what.test(e.what) && at.test(e.at)).length, why).toBeGreaterThan(0);
  });
});

describe('true messages in the wrong hands, or again', () => {
  it('a stranger is no party', () => {
    const open = strangers.filter((s) => s.code !== 'unknown-contract');
    expect(open.map(({ at }) => at)).toEqual(['statechain-open/offered', 'statechain-open/offered']);
  });
  it('each message given once more after all later ones prints the same bytes and commits nothing', () => {
    expect(repeats.length).toBeGreaterThan(15);
    expect(repeats.filter((r) => !r.same)).toEqual([]);
  });
  it('each in other bytes of the same meaning destroys no share, and ends as no fault of the program', () => {
    expect(twice.length).toBe(repeats.length);
    expect(
      twice.filter(({ shares, code }) => !shares || (code !== undefined && (!(code in ERRORS) || code === 'bug'))),
    ).toEqual([]);
  });
});
