/**
 * A cancel beside a step of the same coin, each with the home opened for itself as two processes have it, where one of them
 * dies at a labelled point. One of the two holds afterwards, shares are what records claim, and the coin can be left.
 */
import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Refusal } from '../../src/lib/protocol/refusal.ts';
import { statecoinKind, type OperatorRecord } from '../../src/lib/statechain/records.ts';
import { withdrawStatechain } from '../../src/lib/statechain/withdraw.ts';
import { TestParty, type Message } from '../support/party.ts';
import { coinOf, opened, transferMessages, type Cast, type Name } from '../support/statechain.ts';
import { parties, stateOf, step } from './helpers.ts';

class Died extends Error {}
const LABELS = [
  'share-synced',
  'before-commit',
  'in-commit',
  'before-journal',
  'before-tide',
  'after-commit',
  'share-destroyed',
  'before-print',
] as const;
/** Only an operator has shares; an owner's commit is cut where it matters. */
const labelsOf = (who: Name): readonly (typeof LABELS)[number][] =>
  who === 'operator' ? LABELS : ['before-commit', 'in-commit', 'before-journal', 'after-commit'];
/** Who takes a step of the transfer, and reads which message; and what is given with --cancel beside it. */
const PAIRS: readonly (readonly [who: Name, until: 'offered' | 'opened' | 'sent' | 'received', cancels: number])[] = [
  ['operator', 'offered', 1],
  ['alice', 'opened', 2],
  ['bob', 'sent', 3],
  ['operator', 'received', 3],
];

async function ended(run: Promise<unknown>): Promise<string> {
  try {
    await run;
    return 'done';
  } catch (error) {
    if (error instanceof Died) return 'died';
    if (error instanceof Refusal && error.code !== 'bug') return error.code;
    throw error;
  }
}

async function checkShares({ home, dir }: TestParty): Promise<void> {
  // Only an operator has any.
  const all = existsSync(`${dir}.shares`) ? readdirSync(`${dir}.shares`) : [];
  const files = all.filter((name) => name.endsWith('.share'));
  const claims = (await home.store.list('statecoin')).flatMap(({ record }) => [
    ...statecoinKind.claims(statecoinKind.parse(record)),
  ]);
  const named = claims.filter((claim) => claim.startsWith('share:')).map((claim) => claim.slice(6));
  expect(files.map((name) => name.slice(-38, -6)).sort()).toEqual(named.sort());
}

/** Whoever owns the coin now withdraws it, once what is under way is given up. */
async function leave({ operator, alice, bob }: Cast, id: string, said: readonly Message[]): Promise<string> {
  if ((await stateOf(operator, id)) === 'frozen') await step(operator, undefined, { over: `id:${id}`, cancel: true });
  const { entries } = (await coinOf(operator, id)) as OperatorRecord;
  const owner = entries.length > 1 ? bob : alice;
  if (owner === bob) {
    const moved = await step(operator, said[4]);
    const next = await step(bob, moved.message);
    if (next.message['step'] === 'received') await step(bob, (await step(operator, next.message)).message);
  } else if ((await stateOf(alice, id)) !== 'owned') await step(alice, undefined, { over: `id:${id}`, cancel: true });
  const requested = await owner.run(withdrawStatechain, { input: { contract: id } });
  const signed = await operator.run(withdrawStatechain, { on: requested.message });
  await owner.run(withdrawStatechain, { on: signed.message });
  return owner === bob ? 'bob' : 'alice';
}

describe.each(PAIRS)('%s at %s, and a cancel beside it', (who, until, cancels) => {
  it.each(['step', 'cancel'] as const)('where the %s dies, at every label', async (dies) => {
    for (const label of labelsOf(who)) {
      const all = await parties();
      const id = await opened(all);
      const said = await transferMessages(all.operator, all.alice, all.bob, id, until);
      const party = all[who];
      const beside = await TestParty.at(party.dir, 251);
      let at = false;
      const die = (one: string): void => {
        if (one !== label) return;
        at = true;
        throw new Died(one);
      };
      (dies === 'step' ? party : beside).point = die;
      const went = await Promise.all([
        ended(step(party, said.at(-1))),
        ended(step(beside, said[cancels], { cancel: true })),
      ]);
      party.point = undefined;
      beside.home.close();
      await party.reopen();
      const how = `${label}: ${went.join(', ')}`;
      expect(went.includes('died'), how).toBe(at);
      await checkShares(party).catch((error: Error) => {
        throw new Error(`${how}: ${error.message}`);
      });
      expect(await leave(all, id, said).catch((error: Error) => `${how}: ${error.message}`)).toMatch(/^(alice|bob)$/);
      for (const one of all.all) await checkShares(one);
    }
  });
});
