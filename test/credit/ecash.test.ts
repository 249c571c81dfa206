/** Payments that become ecash: issued once, in the commit that counts them, and found again after any loss. */
import { total, upTo } from '../../src/lib/credit/spans.ts';
import { describe, expect, it } from 'vitest';
import { deriveKeysetId, getDecodedToken, getTokenMetadata, hasValidDleq } from '@cashu/cashu-ts';
import { activateKeyset, addKeyset, keysetsOf, retireKeyset, trustKeysets } from '../../src/commands/ecash/keysets.ts';
import { ecashRestore } from '../../src/lib/ecash/restore.ts';
import { floatOf } from '../../src/lib/ecash/status.ts';
import { viewOf } from '../../src/lib/credit/terms.ts';
import { signUpdate } from '../../src/lib/ecash/credit.ts';
import { keysetClaim, keysetKind, newWallet, type Keyset, type KeysetRecord } from '../../src/lib/ecash/keyset.ts';
import { change } from '../../src/lib/home/change.ts';
import { loadCashu } from '../../src/lib/ecash/library.ts';
import { signBlindly } from '../../src/lib/ecash/promise.ts';
import { ecashMessages, lostMessages, opened, openedMint, payMessages, type Pair } from '../support/credit.ts';
import type { Message, RunOptions } from '../support/party.ts';
import { backUp, parties, payerOf, refused, restore, says, sealedAs } from './helpers.ts';

const keysetOf = async (both: Pair): Promise<Keyset> => (await keysetsOf(both.payee.home))[0]!.keyset;
const step = async (both: Pair, who: 'payer' | 'payee', on: Message, more: RunOptions = {}): Promise<Message> =>
  (await both[who].run(signUpdate, { on, ...more })).message;
/** The messages up to `signed`. */
async function signedFor(both: Pair, contract: string, amount: bigint): Promise<Message> {
  const asked = await both.payer.run(signUpdate, { input: { contract, amount } });
  return step(both, 'payer', await step(both, 'payee', asked.message), { input: { ecash: true } });
}
const sumOf = (token: string): bigint => getTokenMetadata(token).amount.toBigInt();

