/** The limits of networks, counts and samples. */
import { describe } from 'vitest';
import { sample as FeasibilitySample } from '../../src/commands/feasibility.ts';
import { allDistributions, COUNT_LIMITS } from '../../src/lib/flow/count.ts';
import { NETWORK_LIMITS, parseNetwork } from '../../src/lib/flow/network.ts';
import { SAMPLE_LIMITS } from '../../src/lib/flow/sample.ts';
import { allows } from '../../src/lib/protocol/limit.ts';
import { Fields } from '../../src/lib/protocol/document.ts';
import { Refusal } from '../../src/lib/protocol/refusal.ts';
import { command } from '../support/command.ts';
import { limits } from '../support/limits.ts';

const network = (members: number, capacity: number) =>
  parseNetwork(
    new Fields({ channels: [{ members: Array.from({ length: members }, (_, i) => `m${i}`), capacity_sat: capacity }] }),
  );
const malformed = 'malformed-message' as const;

describe('a network', () =>
  limits(NETWORK_LIMITS, {
    total: { takes: (sat) => network(2, sat), above: malformed },
    members: { takes: (members) => network(members, 5), below: malformed, above: malformed },
  }));
describe('a count', () =>
  limits(COUNT_LIMITS, {
    // Two members share C in C + 1 ways; only the rule is asked, because ten million are counted in a minute.
    states: {
      takes: (all: bigint) => allows(COUNT_LIMITS.states, allDistributions(Number(all) - 1, 2)),
      above: 'not taken',
    },
  }));
describe('a sample', () =>
  limits(SAMPLE_LIMITS, {
    pairs: {
      takes: async (pairs: number) => {
        const ended = await command(FeasibilitySample, ['--pairs', String(pairs), '/nowhere']);
        if (ended.code !== 'no-input') throw new Refusal('usage', ended.message);
      },
      below: 'usage',
      above: 'usage',
    },
    tries: { takes: (tries: number) => allows(SAMPLE_LIMITS.tries, tries), above: 'not taken' },
  }));
