/** The limits of credit contracts: terms, amounts, heights, wishes, answers, and the lists in messages. */
import { beforeAll, describe, expect, it } from 'vitest';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { outpointText } from '../../src/lib/bitcoin/outpoint.ts';
import { txidOf } from '../../src/lib/bitcoin/transaction.ts';
import { ASKED_LIMITS, checkUntil, lapsed, lapsesAt } from '../../src/lib/credit/asked.ts';
import { checkBefore, checkMelts, checkNotFrozen, deadlineHeight, TIME_LIMITS } from '../../src/lib/credit/checks.ts';
import { ecashRestore, RESTORE_LIMITS } from '../../src/lib/ecash/restore.ts';
import { EXIT_LIMITS, verdictOf } from '../../src/lib/credit/exit.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import { inflightQueries, QUOTE_LIMITS } from '../../src/lib/ecash/payments.ts';
import type { FundedCredit } from '../../src/lib/credit/records.ts';
import { hasLapsed, STANDING_LIMITS } from '../../src/lib/credit/standing.ts';
import { REFUND_LIMITS } from '../../src/lib/credit/refund.ts';
import { planOf } from '../../src/lib/credit/rolling.ts';
import { parseRollover, ROLL_LIMITS } from '../../src/lib/credit/rollover-messages.ts';
import { OUTCOME_LIMITS } from '../../src/lib/contract/outcome.ts';
import { standingOf } from '../../src/lib/credit/standing.ts';
import { checkTermsWithin, CREDIT_LIMITS, mintUrl, offerSchema, type Terms } from '../../src/lib/credit/terms.ts';
import {
  checkCapacity,
  checkOffered,
  checkPaid,
  exitFee,
  minPaid,
  PAID_LIMITS,
  refund,
  refundFee,
} from '../../src/lib/credit/transactions.ts';
import { UPDATE_LIMITS } from '../../src/lib/credit/update-messages.ts';
import { signUpdate } from '../../src/lib/ecash/credit.ts';
import { parseAs } from '../../src/lib/protocol/message.ts';
import { toTransaction } from '../../src/lib/bitcoin/transaction.ts';
import { opened, ownCoin, payMessages, rollMessages } from '../support/credit.ts';
import { limits, unchanged } from '../support/limits.ts';
import type { Message } from '../support/party.ts';
import { refusal } from '../support/refusal.ts';
import { parties, payeeOf, policy, tip } from './helpers.ts';
import { ADDRESSES, contractWith, key, termsWith } from './things.ts';

const malformed = { below: 'malformed-message', above: 'malformed-message' } as const;
const outside = { below: 'out-of-policy', above: 'out-of-policy' } as const;
const many = (what: unknown, n: number) => Array<unknown>(n).fill(what);

describe('terms', () => {
  const offered = (...names: Exclude<keyof typeof offerSchema.entries.policy.entries, `${string}_sat`>[]) =>
    names.map((name) => ({
      takes: (n: number) => parseAs(offerSchema.entries.policy.entries[name], n),
      ...malformed,
    }));
  limits(CREDIT_LIMITS, {
    feerate: offered('exit_feerate'),
    confirmations: offered('min_conf'),
    blocks: offered('min_blocks', 'max_blocks', 'freeze_blocks', 'margin_blocks'),
    mint: { takes: (n: number) => parseAs(mintUrl, 'https://'.padEnd(n, 'm')), above: 'malformed-message' },
    capacity: {
      takes: (n: bigint) => checkTermsWithin(termsWith({ capacity_sat: n }), policy, 1_000),
      figures: [policy],
      ...outside,
    },
    expiry: {
      takes: (n: number) => checkTermsWithin(termsWith({ expiry: n }), policy, 1_000),
      figures: [policy, 1_000],
      ...outside,
    },
  });
});

describe('amounts', () => {
  const to = (payer: keyof typeof ADDRESSES, payee: keyof typeof ADDRESSES): Terms =>
    termsWith({ payer_address: ADDRESSES[payer], payee_address: ADDRESSES[payee] });
  // An update bounds the first, the refund the second: its output is larger than the payee's.
  const pairs = [to('p2wpkh', 'p2tr'), to('p2pkh', 'p2wpkh')];
  const offered = (change: Partial<Terms>) => {
    const terms = termsWith(change);
    checkOffered(terms, { ...policy, exit_feerate: terms.exit_feerate }, 1_000, {});
  };
  limits(PAID_LIMITS, {
    paid: pairs.map((terms) => ({
      takes: (n: bigint) => checkPaid(terms, n),
      figures: [terms],
      below: 'below-dust' as const,
      above: 'over-capacity' as const,
    })),
    capacity: pairs.map((terms) => ({
      takes: (n: bigint) => checkCapacity({ ...terms, capacity_sat: n }),
      figures: [terms],
      below: 'below-dust' as const,
    })),
    // Feerates of contracts are whole sat/vB.
    feerate: {
      takes: (n: number) => offered({ capacity_sat: 100_000_000n, exit_feerate: Math.ceil(n / 1_000) }),
      above: 'fee-too-high',
    },
    // The fee stands still, and the capacity moves: one sat less is too little for it.
    refund: {
      takes: (n: bigint) => offered({ capacity_sat: refundFee(termsWith()) * 101n - n }),
      figures: [refundFee(termsWith()) * 100n],
      above: 'fee-too-high',
    },
  });

  it('of the two that bound a capacity the larger is the one that a refusal names', () => {
    const terms = to('p2pkh', 'p2wpkh');
    const least = PAID_LIMITS.capacity.least(terms);
    expect(least).toBeGreaterThan(minPaid(terms) + exitFee(terms));
    expect(refusal(() => checkCapacity({ ...terms, capacity_sat: least - 1n })).message).toContain(
      `at least ${least} `,
    );
  });
});