describe('a payment with --ecash', () => {
  it('comes back as a token of exactly its amount, whose DLEQ proofs verify under an id of version 2', async () => {
    const both = await parties();
    const id = await openedMint(both);
    const messages = await ecashMessages(both, id, 2_101n);
    const keyset = await keysetOf(both);
    const { proofs, mint, unit } = getDecodedToken(messages[4]!['token'], [keyset.id]);
    expect(proofs.reduce((sum, { amount }) => sum + amount.toBigInt(), 0n)).toBe(2_101n);
    expect([mint, unit]).toEqual([`spillway:${messages[0]!['contract'].payee_pubkey}`, 'sat']);
    expect(proofs.every((p) => p.id === keyset.id && hasValidDleq(p, keyset, { require: true }))).toBe(true);
    expect(deriveKeysetId(keyset.keys, { unit: 'sat', versionByte: 1 })).toBe(keyset.id);
    expect(await both.payee.ledger(id)).toMatchObject({ paidSat: 2_101n, issuedSat: 2_101n });
    expect(await payerOf(both, id)).toMatchObject({ signedMaxSat: 2_101n });
    expect(await both.payer.ledger(id)).toMatchObject({ arrived: upTo(2_101n), awaited: [] });
  });

  it('repeated at any step gives the same bytes, the token too, or says that it was paid, and commits nothing', async () => {
    const both = await parties();
    const [asked, requested, signed, accepted, received] = await ecashMessages(both, await openedMint(both), 700n);
    const before = [await both.payee.home.store.commits(), await both.payer.home.store.commits()];
    await refused(() => step(both, 'payee', asked!), 'request-paid', both.payee);
    expect(await step(both, 'payer', requested!, { input: { ecash: true } })).toEqual(signed);
    expect(await step(both, 'payee', signed!)).toEqual(accepted);
    expect(await step(both, 'payer', accepted!)).toEqual(received);
    expect([await both.payee.home.store.commits(), await both.payer.home.store.commits()]).toEqual(before);
  });

  it('keeps no token in the payer’s store', async () => {
    const both = await parties();
    const [, , , , received] = await ecashMessages(both, await openedMint(both), 700n);
    const rows = JSON.stringify(await both.payer.home.store.list(), (_, v) => (typeof v === 'bigint' ? `${v}` : v));
    const { incompleteProofs } = getTokenMetadata(received!['token']);
    expect(incompleteProofs).not.toHaveLength(0);
    for (const { secret } of incompleteProofs) expect(rows).not.toContain(secret);
  });

  it('a payment without it leaves what it paid unissued', async () => {
    const both = await parties();
    const id = await openedMint(both);
    await payMessages(both, id, 1_000n);
    expect(await both.payee.ledger(id)).toMatchObject({ paidSat: 1_000n, issuedSat: 0n });
    await ecashMessages(both, id, 500n);
    expect(await both.payee.ledger(id)).toMatchObject({ paidSat: 1_500n, issuedSat: 500n });
  });

  it('is not given up by a server of the payer that takes the request first: whether it becomes ecash a person says', async () => {
    const both = await parties();
    const id = await openedMint(both);
    const asked = await both.payer.run(signUpdate, { input: { contract: id, amount: 700n } });
    const requested = await step(both, 'payee', asked.message);
    await refused(() => step(both, 'payer', requested, { served: {} }), 'not-served', both.payer);
    const bare = await sealedAs(both.payee, requested, { ecash: null });
    await refused(() => step(both, 'payer', bare, { served: {} }), 'not-served', both.payer);
    const signed = await step(both, 'payer', requested, { input: { ecash: true } });
    const accepted = await step(both, 'payee', signed);
    expect(sumOf((await step(both, 'payer', accepted))['token'])).toBe(700n);
  });

  it('where nobody issues ecash, or the mint has no keyset: no-ecash, no-keyset, and nothing is signed', async () => {
    const both = await parties();
    const ask = async (contract: string) => {
      const asked = await both.payer.run(signUpdate, { input: { contract, amount: 1_000n } });
      return step(both, 'payee', asked.message);
    };
    const plain = await ask(await opened(both));
    await refused(() => step(both, 'payer', plain, { input: { ecash: true } }), 'no-ecash', both.payer);
    const bare = await ask(await opened(both, { offer: { ecash: 'home' } }));
    await refused(() => step(both, 'payer', bare, { input: { ecash: true } }), 'no-keyset', both.payer);
  });

  it('a second payment waits for the first one’s ecash, or for --max-inflight', async () => {
    const both = await parties();
    const id = await openedMint(both);
    const [, , , accepted] = await lostMessages(both, id, 600n);
    const asked = await both.payer.run(signUpdate, { input: { contract: id, amount: 500n } });
    const requested = await step(both, 'payee', asked.message);
    const error = await refused(
      () => step(both, 'payer', requested, { input: { ecash: true } }),
      'ecash-awaited',
      both.payer,
    );
    expect(error.hint).toContain('--max-inflight');
    const most = (maxInflight: bigint) => ({ input: { ecash: true as const, maxInflight } });
    await refused(() => step(both, 'payer', requested, most(1_099n)), 'ecash-awaited', both.payer);
    const signed = await step(both, 'payer', requested, most(1_100n));
    const second = await step(both, 'payee', signed);
    expect(sumOf((await step(both, 'payer', second))['token'])).toBe(500n);
    expect(sumOf((await step(both, 'payer', accepted!))['token'])).toBe(600n);
    expect(total((await both.payer.ledger(id)).arrived)).toBe(1_100n);
  });

  it('a payment asked for again under a new keyset gets outputs of that keyset, which no later payment has', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const contract = await openedMint(both);
    const request = (amount: bigint) => payee.run(signUpdate, { input: { contract, amount } });
    const sign = async (amount: bigint) =>
      payer.run(signUpdate, { on: (await request(amount)).message, amount, input: { ecash: true } });
    const lost = (await sign(1_000n)).message;
    const { keyset } = await addKeyset(payee.home, undefined);
    const again = (await sign(1_000n)).message;
    expect(lost['ecash'].keyset_id).not.toBe(keyset.id);
    expect(again['ecash'].keyset_id).toBe(keyset.id);
    expect(again['ecash'].outputs.every(({ id }: { id: string }) => id === keyset.id)).toBe(true);
    const accepted = await payee.run(signUpdate, { on: again });
    const { token } = (await payer.run(signUpdate, { on: accepted.message })).message;
    expect([sumOf(token), getDecodedToken(token, [keyset.id]).proofs.every(({ id }) => id === keyset.id)]).toEqual([
      1_000n,
      true,
    ]);
    const points = (m: Message): string[] => m['ecash'].outputs.map(({ B_ }: { B_: string }) => B_);
    const later = points((await sign(1_001n)).message);
    expect(later.filter((point) => [...points(lost), ...points(again)].includes(point))).toEqual([]);
  });
  it('a retired keyset signs what it was offered for; a new one is offered next', async () => {
    const both = await parties();
    const id = await openedMint(both);
    const old = await keysetOf(both);
    const signed = await signedFor(both, id, 600n);
    const next = await addKeyset(both.payee.home, undefined);
    expect(next.keyset.id).not.toBe(old.id);
    const accepted = await step(both, 'payee', signed);
    expect(accepted['ecash'].keyset_id).toBe(old.id);
    await step(both, 'payer', accepted);
    const later = await signedFor(both, id, 400n);
    expect(later['ecash'].keyset_id).toBe(next.keyset.id);
    await retireKeyset(both.payee.home, next.keyset.id);
    await step(both, 'payee', later);
    const asked = await both.payer.run(signUpdate, { input: { contract: id, amount: 100n } });
    expect((await step(both, 'payee', asked.message))['ecash']).toBe(null);
  });
});

