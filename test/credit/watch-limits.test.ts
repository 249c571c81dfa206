/** The heights from and up to which a watcher acts, and what it may pay for that. */
import { describe } from 'vitest';
import { CHILD_FEE_LIMITS } from '../../src/lib/contract/fees.ts';
import { WATCH_LIMITS } from '../../src/lib/credit/watch.ts';
import { limits } from '../support/limits.ts';
import { due, payee, payer, ready, rules, seen, spent, terms, told } from './watching.ts';

describe('heights', () => {
  const out = { below: 'not taken', above: 'not taken' } as const;
  limits(WATCH_LIMITS, {
    offer: [payee(), payer()].map((w) => ({
      takes: (h: number) => due(w, seen(h)) === 'propose-close',
      figures: [terms],
      ...out,
    })),
    own: [
      { takes: (h: number) => due(payee(), seen(h)) === 'exit', figures: [payee()], below: 'not taken' },
      { takes: (h: number) => due(payer(), seen(h)) === 'refund', figures: [payer()], below: 'not taken' },
    ],
    waits: [
      {
        takes: (h: number) => due(payee({ pending: ready('rollover') }), seen(h)) === 'rebroadcast',
        figures: [terms],
        above: 'not taken',
      },
      {
        takes: (h: number) => due(payee({ behind: true }), seen(h)) === 'restored',
        figures: [terms],
        above: 'not taken',
      },
      {
        takes: (h: number) => due(payee(), seen(h, spent('close', 0))) === 'in-mempool',
        figures: [terms],
        above: 'not taken',
      },
    ],
  });
});

describe('fees', () => {
  /** The feerate at which an exit of 154 vB for 308 sat and a child of 111 vB that pays so much are taken, and no less. */
  const rate = (fee: bigint) => Number(((fee + 308n) * 1_000n) / 265n);
  const small = { paysSat: 1_000n, spareSat: 670n };
  limits(CHILD_FEE_LIMITS, {
    child: [
      // The budget; a tenth of what the exit pays; what the output of the exit can spare.
      ...(
        [
          [{}, rules],
          [{}, { ...rules, feeBudgetSat: null }],
          [small, rules],
        ] as const
      ).map(([more, budget]) => ({
        takes(n: bigint) {
          const least = rate(n);
          return due(payee({ own: ready('exit', more) }), seen(856, { feerate: least, least }), budget) === 'exit';
        },
        figures: [ready('exit', more), budget],
        above: 'not taken' as const,
      })),
      {
        // One that was signed beforehand.
        takes(fee: bigint) {
          const own = ready('exit', { children: [{ hex: 'cc', fee, feerate: 70_000 }] });
          return told(payee({ own }), seen(856, { feerate: 90_000 })).feerate !== null;
        },
        figures: [ready('exit'), rules],
        above: 'not taken',
      },
    ],
    wanted: {
      takes: (n: number) => due(payee({ exiting: true }), seen(860, { ...spent('exit', 0), feerate: n })) === 'bump',
      figures: [2_000],
      below: 'not taken',
    },
  });
});
