/** rollover: two contracts in each step. Altered messages: `attacks.test.ts`; its rules: `rules.test.ts`. */
import { describe, expect, it } from 'vitest';
import { readPsbt, templateOf } from '../../src/lib/bitcoin/psbt.ts';
import { feeFor } from '../../src/lib/bitcoin/fee.ts';
import { feeOf, keySpendVsize } from '../../src/lib/bitcoin/transaction.ts';
import { closeCredit, exitCredit, rollover, signUpdate } from '../../src/lib/ecash/credit.ts';
import { creditKind, type Credit, type PayeeCredit } from '../../src/lib/credit/records.ts';
import { change } from '../../src/lib/home/change.ts';
import { idClaim } from '../../src/lib/protocol/claims.ts';
import { payoutScript } from '../../src/lib/credit/terms.ts';
import { opened, ownCoin, payMessages, rollMessages, type Pair } from '../support/credit.ts';
import type { Message } from '../support/party.ts';
import { FIELDS, rewrite } from './alter.ts';
import { parties, payeeOf, payerOf, policy, refused, sealedAs, tip } from './helpers.ts';

const expires = { blocks: 4_320 };
const paidContract = async (both: Pair, paid = 50_000n): Promise<string> => {
  const id = await opened(both);
  await payMessages(both, id, paid);
  return id;
};
const offer = async ({ payee }: Pair, contract: string): Promise<Message> =>
  (await payee.run(rollover, { input: { contract, policy } })).message;

describe('a rollover', () => {
  it('pays exactly what was paid, and the rest goes into the next contract', async () => {
    const both = await parties();
    const id = await paidContract(both);
    const [, proposed, , signed, complete] = await rollMessages(both, id);
    const template = templateOf(readPsbt(proposed!['psbt'].rollover));
    const { terms } = await payeeOf(both, id);
    const payee = template.outputs.filter((o) => o.script === payoutScript(terms, 'payee'));
    expect(payee.map((o) => o.sat)).toEqual([50_000n]);
    expect(template.outputs.length).toBe(2);
    expect(BigInt(complete!['next_contract'].capacity_sat)).toBe(1_150_000n - feeOf(template));
    expect(signed!['psbt']).toHaveProperty('rollover');
    const next = complete!['next_contract'].id as string;
    await payMessages(both, next, 2_100n);
    expect((await payeeOf(both, id)).state).toBe('rolled');
  });

  it('of a contract over which nothing was paid costs what its one output does', async () => {
    const both = await parties();
    const [, proposed] = await rollMessages(both, await opened(both));
    const template = templateOf(readPsbt(proposed!['psbt'].rollover));
    expect(template.outputs).toHaveLength(1);
    expect(feeOf(template)).toBe(feeFor(both.payer.chain.feerate, keySpendVsize(template)));
  });

  it('that waits for no other wallet is not proposed anew for a PSBT that comes back', async () => {
    const both = await parties();
    const id = await paidContract(both);
    const on = await offer(both, id);
    const proposed = await both.payer.run(rollover, { on, input: { expires } });
    const merged = [proposed.message['psbt'].refund];
    await refused(() => both.payer.run(rollover, { on, input: { expires }, merged }), 'already-known', both.payer);
  });

  it('keeps the exit of the old contract for the case that it never confirms', async () => {
    const both = await parties();
    const id = await paidContract(both);
    await rollMessages(both, id);
    const exit = await both.payee.run(exitCredit, { input: { contract: id } });
    expect(exit.message).toMatchObject({ step: 'exit', amount_sat: 50_000 });
  });

  it('the next refund is finished before the payer signs anything of the old contract', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const id = await paidContract(both);
    const offered = await offer(both, id);
    const proposed = await payer.run(rollover, { on: offered, input: { expires } });
    const accepted = await payee.run(rollover, { on: proposed.message });
    const psbt = {
      ...accepted.message['psbt'],
      refund: rewrite(accepted.message['psbt'].refund, { fields: FIELDS['partial flipped']! }),
    };
    const wrong = await sealedAs(payee, accepted.message, { psbt });
    await refused(() => payer.run(rollover, { on: wrong }), 'peer-partial-invalid', payer);
    expect((await payerOf(both, id)).state).toBe('open');
    await payer.run(rollover, { on: accepted.message });
    const next = await payerOf(both, accepted.message['next_contract'].id);
    expect([next.state, next.refund.slice(0, 8)]).toEqual(['open', '03000000']);
  });

  it('a payee that changes its nonce gets another partial under another nonce, of the same transaction', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const id = await paidContract(both);
    const proposed = await payer.run(rollover, { on: await offer(both, id), input: { expires } });
    const accepted = await payee.run(rollover, { on: proposed.message });
    const one = await payer.run(rollover, { on: accepted.message });
    const psbt = {
      ...accepted.message['psbt'],
      rollover: rewrite(accepted.message['psbt'].rollover, { fields: FIELDS['nonce another']! }),
    };
    const two = await payer.run(rollover, { on: await sealedAs(payee, accepted.message, { psbt }) });
    expect(two.message['psbt'].rollover).not.toBe(one.message['psbt'].rollover);
    expect(templateOf(readPsbt(two.message['psbt'].rollover))).toEqual(
      templateOf(readPsbt(one.message['psbt'].rollover)),
    );
    // The payee's nonce answers the first only.
    await refused(() => payee.run(rollover, { on: two.message }), 'peer-partial-invalid', payee);
    await payee.run(rollover, { on: one.message });
  });
});