describe('heights', () => {
  const terms = termsWith();
  limits(TIME_LIMITS, {
    update: { takes: (n: number) => checkNotFrozen(n, terms), figures: [terms], above: 'frozen' },
    melt: { takes: (n: number) => checkMelts(n, terms), figures: [terms], above: 'frozen' },
    before: { takes: (n: number) => checkBefore(n, 5_176, 'it is done'), figures: [5_176], above: 'expired' },
  });

  it.each([
    // The height before the last in which an accepted update counts, that one, and the deadline.
    [5_174, undefined],
    [5_175, undefined],
    [5_176, 'expired'],
  ])('an update is accepted until the deadline: at %i %s', async (height, code) => {
    const both = await parties();
    const { payee, payer } = both;
    const id = await opened(both);
    const requested = await payee.run(signUpdate, { input: { contract: id, amount: 2_100n } });
    const signed = await payer.run(signUpdate, { on: requested.message, amount: 2_100n });
    expect(deadlineHeight((await payeeOf(both, id)).terms)).toBe(5_176);
    tip(both, height);
    const accepted = unchanged([payee], () => payee.run(signUpdate, { on: signed.message }));
    await (code === undefined
      ? expect(accepted).resolves.toMatchObject({ message: { step: 'accepted' } })
      : expect(accepted).rejects.toMatchObject({ code }));
  });
});

describe('of a contract that was paid', () => {
  let payee: FundedCredit;
  beforeAll(async () => {
    const both = await parties();
    const id = await opened(both);
    await payMessages(both, id, 50_000n);
    payee = await payeeOf(both, id);
  });
  const unseen = { coins: 'not-checked', known: 'not-checked' } as const;
  limits(EXIT_LIMITS, {
    due: {
      takes: (n: number) => verdictOf(payee, { tip: n, ...unseen }) === 'due',
      figures: [termsWith()],
      below: 'not taken',
      above: 'not taken',
    },
  });
  limits(OUTCOME_LIMITS, {
    final: {
      takes(confirmations: number) {
        const at = outpointText(payee.outpoint);
        const tx = refund(payee);
        const spend = { txid: txidOf(tx), hex: bytesToHex(toTransaction(tx).unsignedTx), confirmations };
        const facts = { tip: 5_400, coins: new Map([[at, 'missing' as const]]), known: unseen.known };
        return standingOf(payee, { ...facts, spends: new Map([[at, spend]]) }).is === 'lost';
      },
      below: 'not taken',
    },
  });
});

describe('wishes', () => {
  const asked = { id: '00'.repeat(16), until: 2_000, quote: null };
  const waiting = (n: number) => Array.from({ length: n }, (_, i) => ({ asked: { ...asked, until: 2_000 + i } }));
  limits(ASKED_LIMITS, {
    // A payer may say what it likes: for the payee a wish lasts no longer.
    lasts: { takes: (n: number) => lapsesAt({ ...asked, until: 1_000 + n }, 1_000) === 1_000 + n, above: 'not taken' },
    until: [
      { takes: (n: number) => checkUntil(asked, n), figures: [asked], above: 'asked-expired' },
      { takes: (n: number) => lapsed([{ asked }], n).length === 0, figures: [asked], above: 'not taken' },
    ],
    waiting: { takes: (n: number) => lapsed(waiting(n), 1_000).length === 0, above: 'not taken' },
  });
});

describe('offers', () => {
  const until = 1_800_000_000 + 3_600;
  limits(REFUND_LIMITS, {
    answer: {
      async takes(n: number) {
        const both = await parties();
        const input = { as: 'payee', policy, offerExpiry: 3_600 } as const;
        const { payee, payer } = both;
        const { message } = await payee.run(openCredit, { input });
        const utxo = [await ownCoin(payer, 1_300_000n)];
        const answer = { utxo, amount: 1_200_000n, expires: { blocks: 4_320 } };
        const proposed = await payer.run(openCredit, { on: message, input: answer });
        payee.chain.now = n;
        await unchanged([payee], () => payee.run(openCredit, { on: proposed.message }));
      },
      figures: [until],
      above: 'offer-expired',
    },
  });
});

