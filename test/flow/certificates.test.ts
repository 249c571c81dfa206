/**
 * Every no has a certificate, and it is checked here from the two documents alone: what was asked, and what was answered.
 * Verdicts are compared with all balances of small networks, written out one by one.
 */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pay as FeasibilityPay, wealth as FeasibilityWealth } from '../../src/commands/feasibility.ts';
import { command } from '../support/command.ts';
import { drawer } from '../support/gossip.ts';

interface Channel {
  id: string;
  members: string[];
  capacity_sat: number;
  reserve_sat?: number | Record<string, number>;
  credit_sat?: number | Record<string, number>;
  liquidity_sat?: Record<string, number>;
}
interface Asked {
  channels: Channel[];
  wealth_sat: Record<string, number>;
}
type Draw = (most: number) => number;

const total = (numbers: readonly number[]): number => numbers.reduce((sum, n) => sum + n, 0);
const part = (value: Channel['reserve_sat'], member: string): number =>
  typeof value === 'object' ? (value[member] ?? 0) : (value ?? 0);
const leastOf = (channel: Channel, member: string): number =>
  channel.members.includes(member) ? part(channel.reserve_sat, member) - part(channel.credit_sat, member) : 0;
const freeOf = (channel: Channel): number =>
  channel.capacity_sat - total(channel.members.map((member) => leastOf(channel, member)));

/** Adds up what a certificate names, and says whether that makes the wealth impossible. */
function provesWealth({ channels, wealth_sat: wealth }: Asked, certificate: any): boolean {
  const reserved = (member: string): number => total(channels.map((channel) => leastOf(channel, member)));
  const owned = (member: string): number => wealth[member] ?? 0;
  switch (certificate.reason) {
    case 'sum': {
      const [all, held] = [total(Object.values(wealth)), total(channels.map((channel) => channel.capacity_sat))];
      return all !== held && certificate.wealth_sat === all && certificate.capacity_sat === held;
    }
    case 'channel': {
      const channel = channels.find(({ id }) => id === certificate.channel)!;
      const least = total(channel.members.map((member) => leastOf(channel, member)));
      return least > channel.capacity_sat && certificate.reserved_sat === least;
    }
    case 'reserve': {
      const { member } = certificate;
      const right = certificate.wealth_sat === owned(member) && certificate.reserved_sat === reserved(member);
      return right && owned(member) < reserved(member);
    }
    case 'set': {
      const set: string[] = certificate.set;
      const inside = total(
        channels.filter(({ members }) => members.every((member) => set.includes(member))).map((each) => freeOf(each)),
      );
      const above = total(set.map((member) => owned(member) - reserved(member)));
      return above < inside && certificate.wealth_sat === above && certificate.inside_sat === inside;
    }
    default:
      return false;
  }
}

/** The same of a payment as the channels are balanced. */
function provesCut({ channels }: Asked, payer: string, payee: string, amount: number, certificate: any): boolean {
  const set: string[] = certificate.set;
  const outgoing = total(
    channels
      .filter(({ members }) => !members.every((member) => set.includes(member)))
      .flatMap((channel) =>
        channel.members
          .filter((member) => set.includes(member))
          .map((member) => Math.max(0, channel.liquidity_sat![member]! - leastOf(channel, member))),
      ),
  );
  return (
    certificate.reason === 'cut' &&
    set.includes(payer) &&
    !set.includes(payee) &&
    certificate.outgoing_sat === outgoing &&
    outgoing < amount
  );
}

/** All ways to share a channel among its members. */
function* balances(channel: Channel): Generator<Record<string, number>> {
  function* shares(members: readonly string[], left: number): Generator<Record<string, number>> {
    const [first, ...rest] = members as [string, ...string[]];
    if (rest.length === 0) return yield { [first]: left };
    for (let sat = 0; sat <= left; sat++)
      for (const others of shares(rest, left - sat)) yield { [first]: sat, ...others };
  }
  if (freeOf(channel) < 0) return;
  for (const free of shares(channel.members, freeOf(channel)))
    yield Object.fromEntries(channel.members.map((member) => [member, free[member]! + leastOf(channel, member)]));
}
/** Every wealth that any balance of the channels gives, as text. */
function reachable(channels: readonly Channel[], names: readonly string[]): Set<string> {
  let all = new Map([[names.map(() => 0).join(), names.map(() => 0)]]);
  for (const channel of channels) {
    const next = new Map<string, number[]>();
    for (const wealth of all.values())
      for (const held of balances(channel)) {
        const made = wealth.map((sat, i) => sat + (held[names[i]!] ?? 0));
        next.set(made.join(), made);
      }
    all = next;
  }
  return new Set(all.keys());
}