describe('what a payer may add', () => {
  const answer = async (both: Pair, change: (m: Message) => object) => {
    const id = await paidContract(both);
    const input = { utxo: [await ownCoin(both.payer, 700_000n)], amount: 1_500_000n, expires };
    const proposed = await both.payer.run(rollover, { on: await offer(both, id), input });
    return sealedAs(both.payer, proposed.message, change(proposed.message));
  };
  it('no coin that is not native segwit, none twice, not the contract itself', async () => {
    const both = await parties();
    for (const edit of [
      (c: any) => [{ ...c, script: '76a914' + '11'.repeat(20) + '88ac' }],
      (c: any) => [{ ...c, script: 'a914' + '11'.repeat(20) + '87' }],
      (c: any) => [c, c],
    ]) {
      const on = await answer(both, (m) => ({ top_ups: edit(m['top_ups'][0]) }));
      await refused(() => both.payee.run(rollover, { on }), 'unsafe-funding', both.payee);
    }
    const on = await answer(both, (m) => ({ top_ups: [{ ...m['top_ups'][0], ...m['contract'].outpoint }] }));
    await refused(() => both.payee.run(rollover, { on }), 'unsafe-funding', both.payee);
  });

  it('no change below dust, no fee that the numbers do not give', async () => {
    const both = await parties();
    const low = await answer(both, (m) => ({ change: { ...m['change'], amount_sat: 100 } }));
    await refused(() => both.payee.run(rollover, { on: low }), 'fee-too-high', both.payee);
  });

  it('change to the next contract’s own address is refused: which output is the contract would be unclear', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const id = await paidContract(both);
    const offered = await offer(both, id);
    const { planOf } = (await import('../../src/lib/credit/rolling.ts')) as { planOf?: unknown };
    expect(planOf).toBeTypeOf('function');
    const proposal = await changeToNext(both, offered);
    const error = await payee.run(rollover, { on: proposal }).then(
      () => 'not refused',
      (e: { code: string }) => e.code,
    );
    expect(error).toBe('transaction-differs');
    await payer.run(rollover, { input: { contract: id }, cancel: true });
  });

  it('each must be signed, with a signature over everything', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const id = await paidContract(both);
    const input = { utxo: [await ownCoin(payer, 700_000n)], amount: 1_500_000n, expires };
    const proposed = await payer.run(rollover, { on: await offer(both, id), input });
    const accepted = await payee.run(rollover, { on: proposed.message });
    const signed = await payer.run(rollover, { on: accepted.message });
    const { psbt } = signed.message;
    const edited = async (edit: (stack: Uint8Array[]) => Uint8Array[] | undefined) => {
      const fields = (f: Record<string, any>) => {
        const { finalScriptWitness: stack, ...rest } = f;
        const made = stack && edit(stack as Uint8Array[]);
        return made ? { ...rest, finalScriptWitness: made } : rest;
      };
      return sealedAs(payer, signed.message, { psbt: { ...psbt, rollover: rewrite(psbt.rollover, { fields }) } });
    };
    const run = (on: Message) => () => payee.run(rollover, { on });
    await refused(run(await edited(() => undefined)), 'signature-invalid', payee);
    await refused(run(await edited((s) => [s[0]!.map((b, i) => (i === 40 ? b ^ 1 : b))])), 'signature-invalid', payee);
    await refused(run(await edited((s) => [Uint8Array.of(...s[0]!, 0x81)])), 'sighash-refused', payee);
    // A script that the payer says lies under its key: nobody here can tell.
    const scripted = await edited((s) => [s[0]!, Uint8Array.of(0x51), new Uint8Array(33).fill(0xc0)]);
    await refused(run(scripted), 'signature-invalid', payee);
    await payee.run(rollover, { on: signed.message });
  });
});