describe('what the mint refuses, with nothing issued and nothing paid', () => {
  const attack = async (change: (ecash: any, both: Pair) => object | Promise<object>) => {
    const both = await parties();
    const id = await openedMint(both);
    const signed = await signedFor(both, id, 2_101n);
    const message = await sealedAs(both.payer, signed, { ecash: await change(structuredClone(signed['ecash']), both) });
    return { both, id, run: () => step(both, 'payee', message) };
  };
  const first = (ecash: any, to: object) => ({
    ...ecash,
    outputs: [{ ...ecash.outputs[0], ...to }, ...ecash.outputs.slice(1)],
  });

  it.each([
    ['over-issue', 'outputs-differ', (e: any) => first(e, { amount_sat: 2 })],
    ['less than was paid', 'outputs-differ', (e: any) => ({ ...e, outputs: e.outputs.slice(1) })],
    ['an amount without a key', 'outputs-differ', (e: any) => first(e, { amount_sat: 3 })],
    [
      'the same output twice',
      'outputs-repeated',
      (e: any) => ({
        ...e,
        outputs: [{ ...e.outputs[0], amount_sat: 1 }, { ...e.outputs[0], amount_sat: 4 }, ...e.outputs.slice(2)],
      }),
    ],
    ['another keyset', 'keyset-unknown', (e: any) => ({ ...e, keyset_id: `01${'ab'.repeat(32)}` })],
    ['an output of another keyset', 'keyset-unknown', (e: any) => first(e, { id: `01${'ab'.repeat(32)}` })],
    ['an output that is no point', 'outputs-differ', (e: any) => first(e, { B_: `02${'ff'.repeat(32)}` })],
    [
      'outputs of a relay',
      'outputs-unsigned',
      (e: any) => first(e, { B_: `02${'79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798'}` }),
    ],
    ['no signature of the ecash key', 'outputs-unsigned', (e: any) => ({ ...e, signature: '00'.repeat(64) })],
  ] as const)('%s: %s', async (_, code, change) => {
    const { both, run } = await attack(change);
    await refused(run, code, both.payee);
  });

  it('outputs of another keyset of the mint than it offered, whose signature holds: keyset-unknown', async () => {
    const both = await parties();
    const id = await openedMint(both);
    const signed = await signedFor(both, id, 700n);
    const next = (await addKeyset(both.payee.home, undefined)).keyset;
    const outputs = signed['ecash'].outputs.map((o: object) => ({ ...o, id: next.id }));
    const lie = await sealedAs(both.payer, signed, { ecash: { ...signed['ecash'], keyset_id: next.id, outputs } });
    const { message } = await refused(() => step(both, 'payee', lie), 'keyset-unknown', both.payee);
    expect(message).toContain('was offered');
    // And one output alone that is of another than its own list says.
    const mixed = [outputs[0], ...signed['ecash'].outputs.slice(1)];
    const half = await sealedAs(both.payer, signed, { ecash: { ...signed['ecash'], outputs: mixed } });
    await refused(() => step(both, 'payee', half), 'keyset-unknown', both.payee);
    await step(both, 'payee', signed);
  });

  it('a signature for another payment of the same contract: outputs-unsigned', async () => {
    const both = await parties();
    const id = await openedMint(both);
    const one = await signedFor(both, id, 500n);
    await step(both, 'payer', await step(both, 'payee', one));
    const two = await signedFor(both, id, 500n);
    const swapped = await sealedAs(both.payer, two, { ecash: { ...two['ecash'], signature: one['ecash'].signature } });
    await refused(() => step(both, 'payee', swapped), 'outputs-unsigned', both.payee);
  });

  it('an output that was signed under another request, of whatever contract: outputs-repeated', async () => {
    const both = await parties();
    const id = await openedMint(both);
    const backup = backUp(both.payer);
    await ecashMessages(both, id, 512n);
    // The wallet comes back from before, and its owner takes the mark off: the same secrets for another payment.
    await restore(both.payer, backup);
    await both.payer.home.acceptRestore();
    const keyset = await keysetOf(both);
    await change(
      both.payer.home.store,
      { keyset: keysetKind },
      () => ({ keyset: keysetClaim('wallet', keyset.id) }),
      () => ({ writes: { keyset: newWallet(keyset, false) }, result: undefined }),
    );
    const signed = await signedFor(both, id, 512n);
    const error = await refused(() => step(both, 'payee', signed), 'outputs-repeated', both.payee);
    expect(error.hint).toContain('ecash-restore');
  });

  it('a keyset that the payee made for one payer alone: keyset-differs', async () => {
    const both = await parties();
    const asked = await both.payer.run(signUpdate, { input: { contract: await openedMint(both), amount: 500n } });
    const requested = await step(both, 'payee', asked.message);
    const { keyset } = requested['ecash'];
    const keys = { ...keyset.keys, 1: keyset.keys[2] };
    const tagged = await sealedAs(both.payee, requested, { ecash: { keyset: { ...keyset, keys } } });
    await refused(() => step(both, 'payer', tagged, { input: { ecash: true } }), 'keyset-differs', both.payer);
  });

  it('a keyset with an amount that is no power of two, under its own id: keyset-differs', async () => {
    const both = await parties();
    const asked = await both.payer.run(signUpdate, { input: { contract: await openedMint(both), amount: 500n } });
    const requested = await step(both, 'payee', asked.message);
    const keys: Record<string, string> = { ...requested['ecash'].keyset.keys };
    keys['3'] = keys['2']!;
    const id = deriveKeysetId(keys, { unit: 'sat', versionByte: 1 });
    const odd = await sealedAs(both.payee, requested, { ecash: { keyset: { id, unit: 'sat', keys } } });
    const error = await refused(
      () => step(both, 'payer', odd, { input: { ecash: true } }),
      'keyset-differs',
      both.payer,
    );
    expect(error.message).toContain('a key for 3 sat');
  });

  it('outputs of a keyset of the home that was not offered for this payment: keyset-unknown', async () => {
    const both = await parties();
    const id = await openedMint(both);
    const old = await signedFor(both, id, 512n);
    await both.payee.run(signUpdate, { input: { contract: id }, cancel: true });
    await addKeyset(both.payee.home, undefined);
    const asked = await both.payer.run(signUpdate, { input: { contract: id, amount: 512n } });
    const signed = await step(both, 'payer', await step(both, 'payee', asked.message));
    const mixed = await sealedAs(both.payer, signed, { ecash: old['ecash'] });
    await refused(() => step(both, 'payee', mixed), 'keyset-unknown', both.payee);
  });

  it('outputs for a payment over a contract that nobody issues ecash for: keyset-unknown', async () => {
    const both = await parties();
    const issuing = await signedFor(both, await openedMint(both), 512n);
    const plain = await opened(both);
    const requested = await both.payee.run(signUpdate, { input: { contract: plain, amount: 512n } });
    const signed = await step(both, 'payer', requested.message, { amount: 512n });
    const mixed = await sealedAs(both.payer, signed, { ecash: issuing['ecash'] });
    await refused(() => step(both, 'payee', mixed), 'keyset-unknown', both.payee);
  });

  it('a payment whose ecash has come, told again with another amount or as another payment: promises-differ', async () => {
    const both = await parties();
    const id = await openedMint(both);
    const [, , , first] = await ecashMessages(both, id, 512n);
    const [, , , told] = await ecashMessages(both, id, 512n);
    await addKeyset(both.payee.home, undefined);
    const [, , , next] = await ecashMessages(both, id, 512n);
    for (const change of [
      { amount_sat: 513, previous_paid_sat: 511 },
      { amount_sat: 511, previous_paid_sat: 513 },
    ]) {
      const lie = await sealedAs(both.payee, told!, change);
      await refused(() => step(both, 'payer', lie), 'promises-differ', both.payer);
    }
    // Both are the first of their keyset: the secrets of the one are those of the other but for its id.
    const lie = await sealedAs(both.payee, first!, { ecash: next!['ecash'] });
    await refused(() => step(both, 'payer', lie), 'promises-differ', both.payer);
  });

  it('blind signatures for a payment that wanted none: promises-differ', async () => {
    const both = await parties();
    const id = await openedMint(both);
    const [, , , accepted] = await ecashMessages(both, id, 512n);
    const [, , plain] = await payMessages(both, id, 512n);
    const mixed = await sealedAs(both.payee, plain!, { ecash: accepted!['ecash'] });
    await refused(() => step(both, 'payer', mixed), 'promises-differ', both.payer);
  });

  it('a true signature for less, or by another keyset, that says so: promises-differ, and the ecash stays awaited', async () => {
    const both = await parties();
    const id = await openedMint(both);
    const [, , signed, accepted] = await lostMessages(both, id, 512n);
    const { path } = (await keysetsOf(both.payee.home))[0]! as Extract<KeysetRecord, { role: 'mint' }>;
    const other = await addKeyset(both.payee.home, undefined);
    const keys = await both.payee.home.keys();
    const [output] = signed!['ecash'].outputs;
    for (const [where, change] of [
      [path, { amount_sat: 256n }],
      [other.path, { id: other.keyset.id }],
    ] as const) {
      const [promise] = signBlindly(keys, where!, [{ ...output, amount_sat: 512n, ...change }]);
      const said = { ...accepted!['ecash'], promises: [{ ...promise!, amount_sat: Number(promise!.amount_sat) }] };
      const lie = await sealedAs(both.payee, accepted!, { ecash: said });
      await refused(() => step(both, 'payer', lie), 'promises-differ', both.payer);
    }
    expect((await both.payer.ledger(id)).awaited).toHaveLength(1);
    expect(sumOf((await step(both, 'payer', accepted!))['token'])).toBe(512n);
  });

  it('a forged DLEQ: dleq-invalid, and the ecash stays awaited', async () => {
    const both = await parties();
    const id = await openedMint(both);
    const accepted = (await lostMessages(both, id, 512n))[3]!;
    const [promise] = accepted['ecash'].promises;
    const forged = { ...promise, dleq: { ...promise.dleq, s: '11'.repeat(32) } };
    const message = await sealedAs(both.payee, accepted, { ecash: { ...accepted['ecash'], promises: [forged] } });
    await refused(() => step(both, 'payer', message), 'dleq-invalid', both.payer);
    expect((await both.payer.ledger(id)).awaited).toHaveLength(1);
  });
});

