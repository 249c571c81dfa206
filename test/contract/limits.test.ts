/** Moments from which a duty is due, and the depth at which a spend is final. */
import { describe } from 'vitest';
import { decideDuty, DUTY_LIMITS, isReady } from '../../src/lib/contract/duty.ts';
import { limits } from '../support/limits.ts';
import { duty, rules, seen, spent } from './dutiful.ts';

describe('a duty', () => {
  const now = { tip: 0, medianTime: 0 };
  limits(DUTY_LIMITS, {
    height: {
      takes: (tip: number) => isReady({ height: 100 }, { ...now, tip }, 0),
      figures: [100],
      below: 'not taken',
    },
    confirmations: { takes: (n: number) => isReady({ confirmations: 9 }, now, n), figures: [9], below: 'not taken' },
    median_time: {
      takes: (medianTime: number) => isReady({ median_time: 1_700 }, { ...now, medianTime }, 0),
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