/** A proposal whose change goes to the next contract's address, all else in order, built from the payer's own. */
async function changeToNext(both: Pair, offered: Message): Promise<Message> {
  const { contractOutpoint, rollover: template, refund } = await import('../../src/lib/credit/transactions.ts');
  const { contractAddress, keysOf, viewOf } = await import('../../src/lib/credit/terms.ts');
  const { musigPsbt, writePsbt } = await import('../../src/lib/bitcoin/psbt.ts');
  const { toTransaction } = await import('../../src/lib/bitcoin/transaction.ts');
  const { printJson } = await import('../../src/lib/protocol/json.ts');
  const { nonceGen } = await import('../../src/lib/signing/musig2.ts');
  const { bytesToHex } = await import('../../src/lib/bitcoin/bytes.ts');
  const input = { utxo: [await ownCoin(both.payer, 700_000n)], amount: 1_500_000n, expires };
  const proposed = await both.payer.run(rollover, { on: offered, input });
  const old = await payerOf(both, offered['contract'].id);
  const next = (await both.payer.record(proposed.message['next_contract'].id)) as unknown as typeof old;
  const change = { address: contractAddress(next.terms), sat: BigInt(proposed.message['change'].amount_sat) };
  const tx = template(old, { paidSat: old.rolling!.paidSat, topUps: old.rolling!.topUps, change }, next.terms);
  const contract = { id: next.id, terms: next.terms, outpoint: contractOutpoint(next.terms, tx) };
  // The output that is found first is the smaller one: the change.
  expect(tx.outputs[contract.outpoint.vout]!.sat).toBe(change.sat);
  const { pubnonce } = nonceGen({ random: new Uint8Array(32).fill(3), pubkey: new Uint8Array(33).fill(2) });
  const shares = { [next.terms.payer_pubkey]: { pubnonce: bytesToHex(pubnonce) } };
  const psbt = {
    refund: musigPsbt(refund(contract), 0, keysOf(next.terms), shares),
    rollover: writePsbt(toTransaction(tx)),
  };
  const text = printJson({
    next_contract: viewOf(contract),
    change: { address: change.address, amount_sat: change.sat },
    psbt,
  });
  return sealedAs(both.payer, proposed.message, JSON.parse(text) as object);
}

describe('a rollover that this home does not go on with', () => {
  it('at a fee above a tenth of the contract, unless that is meant', async () => {
    const both = await parties();
    const { payer } = both;
    const id = await paidContract(both);
    const on = await offer(both, id);
    const propose = (more: object) => payer.run(rollover, { on, input: { expires, ...more } });
    payer.chain.feerate = 900_000;
    await refused(() => propose({}), 'fee-too-high', payer);
    expect((await propose({ allowFee: true })).message['fee_sat']).toBeGreaterThan(120_000);
  });

  it('where the record, made of two copies, has more paid than it pays: paid-moved', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const id = await paidContract(both);
    const proposed = await payer.run(rollover, { on: await offer(both, id), input: { expires } });
    const accepted = await payee.run(rollover, { on: proposed.message });
    const signed = await payer.run(rollover, { on: accepted.message });
    await change(
      payee.home.store,
      { contract: creditKind },
      () => ({ contract: idClaim(id) }),
      ({ contract: c }) => {
        // The other copy took an update, which voids the rollover; this one had it under way.
        const other = { ...c, paidSat: 60_000n, rolling: null } as PayeeCredit;
        return { writes: { contract: creditKind.merged!(other, c as Credit) as Credit }, result: undefined };
      },
    );
    expect(await payeeOf(both, id)).toMatchObject({ paidSat: 60_000n, rolling: { paidSat: 50_000n } });
    await refused(() => payee.run(rollover, { on: signed.message }), 'paid-moved', payee);
  });
});