describe('--signer', () => {
  const setUp = async () => {
    const [both, other] = [await parties(), await parties()];
    const { keyset, path } = await addKeyset(other.payee.home, undefined);
    await addKeyset(both.payee.home, JSON.parse(JSON.stringify(keyset)));
    const id = await opened(both, { offer: { ecash: 'signer' } });
    await loadCashu();
    const keys = await other.payee.home.keys();
    const sign = (body: any) => ({
      signatures: signBlindly(keys, path!, body.outputs).map((s) => ({ ...s, amount_sat: Number(s.amount_sat) })),
    });
    return { both, id, sign };
  };

  it('signs after every check and before the commit', async () => {
    const { both, id, sign } = await setUp();
    const signed = await signedFor(both, id, 700n);
    const asked: any[] = [];
    const accepted = await step(both, 'payee', signed, { outside: (body) => (asked.push(body), sign(body)) });
    expect(asked).toHaveLength(1);
    expect(sumOf((await step(both, 'payer', accepted))['token'])).toBe(700n);
    expect((await both.payee.ledger(id)).issuedSat).toBe(700n);
    // A repetition does not ask again.
    expect(await step(both, 'payee', signed)).toEqual(accepted);
  });

  it('is not asked for what is refused', async () => {
    const { both, id, sign } = await setUp();
    const signed = await signedFor(both, id, 700n);
    const bad = await sealedAs(both.payer, signed, { ecash: { ...signed['ecash'], signature: '00'.repeat(64) } });
    let asked = 0;
    await refused(
      () => step(both, 'payee', bad, { outside: (body) => ((asked += 1), sign(body)) }),
      'outputs-unsigned',
      both.payee,
    );
    expect(asked).toBe(0);
  });

  it('that signs something else, or with another key, changes nothing: promises-differ, dleq-invalid', async () => {
    const { both, id, sign } = await setUp();
    const signed = await signedFor(both, id, 700n);
    const answers = (change: (all: any[]) => any[]) => ({
      outside: (body: object) => ({ signatures: change(sign(body).signatures) }),
    });
    await refused(
      () =>
        step(
          both,
          'payee',
          signed,
          answers((all) => all.slice(1)),
        ),
      'promises-differ',
      both.payee,
    );
    await refused(
      () =>
        step(
          both,
          'payee',
          signed,
          answers((all) => [...all].reverse()),
        ),
      'promises-differ',
      both.payee,
    );
    const elsewhere = (all: any[]) => all.map((s, i) => (i === 0 ? { ...s, id: `01${'ab'.repeat(32)}` } : s));
    for (const change of [elsewhere, (all: any[]) => all.slice(0, -1), (all: any[]) => [...all, all.at(-1)]])
      await refused(() => step(both, 'payee', signed, answers(change)), 'promises-differ', both.payee);
    await refused(
      () =>
        step(
          both,
          'payee',
          signed,
          answers((all) => all.map((s) => ({ ...s, C_: all[0].C_ }))),
        ),
      'dleq-invalid',
      both.payee,
    );
    await refused(() => step(both, 'payee', signed), 'usage', both.payee);
  });
});

