/** Moments from which a duty is due, and the depth at which a spend is final. */
import { describe } from 'vitest';
import { decideDuty, DUTY_LIMITS, isReady } from '../../src/lib/contract/duty.ts';
import { exitPackage, PACKAGE_LIMITS, readExitPackage } from '../../src/lib/contract/exit-package.ts';
import { dustLimit } from '../../src/lib/bitcoin/script.ts';
import { asRead, KEY, only, outputOf, plain, PLAIN, plainPsbt, twoSteps } from '../support/exits.ts';
import { limits } from '../support/limits.ts';
import { duty, rules, seen, spent } from './dutiful.ts';

describe('a duty', () => {
  const now = { tip: 0, medianTime: 0 };
  const fresh = { depth: 0 };
  limits(DUTY_LIMITS, {
    height: {
      takes: (tip: number) => isReady({ height: 100 }, { ...now, tip }, fresh),
      figures: [100],
      below: 'not taken',
    },
    confirmations: {
      takes: (n: number) => isReady({ confirmations: 9 }, now, { depth: n }),
      figures: [9],
      below: 'not taken',
    },
    seconds: {
      takes: (age: number) => isReady({ seconds: 512 }, now, { depth: 1, age }),
      figures: [512],
      below: 'not taken',
    },
    median_time: {
      takes: (medianTime: number) => isReady({ median_time: 1_700 }, { ...now, medianTime }, fresh),
      figures: [1_700],
      below: 'not taken',
    },
    final: {
      takes: (confirmations: number) => decideDuty(duty(), seen(spent({ confirmations })), rules).do === 'end',
      figures: [rules],
      below: 'not taken',
    },
  });
});

describe('a package', () => {
  const two = twoSteps().package;
  const bent = (change: (document: any) => void): unknown => {
    const document = asRead(two);
    change(document);
    return readExitPackage(document);
  };
  const at = { tip: 1_000 };
  /** Steps of a coin each. */
  const many = (count: number): unknown => {
    if (count === 0) return bent((d) => (d.steps = []));
    const one = only(plain([PLAIN], 99_000n), [PLAIN]);
    const steps = Array.from({ length: count }, (_, vout) => {
      const coin = { ...PLAIN, vout };
      return { ...one.steps[0]!, hex: plain([coin], 99_000n), spends: [coin] };
    });
    return exitPackage('channel', { ...one, steps }, [], at);
  };
  /** A transaction of so many coins, and a child that spends its output with so many others. */
  const spending = (count: number, beside = 0): unknown => {
    const coins = (from: number, length: number) => Array.from({ length }, (_, n) => ({ ...PLAIN, vout: from + n }));
    const own = coins(0, count);
    const hex = plain(own, 50_000n);
    const child = beside > 0 ? plainPsbt([outputOf(hex), ...coins(1_000, beside - 1)], 40_000n) : null;
    return exitPackage('channel', only(hex, own), [child], at);
  };
  /** A transaction of that many virtual bytes. */
  const sized = (vsize: number, feeSat: bigint, version: 2 | 3) => {
    const filled = (length: number): string =>
      `6a4d${Buffer.from(Uint16Array.of(length).buffer).toString('hex')}${'00'.repeat(length)}`;
    // Beside an output of one key: version, counts, an input, a witness of one signature.
    const outputs = [
      { sat: 100_000n - feeSat, script: KEY.script },
      { sat: 0n, script: filled(vsize - 111 - 15) },
    ];
    return exitPackage('channel', only(plain([PLAIN], 0n, { version, outputs }), [PLAIN]), [], at);
  };
  const { fee_sat: fees } = two.quote;
  const dust = dustLimit(KEY.script);
  limits(PACKAGE_LIMITS, {
    steps: { takes: many, below: 'malformed-message', above: 'malformed-message' },
    inputs: [
      { takes: (count: number) => spending(count), above: 'malformed-message' },
      { takes: (count: number) => spending(count - 100, 100), above: 'malformed-message' },
    ],
    truc: { takes: (vsize: number) => sized(vsize, 50_000n, 3), above: 'truc-limit' },
    relayed: { takes: (rate: number) => sized(1_000, BigInt(rate), 2), below: 'fee-too-low' },
    blocks: {
      takes: (blocks: number) => bent((d) => (d.quote.blocks = blocks)),
      figures: [4],
      below: 'transaction-differs',
    },
    worthLeast: {
      takes: (sat: bigint) => bent((d) => (d.quote.worth_from_sat = Number(sat))),
      figures: [0n, dust],
      below: 'transaction-differs',
    },
    worthMost: {
      takes: (sat: bigint) => bent((d) => (d.quote.worth_from_sat = Number(sat))),
      figures: [fees, dust],
      above: 'transaction-differs',
    },
  });
});