describe('giving up', () => {
  it('the payer may cancel up to its signature; the payee up to its completion, and both contracts go on or end', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const id = await paidContract(both);
    const proposed = await payer.run(rollover, { on: await offer(both, id), input: { expires } });
    const accepted = await payee.run(rollover, { on: proposed.message });
    await payee.run(rollover, { input: { contract: id }, cancel: true });
    expect(await payeeOf(both, id)).toMatchObject({ state: 'open', rolling: null });
    const { nonces } = await payee.home.store.load([`id:${id}`]);
    expect(nonces).toEqual([]);
    // What the payer signs now can no longer be completed.
    const signed = await payer.run(rollover, { on: accepted.message });
    await refused(() => payee.run(rollover, { on: signed.message }), 'paid-moved', payee);
    await refused(() => payer.run(rollover, { input: { contract: id }, cancel: true }), 'too-late-to-cancel', payer);
  });

  it('a completed one is over', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const id = await paidContract(both);
    const rolls = await rollMessages(both, id);
    await refused(() => payee.run(rollover, { input: { contract: id }, cancel: true }), 'too-late-to-cancel', payee);
    await refused(() => payee.run(signUpdate, { input: { contract: id, amount: 50n } }), 'wrong-state', payee);
    await refused(() => payee.run(closeCredit, { input: { contract: id } }), 'wrong-state', payee);
    await refused(() => payer.run(rollover, { on: rolls[4]! }), 'nothing-follows', payer);
  });

  it('an offer can be cancelled by the message that it printed', async () => {
    const both = await parties();
    const on = await offer(both, await paidContract(both));
    await both.payee.run(rollover, { on, cancel: true });
  });
});

const askRollover = async (both: Pair, contract: string) =>
  (await both.payer.run(rollover, { input: { contract } })).message;

describe('order', () => {
  it('a payer that starts asks: the payee makes one offer, whoever asks how often', async () => {
    const both = await parties();
    const id = await paidContract(both);
    const [one, two] = [await askRollover(both, id), await askRollover(both, id)];
    expect(one['asked']).not.toBe(two['asked']);
    const offered = await both.payee.run(rollover, { on: one });
    expect((await both.payee.run(rollover, { on: one })).text).toBe(offered.text);
    const other = await both.payee.run(rollover, { on: two });
    expect(other.message['offer']).toEqual(offered.message['offer']);
  });

  it('an offer for one contract does not roll another', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const [one, two] = [await paidContract(both), await paidContract(both)];
    const offered = await offer(both, one);
    const other = await offer(both, two);
    const mixed = await sealedAs(payee, other, { offer: offered['offer'] });
    const proposed = await payer.run(rollover, { on: mixed, input: { expires } });
    await refused(() => payee.run(rollover, { on: proposed.message }), 'terms-differ', payee);
  });

  it('new coins are for an amount that is said: usage', async () => {
    const both = await parties();
    const on = await offer(both, await paidContract(both));
    const input = { utxo: [await ownCoin(both.payer, 700_000n)], expires };
    await refused(() => both.payer.run(rollover, { on, input }), 'usage', both.payer);
  });

  it('an older offer states less than was signed since: update-in-flight', async () => {
    const both = await parties();
    const { payer } = both;
    const id = await paidContract(both);
    const offered = await offer(both, id);
    await payMessages(both, id, 900n);
    await refused(() => payer.run(rollover, { on: offered, input: { expires } }), 'update-in-flight', payer);
  });

  it('the next contract takes no update before its funding is confirmed', async () => {
    const both = await parties();
    const { payee } = both;
    const rolls = await rollMessages(both, await paidContract(both));
    payee.chain.coins = new Map();
    const next = rolls[4]!['next_contract'].id as string;
    await refused(() => payee.run(signUpdate, { input: { contract: next, amount: 2_100n } }), 'funding-missing', payee);
  });

  it('the next contract must be within the offer’s policy at the height of the payee', async () => {
    const both = await parties();
    const { payee, payer } = both;
    const id = await paidContract(both);
    const proposed = await payer.run(rollover, { on: await offer(both, id), input: { expires: { blocks: 1_010 } } });
    tip(both, 1_003);
    await refused(() => payee.run(rollover, { on: proposed.message }), 'out-of-policy', payee);
  });
});