const NAMES = ['a', 'b', 'c', 'd'];
/** A network of two to four members and up to four small channels, with reserves and credits, and a wealth. */
function drawn(draw: Draw): Asked {
  const names = NAMES.slice(0, 2 + draw(3));
  const figure = (members: readonly string[]): number | Record<string, number> =>
    draw(2) === 0 ? draw(2) : { [members[draw(members.length)]!]: draw(4) };
  const channels = Array.from({ length: 1 + draw(4) }, (_, i) => {
    const members = [...names].sort(() => draw(3) - 1).slice(0, 2 + draw(names.length - 1));
    return {
      id: `c${i}`,
      members,
      capacity_sat: draw(5),
      ...(draw(3) === 0 && { reserve_sat: figure(members) }),
      ...(draw(3) === 0 && { credit_sat: figure(members) }),
    };
  });
  const used = names.filter((name) => channels.some(({ members }) => members.includes(name)));
  const wealth = Object.fromEntries(used.map((name) => [name, 0]));
  const all = total(channels.map((channel) => channel.capacity_sat)) + (draw(12) === 0 ? 1 : 0);
  for (let sat = 0; sat < all; sat++) wealth[used[draw(used.length)]!]! += 1;
  return { channels, wealth_sat: wealth };
}

const file = join(mkdtempSync(join(tmpdir(), 'certificate-')), 'asked.json');
const answer = async (Command: Parameters<typeof command>[0], asked: object, flags: string[] = []): Promise<any> => {
  writeFileSync(file, JSON.stringify(asked));
  const { exit, stdout } = await command(Command, [...flags, file]);
  expect(exit).toBe(0);
  return JSON.parse(stdout);
};
/** How often each reason was met; each has to be. */
const expectAll = (met: Map<string, number>, reasons: readonly string[]): void =>
  expect(reasons.filter((reason) => (met.get(reason) ?? 0) < 5)).toEqual([]);
const count = (met: Map<string, number>, reason: string): void => void met.set(reason, (met.get(reason) ?? 0) + 1);

describe('small networks drawn at random', () => {
  it('can hold what some balance of their channels gives; each no is proved by its certificate', async () => {
    const draw = drawer(41);
    const met = new Map<string, number>();
    for (let round = 0; round < 800; round++) {
      const asked = drawn(draw);
      const names = Object.keys(asked.wealth_sat);
      const made = await answer(FeasibilityWealth, asked);
      const can = reachable(asked.channels, names).has(Object.values(asked.wealth_sat).join());
      expect(made.feasible, `round ${round}`).toBe(can);
      count(met, can ? 'yes' : made.certificate.reason);
      if (!can) expect(provesWealth(asked, made.certificate), `round ${round}`).toBe(true);
    }
    expectAll(met, ['yes', 'sum', 'channel', 'reserve', 'set']);
  });
  it('can make a payment where the wealth before and after can be held; each no is proved', async () => {
    const draw = drawer(42);
    const met = new Map<string, number>();
    for (let round = 0; round < 800; round++) {
      const asked = drawn(draw);
      const [payer, payee] = Object.keys(asked.wealth_sat).sort(() => draw(3) - 1) as [string, string];
      const amount = draw(5);
      const made = await answer(FeasibilityPay, asked, [`--payer=${payer}`, `--payee=${payee}`, `--amount=${amount}`]);
      const before = asked.wealth_sat;
      const after = { ...before, [payer]: before[payer]! - amount, [payee]: before[payee]! + amount };
      const holds = reachable(asked.channels, Object.keys(before));
      const [was, is] = [before, after].map((wealth) => holds.has(Object.values(wealth).join()));
      expect(made, `round ${round}`).toMatchObject({ feasible: was && is, state: was ? 'after' : 'before' });
      count(met, made.feasible ? 'yes' : `${made.state} ${made.certificate.reason}`);
      if (made.feasible) continue;
      const wealth = made.state === 'before' ? before : after;
      expect(provesWealth({ ...asked, wealth_sat: wealth }, made.certificate), `round ${round}`).toBe(true);
    }
    expectAll(met, ['yes', 'before set', 'after set', 'after reserve']);
  });
  it('as they are balanced pay up to a cut, which proves each no', async () => {
    const draw = drawer(43);
    const met = new Map<string, number>();
    for (let round = 0; round < 400; round++) {
      const asked = drawn(draw);
      const held = asked.channels.map((channel) => {
        const all = [...balances(channel)].filter((each) => Object.values(each).every((sat) => sat >= 0));
        return { ...channel, liquidity_sat: all[draw(Math.max(1, all.length))] };
      });
      if (held.some(({ liquidity_sat: liquidity }) => liquidity === undefined)) continue;
      const channels = held as Channel[];
      const [payer, payee] = Object.keys(asked.wealth_sat).sort(() => draw(3) - 1) as [string, string];
      const amount = draw(6);
      const flags = ['--liquidity', `--payer=${payer}`, `--payee=${payee}`, `--amount=${amount}`];
      const made = await answer(FeasibilityPay, { channels }, flags);
      count(met, made.feasible ? 'yes' : 'cut');
      // A payment moves wealth; it can be made as things are where some balance holds the wealth after it.
      const names = Object.keys(asked.wealth_sat);
      const wealth = names.map((name) => total(channels.map((channel) => channel.liquidity_sat![name] ?? 0)));
      const after = wealth.map((sat, i) => sat + (names[i] === payer ? -amount : names[i] === payee ? amount : 0));
      expect(made.feasible, `round ${round}`).toBe(reachable(channels, names).has(after.join()));
      expect(made.feasible, `round ${round}`).toBe(amount <= made.most_sat);
      if (made.feasible) expect(made.certificate).toBeUndefined();
      else
        expect(provesCut({ ...asked, channels }, payer, payee, amount, made.certificate), `round ${round}`).toBe(true);
    }
    expectAll(met, ['yes', 'cut']);
  });
});