describe('an opening', () => {
  limits(STANDING_LIMITS, {
    funded: {
      figures: [1_800_003_600],
      async takes(n: number) {
        const both = await parties();
        const id = await opened(both, { offer: { offerExpiry: 3_600 } });
        const facts = { tip: 1_000, coins: new Map(), known: new Map() };
        const c = await payeeOf(both, id);
        const none = { ...facts, coins: new Map([[`${c.outpoint.txid}:${c.outpoint.vout}`, 'missing' as const]]) };
        return !hasLapsed(c, { ...none, known: new Map([[c.outpoint.txid, false]]) }, n);
      },
      above: 'not taken',
    },
  });
});

describe('lists and fields of messages', () => {
  let rolls: Message;
  let signs: Message;
  beforeAll(async () => {
    const both = await parties();
    const contract = await opened(both);
    signs = (await payMessages(both, contract, 50_000n))[0]!;
    rolls = (await rollMessages(both, contract))[1]!;
  });
  const coin = { txid: 'bb'.repeat(32), vout: 0, amount_sat: 1, script: `5120${'33'.repeat(32)}` };
  limits(ROLL_LIMITS, {
    topUps: [
      { takes: (n: number) => parseRollover({ ...rolls, top_ups: many(coin, n) }), above: 'malformed-message' },
      {
        // As many coins as are needed, each of 100,000 sat.
        takes(n: number) {
          const old = contractWith();
          const coins = Array.from({ length: n }, (_, vout) => ({ ...coin, vout, sat: 100_000n }));
          const amount = old.terms.capacity_sat + BigInt(n) * 100_000n - 100_000n;
          const { topUps } = planOf(old, 50_000n, amount, coins, ADDRESSES.p2wpkh, 2_000, true);
          expect(topUps).toHaveLength(n);
        },
        above: 'not-enough-coins',
      },
    ],
    // A byte is two characters.
    script: {
      takes: (n: number) => parseRollover({ ...rolls, top_ups: [{ ...coin, script: '00'.repeat(Math.ceil(n / 2)) }] }),
      above: 'malformed-message',
    },
  });

  limits(UPDATE_LIMITS, {
    until: {
      takes: (n: number) => signUpdate.parse({ ...signs, asked: { id: '00'.repeat(16), until: n, quote: null } }),
      ...malformed,
    },
    token: {
      takes(n: number) {
        const { type, version, network, contract, previous_paid_sat, amount_sat, paid_sat, receipt, asked, auth } =
          signs;
        const step = 'received';
        const token = 'cashuB'.padEnd(n, 'A');
        signUpdate.parse({
          type,
          version,
          step,
          network,
          contract,
          previous_paid_sat,
          amount_sat,
          paid_sat,
          receipt,
          asked,
          token,
          auth,
        });
      },
      above: 'malformed-message',
    },
  });

  const restore = (outputs: unknown[], found?: unknown[]) =>
    ecashRestore.parse({
      type: 'ecash-restore',
      version: 1,
      network: 'regtest',
      auth: signs['auth'],
      contract: signs['contract'],
      id: '00'.repeat(16),
      keyset_id: `01${'ab'.repeat(32)}`,
      outputs,
      ...(found
        ? {
            step: 'answered',
            keyset: { id: `01${'ab'.repeat(32)}`, unit: 'sat', keys: {} },
            paid_sat: 1,
            receipt: null,
            found,
          }
        : { step: 'asked' }),
    });
  const output = { counter: 0, B_: key(1) };
  const promise = {
    amount_sat: 1,
    id: `01${'ab'.repeat(32)}`,
    C_: key(1),
    dleq: { e: '00'.repeat(32), s: '00'.repeat(32) },
  };
  limits(RESTORE_LIMITS, {
    counter: { takes: (counter: number) => restore([{ ...output, counter }]), ...malformed },
    outputs: { takes: (n: number) => restore(many(output, n)), ...malformed },
  });
  it('of what was found there may be as many, and none', () => {
    const said = (n: number) => restore([output], many({ B_: key(1), ...promise }, n));
    expect([said(0), said(999), said(1_000)]).toHaveLength(3);
    expect(refusal(() => said(1_001)).code).toBe('malformed-message');
  });
});

describe('quotes', () => {
  const { terms, ...rest } = contractWith();
  const payer = (n: number) => ({
    ...rest,
    role: 'payer',
    quote: null,
    terms: { ...terms, ecash: 'cdk', mint_url: 'https://mint.example' },
    inflight: Array.from({ length: n }, (_, i) => ({ paidSat: BigInt(i), amountSat: 1n, quote: `q${i}` })),
  });
  limits(QUOTE_LIMITS, {
    queries: {
      takes: (n: number) => inflightQueries(payer(n) as never, payer(n) as never).length === n,
      above: 'not taken',
    },
  });
});