describe('ecash-restore', () => {
  const search = async (both: Pair, contract: string, from?: number) => {
    const { id: keyset } = await keysetOf(both);
    const asked = await both.payer.run(ecashRestore, { input: { contract, keyset, from } });
    const answered = await both.payee.run(ecashRestore, { on: asked.message });
    return both.payer.run(ecashRestore, { on: answered.message });
  };

  it('finds over any contract with the mint what came of another, which the mint may have dropped', async () => {
    const both = await parties();
    const backup = backUp(both.payer);
    await ecashMessages(both, await openedMint(both), 400n);
    await restore(both.payer, backup);
    await both.payer.home.acceptRestore();
    const { message } = await search(both, await openedMint(both));
    expect(sumOf(message['token'])).toBe(400n);
  });

  it('gives a restored wallet what it had lost, and lets it pay again with new secrets', async () => {
    const both = await parties();
    const id = await openedMint(both);
    await ecashMessages(both, id, 400n);
    const backup = backUp(both.payer);
    await ecashMessages(both, id, 511n);
    await lostMessages(both, id, 64n);
    await restore(both.payer, backup);
    await both.payer.home.acceptRestore();
    const asked = await both.payer.run(signUpdate, { input: { contract: id, amount: 100n } });
    const requested = await step(both, 'payee', asked.message);
    await refused(() => step(both, 'payer', requested, { input: { ecash: true } }), 'ecash-restore-first', both.payer);
    const found = await search(both, id);
    expect(found.message).toMatchObject({ search: 'complete', token_sat: 575, step: 'restored' });
    expect(sumOf(found.message['token'])).toBe(575n);
    expect((await payerOf(both, id)).signedMaxSat).toBe(975n);
    const [, , , , received] = await ecashMessages(both, id, 1_023n);
    expect(sumOf(received!['token'])).toBe(1_023n);
  });

  it('reads the answer to its last search only: an older one knows nothing of what was used since', async () => {
    const both = await parties();
    const id = await openedMint(both);
    await ecashMessages(both, id, 400n);
    const backup = await both.payer.backUp();
    const { id: keyset } = await keysetOf(both);
    const ask = () => both.payer.run(ecashRestore, { input: { contract: id, keyset } });
    const answer = async (asked: Message) => (await both.payee.run(ecashRestore, { on: asked })).message;
    await both.payer.lose(backup);
    await both.payer.home.acceptRestore();
    const older = await answer((await ask()).message);
    const newer = await answer((await ask()).message);
    await refused(() => both.payer.run(ecashRestore, { on: older }), 'state-moved-on', both.payer);
    const done = await both.payer.run(ecashRestore, { on: newer });
    expect(done.message).toMatchObject({ search: 'complete', token: null });
    expect((await both.payer.run(ecashRestore, { on: newer })).text).toBe(done.text);
    await ecashMessages(both, id, 511n);
    // Lost again: what the same answer did not find is in use by now.
    await both.payer.lose(backup);
    await both.payer.home.acceptRestore();
    const error = await refused(() => both.payer.run(ecashRestore, { on: newer }), 'state-moved-on', both.payer);
    expect(error.hint).toContain(`ecash-restore --contract ${id.slice(0, 8)} --keyset ${keyset}`);
    expect((await search(both, id)).message).toMatchObject({ search: 'complete', token_sat: 511 });
  });

  it('finds what never arrived, and frees the next payment', async () => {
    const both = await parties();
    const id = await openedMint(both);
    await lostMessages(both, id, 777n);
    const found = await search(both, id);
    expect(sumOf(found.message['token'])).toBe(777n);
    expect(await both.payer.ledger(id)).toMatchObject({ awaited: [], arrived: upTo(777n) });
    const again = await search(both, id);
    expect(again.message).toMatchObject({ token: null, token_sat: 0 });
    // The coins are still to be had, by a search from the start.
    expect(sumOf((await search(both, id, 0)).message['token'])).toBe(777n);
  });

  it('says that there may be more where the last counters of the search are in use', async () => {
    const both = await parties();
    const id = await openedMint(both);
    await ecashMessages(both, id, 400n);
    const backup = backUp(both.payer);
    for (let i = 0; i < 6; i++) await ecashMessages(both, id, 1_023n);
    await restore(both.payer, backup);
    await both.payer.home.acceptRestore();
    const found = await search(both, id);
    expect([found.message['search'], found.message['token_sat'], found.exit]).toEqual(['more', 6 * 1_023, 3]);
    const rest = await search(both, id);
    expect([rest.message['search'], rest.message['token'], rest.exit]).toEqual(['complete', null, 0]);
    await ecashMessages(both, id, 100n);
  });

  it('a payee that waits for its journal says nothing of what it may have signed: home-restored', async () => {
    const both = await parties();
    const id = await openedMint(both);
    await ecashMessages(both, id, 700n);
    const keyset = (await keysetOf(both)).id;
    const [mine, theirs] = [await both.payer.backUp(), await both.payee.backUp()];
    await ecashMessages(both, id, 300n);
    await both.payer.lose(mine);
    await both.payer.home.acceptRestore();
    const asked = await both.payer.run(ecashRestore, { input: { contract: id, keyset } });
    await both.payee.lose(theirs);
    await refused(() => both.payee.run(ecashRestore, { on: asked.message }), 'home-restored', both.payee);
    await both.payee.home.reconcile(both.payee.journal());
    const answered = await both.payee.run(ecashRestore, { on: asked.message });
    const { message } = await both.payer.run(ecashRestore, { on: answered.message });
    expect(message).toMatchObject({ token_sat: 300, search: 'complete' });
  });

  it('asked too early and asked again is another question, with another answer', async () => {
    const both = await parties();
    const id = await openedMint(both);
    await ecashMessages(both, id, 400n);
    const early = await search(both, id);
    expect(early.message).toMatchObject({ search: 'complete', token: null });
    const signed = await signedFor(both, id, 777n);
    expect((await search(both, id)).message).toMatchObject({ token: null });
    expect((await both.payer.ledger(id)).awaited).toHaveLength(1);
    await step(both, 'payee', signed);
    expect(sumOf((await search(both, id)).message['token'])).toBe(777n);
  });

  describe('the mark of a restored wallet', () => {
    const lost = async () => {
      const both = await parties();
      const id = await openedMint(both);
      await ecashMessages(both, id, 400n);
      const backup = backUp(both.payer);
      await ecashMessages(both, id, 511n);
      await restore(both.payer, backup);
      await both.payer.home.acceptRestore();
      return { both, id, keyset: (await keysetOf(both)).id };
    };
    const marked = async (both: Pair): Promise<unknown> => (await keysetsOf(both.payer.home))[0];

    it('is not taken off by a payee that issues nothing itself: no-ecash', async () => {
      const { both, keyset } = await lost();
      const contract = await opened(both);
      const ask = () => both.payer.run(ecashRestore, { input: { contract, keyset } });
      await refused(ask, 'no-ecash', both.payer);
      expect(await marked(both)).toMatchObject({ restored: true });
    });

    it('nor by what is asked or answered under the seals of a contract without an issuer: no-ecash', async () => {
      const { both, id, keyset } = await lost();
      const plain = await opened(both);
      const asked = (await both.payer.run(ecashRestore, { input: { contract: id, keyset } })).message;
      const answered = (await both.payee.run(ecashRestore, { on: asked })).message;
      const contract = viewOf(await payerOf(both, plain));
      const { auth: _, checks: __, ...question } = asked;
      const on = await says(both.payer, plain, { ...question, contract });
      await refused(() => both.payee.run(ecashRestore, { on }), 'no-ecash', both.payee);
      const { auth: ___, checks: ____, ...answer } = answered;
      const lie = await says(both.payee, plain, { ...answer, contract, paid_sat: 0, receipt: null });
      await refused(() => both.payer.run(ecashRestore, { on: lie }), 'no-ecash', both.payer);
      expect(await marked(both)).toMatchObject({ restored: true });
    });

    it.each(['', '01', `01${'AB'.repeat(32)}`, `02${'ab'.repeat(32)}`])(
      'what is no id of a keyset (%j) is not looked for',
      async (keyset) => {
        const both = await parties();
        const contract = await openedMint(both);
        await refused(() => both.payer.run(ecashRestore, { input: { contract, keyset } }), 'no-keyset', both.payer);
      },
    );

    it('is not taken off by a payee that does not have the keyset: keyset-unknown', async () => {
      const [{ both, id }, other] = [await lost(), await parties()];
      const foreign = (await addKeyset(other.payee.home, undefined)).keyset.id;
      const asked = await both.payer.run(ecashRestore, { input: { contract: id, keyset: foreign } });
      await refused(() => both.payee.run(ecashRestore, { on: asked.message }), 'keyset-unknown', both.payee);
      const keyset = await keysetOf(both);
      const honest = await both.payer.run(ecashRestore, { input: { contract: id, keyset: keyset.id } });
      const answered = await both.payee.run(ecashRestore, { on: honest.message });
      const [mine, theirs] = [keyset, (await keysetsOf(other.payee.home))[0]!.keyset];
      const mixed = await sealedAs(both.payee, answered.message, { keyset: { ...theirs, id: mine.id } });
      await refused(() => both.payer.run(ecashRestore, { on: mixed }), 'keyset-differs', both.payer);
    });

    it('stays where the search began beyond the counter, and where the payee leaves outputs out', async () => {
      const { both, id, keyset } = await lost();
      const beyond = await search(both, id, 60);
      expect([beyond.message['search'], beyond.exit]).toEqual(['more', 3]);
      expect(await marked(both)).toMatchObject({ restored: true });
      const asked = await both.payer.run(ecashRestore, { input: { contract: id, keyset } });
      const answered = await both.payee.run(ecashRestore, { on: asked.message });
      const { outputs } = answered.message as { outputs: { counter: number; B_: string }[] };
      const cut = { outputs: outputs.slice(0, 20), found: [] };
      const short = await both.payer.run(ecashRestore, { on: await sealedAs(both.payee, answered.message, cut) });
      expect([short.message['search'], short.exit]).toEqual(['more', 3]);
      expect(await marked(both)).toMatchObject({ restored: true });
      // Nor do counters count that were never shown.
      const moved = outputs.map(({ B_ }, i) => ({ counter: outputs[i]!.counter + 1, B_ }));
      const forged = await sealedAs(both.payee, answered.message, { outputs: moved, found: [] });
      await refused(() => both.payer.run(ecashRestore, { on: forged }), 'promises-differ', both.payer);
      expect((await search(both, id)).message).toMatchObject({ search: 'complete', token_sat: 511 });
      expect(await marked(both)).toMatchObject({ restored: false });
    });
  });

  it('a part of a payment, or an output named twice, is not the payment', async () => {
    const both = await parties();
    const id = await openedMint(both);
    await lostMessages(both, id, 777n);
    const asked = await both.payer.run(ecashRestore, { input: { contract: id, keyset: (await keysetOf(both)).id } });
    const answered = await both.payee.run(ecashRestore, { on: asked.message });
    const { found } = answered.message as { found: object[] };
    const twice = await sealedAs(both.payee, answered.message, { found: [...found, found[0]] });
    await refused(() => both.payer.run(ecashRestore, { on: twice }), 'promises-differ', both.payer);
    const part = await sealedAs(both.payee, answered.message, { found: found.slice(0, 1) });
    expect((await both.payer.run(ecashRestore, { on: part })).message).toMatchObject({ token_sat: 1 });
    expect(await both.payer.ledger(id)).toMatchObject({ awaited: [{ amountSat: 777n }], arrived: [] });
    await both.payer.run(ecashRestore, { on: answered.message });
    expect(await both.payer.ledger(id)).toMatchObject({ awaited: [], arrived: upTo(777n) });
  });

  it('a keyset that was first used after the backup is searched before it is used again', async () => {
    const both = await parties();
    const id = await openedMint(both);
    const backup = backUp(both.payer);
    await ecashMessages(both, id, 1_000n);
    await restore(both.payer, backup);
    await both.payer.home.acceptRestore();
    const asked = await both.payer.run(signUpdate, { input: { contract: id, amount: 700n } });
    const requested = await step(both, 'payee', asked.message);
    const pay = () => step(both, 'payer', requested, { input: { ecash: true } });
    const error = await refused(pay, 'ecash-restore-first', both.payer);
    expect(error.hint).toContain(`--keyset ${(await keysetOf(both)).id}`);
    expect(sumOf((await search(both, id)).message['token'])).toBe(1_000n);
    expect((await payerOf(both, id)).signedMaxSat).toBe(1_000n);
    const received = await step(both, 'payer', await step(both, 'payee', await pay()));
    expect(sumOf(received['token'])).toBe(700n);
    expect(await both.payee.ledger(id)).toMatchObject({ paidSat: 1_700n, issuedSat: 1_700n });
  });

  it('a keyset of a restored home is offered again only after reconcile, or by the word of its operator', async () => {
    const both = await parties();
    const { keyset } = await addKeyset(both.payee.home, undefined);
    const backup = backUp(both.payee);
    const journal = both.payee.journal();
    await retireKeyset(both.payee.home, keyset.id);
    await restore(both.payee, backup);
    await both.payee.home.acceptRestore();
    const active = async () => (await keysetsOf(both.payee.home)).map((r) => r.role === 'mint' && r.active);
    expect(await active()).toEqual([false]);
    expect(journal.length).toBeGreaterThan(0);
    // The end of the journal is lost: reconcile cannot know of it.
    await activateKeyset(both.payee.home, keyset.id);
    expect(await active()).toEqual([true]);
    await refused(() => activateKeyset(both.payee.home, `01${'ab'.repeat(32)}`), 'no-keyset', both.payee);
  });

  it('after reconcile the active keyset is offered again, and one that was retired is not', async () => {
    for (const retired of [false, true]) {
      const both = await parties();
      const { keyset } = await addKeyset(both.payee.home, undefined);
      const backup = await both.payee.backUp();
      if (retired) await retireKeyset(both.payee.home, keyset.id);
      await both.payee.lose(backup);
      await both.payee.home.reconcile(both.payee.journal());
      await trustKeysets(both.payee.home);
      const [found] = await keysetsOf(both.payee.home);
      expect(found).toMatchObject({ active: !retired, doubted: false });
    }
  });

  it('waits no longer for outputs that can never be signed', async () => {
    const both = await parties();
    const id = await openedMint(both);
    const signed = await signedFor(both, id, 500n);
    // The payee takes the payment without its outputs, as a payer may ask it to.
    const bare = await sealedAs(both.payer, signed, { ecash: null });
    await step(both, 'payee', bare);
    const found = await search(both, id);
    expect(found.message).toMatchObject({ token: null });
    expect((await both.payer.ledger(id)).awaited).toEqual([]);
  });
});

describe('the float', () => {
  it('compares what is in tokens with the share that is wished', async () => {
    const both = await parties();
    const id = await openedMint(both, { amount: 1_000_000n });
    await ecashMessages(both, id, 50_000n);
    const payer = await payerOf(both, id);
    const { tokens_sat, wanted_percent, swap_sat } = floatOf(payer, 10, 50_000n);
    expect([tokens_sat, wanted_percent]).toEqual([50_000n, 10]);
    // The exit fee is nobody's: what is left counts without it.
    expect(swap_sat).toBeGreaterThan(49_000n);
    expect(swap_sat).toBeLessThan(50_000n);
    expect(floatOf(payer, 5, 80_000n).swap_sat).toBeLessThan(0n);
  });
});
