/**
 * Interrupted at any labelled store point and at random times (kill -9), a home is never behind what it has printed, and a
 * retry prints the same bytes.
 *
 * Labelled points: the same story is told once without interruption and once for each label, with the same randomness, so
 * that after each kill the home must equal, row for row, what it was before or after that step in the first telling.
 * Random times: batch processes that live long, with real randomness. SPILLWAY_KILLS sets how many of them are killed: 60 in
 * CI, 20 elsewhere. Elsewhere the labels take turns.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { allKinds } from '../../src/lib/families.ts';
import { journalsIn } from '../../src/commands/home/reconciling.ts';
import { portsOf } from '../../src/lib/cli/contract.ts';
import { play } from '../../src/lib/engine/play.ts';
import { openCredit } from '../../src/lib/credit/open.ts';
import { creditKind } from '../../src/lib/credit/records.ts';
import { defaultPolicy } from '../../src/lib/credit/terms.ts';
import { keysetKind } from '../../src/lib/ecash/keyset.ts';
import { signUpdate } from '../../src/lib/ecash/credit.ts';
import { initHome, openHome, type Home } from '../../src/lib/home/home.ts';
import type { Action } from '../../src/lib/protocol/action.ts';
import { BIN, cleanEnv } from '../cli/run.ts';
import { rotating } from '../support/rotate.ts';
import {
  close,
  dumpOf,
  exit,
  findEcash,
  openOwn,
  parsed,
  pay,
  payAndLose,
  payForEcash,
  refund,
  roll,
  WHO,
  World,
  type Dump,
  type Stage,
  type Who,
} from '../support/spillway.ts';

/** Where a run can be stopped, in the order in which it gets there. */
const LABELS = ['before-commit', 'in-commit', 'before-journal', 'after-commit', 'before-print', 'after-print'] as const;
/** A script of nobody here. */
const FOREIGN = `5120${'79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798'}`;

type Label = (typeof LABELS)[number];
const stands = (label: Label): boolean => LABELS.indexOf(label) >= LABELS.indexOf('before-journal');
const copied = (label: Label): boolean => LABELS.indexOf(label) >= LABELS.indexOf('before-print');

/** Every step of every action. The exit comes last: it takes no name for its start, so a repeated one is a new commit. */
async function story(world: World, stage: Stage): Promise<void> {
  const { keyset } = parsed(await world.said('payee', ['ecash-keyset']));
  const one = await world.play(openOwn(await world.coin(1_300_000), 1_200_000, ['--ecash', 'home']), stage);
  const { id } = one['contract'];
  await world.play(pay(id, 2_100), stage);
  await world.play(payForEcash(id, 700), stage);
  await world.play(payAndLose(id, 300), stage);
  await world.play(findEcash(id, keyset.id), stage);
  const rolled = await world.play(roll(id, await world.coin(700_000)), stage);
  await world.play(close(rolled['next_contract'].id, 'payer'), stage);
  await world.play(exit(id), stage);
  await world.play(refund(id, false), stage);
}

interface Told {
  name: string;
  text: string;
  before: Dump;
  after: Dump;
}

describe('killed at a labelled point', () => {
  const told: Told[] = [];

  beforeAll(async () => {
    const world = await World.make({ seed: 'kill' });
    await story(world, async (turn) => {
      const before = world.dump(turn.who);
      const text = await world.take(turn);
      told.push({ name: turn.name, text, before, after: world.dump(turn.who) });
      return text;
    });
    world.remove();
  });

  it('every step of every action is told', () => {
    const counts = Map.groupBy(told, ({ name }) => name.split(' ')[0]!);
    expect([...counts].map(([action, steps]) => [action, steps.length])).toEqual([
      ['open-credit', 4],
      ['sign-update', 12],
      ['ecash-restore', 3],
      ['rollover', 5],
      ['close-credit', 3],
      ['exit-credit', 2],
    ]);
  });

  it.concurrent.each(rotating(LABELS, 2))(
    '%s: the home is as before or as after, and the retry prints what an undisturbed run prints',
    async (label) => {
      const world = await World.make({ seed: 'kill' });
      let at = 0;
      await story(world, async (turn) => {
        const { who, argv, stdin } = turn;
        const undisturbed = told[at++]!;
        const words = `${turn.name}, killed at ${label}`;
        // What keeps nothing commits nothing, and never gets there.
        if (!copied(label) && undisturbed.after.commits === undisturbed.before.commits) {
          const text = await world.take(turn);
          expect(text, words).toBe(undisturbed.text);
          expect(turn.name, words).toContain('ecash-restore');
          return text;
        }
        // An exit has no name to be repeated by: its retry is one more commit. Ciphertexts are random.
        const comparable = (dump: Dump) => ({
          ...dump,
          nonces: dump.nonces.map(({ sealed: _, ...rest }) => rest),
          ...(argv[0] === 'exit-credit' && { commits: 0 }),
        });
        const same = (found: Dump, expected: Dump): void =>
          expect(comparable(found), words).toEqual(comparable(expected));

        const killed = await world.run(who, argv, stdin, { SPILLWAY_STOP_AT: label });
        expect(killed.code, `${words}: ${killed.stderr}`).toBe(null);
        expect(killed.stdout, words).toBe(label === 'after-print' ? undisturbed.text : '');

        expect(await isRestored(world, who), words).toBe(false);
        const found = world.dump(who);
        same(found, {
          ...(stands(label) ? undisturbed.after : undisturbed.before),
          copies: copied(label) ? undisturbed.after.copies : undisturbed.before.copies,
        });
        if (killed.stdout !== '' && argv.includes('--request-id'))
          expect(
            found.replies.some(({ text }) => `${text}\n` === killed.stdout),
            words,
          ).toBe(true);

        const retried = await world.run(who, argv, stdin);
        expect([retried.code, retried.stdout], `${words}: ${retried.stderr}`).toEqual([turn.exit, undisturbed.text]);
        same(world.dump(who), undisturbed.after);
        return retried.stdout;
      });
      expect(at).toBe(told.length);
      expect(world.leaks()).toEqual([]);
      for (const who of WHO) await expectInJournal(world, who);
      world.remove();
    },
  );
});

/** A home of the same words learns from the journal alone all that the store guards, and every output. */
async function expectInJournal(world: World, who: Who): Promise<void> {
  const dir = join(world.dir, `${who}-again`);
  const { mnemonic } = parsed(readFileSync(join(world.home(who), 'seed'), 'utf8')) as { mnemonic: string };
  await initHome({ dir, network: 'regtest', mnemonic });
  const home = await openHome({ dir, kinds: allKinds });
  await home.reconcile(journalsIn([`${world.home(who)}.journal`]));
  home.close();
  const figures = ({ records, notes }: Dump) => ({
    // Since when a note can lapse is counted in each store's own commits, as `rev` is.
    notes: notes.map((note) => ({ ...note, lapses: note['lapses'] !== null })),
    records: records
      .map(({ kind, name, high_sat, issued_sat, owed_sat, left }) => ({
        kind,
        name,
        high_sat,
        issued_sat,
        owed_sat,
        left,
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
  });
  expect(figures(dumpOf(dir, ''))).toEqual(figures(world.dump(who)));
}

/** Opens the home in this process, as the next run will. */
async function isRestored(world: World, who: Who): Promise<boolean> {
  const insecure = world.env(who)['SPILLWAY_INSECURE_SEED'];
  const home = await openHome({
    dir: world.home(who),
    ...(insecure !== undefined && { insecureSeed: new Uint8Array(Buffer.from(insecure, 'hex')) }),
    kinds: async () => [creditKind, keysetKind],
  });
  home.close();
  return home.restored;
}

const KILLS = Number(process.env['SPILLWAY_KILLS'] ?? (process.env['CI'] ? 60 : 20));
const CONTRACTS = 12;

/** Two homes with many contracts, whose batch processes are killed. */
class Tortured {
  readonly world: World;
  readonly #homes = {} as Record<Who, Home>;
  readonly #kills: number;
  kills = 0;
  /** How many kills came while a batch was at work, with some of it done. */
  amid = 0;

  private constructor(world: World, kills: number) {
    this.world = world;
    this.#kills = kills;
  }

  static async make(kills: number): Promise<Tortured> {
    const made = new Tortured(await World.make(), kills);
    for (const who of WHO)
      made.#homes[who] = await openHome({ dir: made.world.home(who), kinds: async () => [creditKind, keysetKind] });
    return made;
  }

  remove(): void {
    Object.values(this.#homes).forEach((home) => home.close());
    this.world.remove();
  }

  get more(): boolean {
    return this.kills < this.#kills;
  }

  /** One run in this process, where many contracts are needed soon. */
  async take(who: Who, table: Action<any, any, any>, json: unknown, input = {}): Promise<string> {
    const line = { json, input, merged: [], context: {} };
    return (await play(table, line, await portsOf(this.#homes[who], { tip: this.world.tip }))).text;
  }

  /** Feeds the lines to a batch again and again, kills it each time, and lets it end when enough were killed. */
  async batch(who: Who, argv: readonly string[], lines: readonly string[], exitCode: number): Promise<string[]> {
    const known: string[] = [];
    for (let runs = 0; ; runs++) {
      expect(runs).toBeLessThan(150);
      const before = known.length;
      const { printed, rest, code } = await this.#once(who, argv, lines, this.more ? before : undefined);
      printed.forEach((text, i) => {
        if (i < known.length) expect(text).toBe(known[i]);
        else known.push(text);
      });
      if (printed.length < known.length) expect(known[printed.length]!.startsWith(rest)).toBe(true);
      const stored = new Set(this.world.dump(who).replies.map(({ text }) => text));
      expect(known.filter((text) => !stored.has(text))).toEqual([]);
      if (code === null) {
        this.kills += 1;
        if (known.length > before && known.length < lines.length) this.amid += 1;
      } else {
        expect([code, known.length]).toEqual([exitCode, lines.length]);
        return known;
      }
    }
  }

  /**
   * One batch process; `code` null where it was killed: any time after its start, or, as the lines that were answered
   * before come fast, any time while it is at those that were not.
   */
  async #once(who: Who, argv: readonly string[], lines: readonly string[], answered: number | undefined) {
    const child = spawn(process.execPath, [BIN, ...argv, '--batch'], { env: cleanEnv(this.world.env(who)) });
    const ended = new Promise<number | null>((done) => child.on('close', done));
    let stdout = '';
    let count = 0;
    child.stdout.on('data', (data: Buffer) => {
      stdout += data.toString('latin1');
      count += data.filter((byte) => byte === 0x0a).length;
    });
    child.stdin.on('error', () => {}); // it may be dead
    child.stdin.write(lines.map((line) => `${line}\n`).join(''));
    // Until it is killed its stdin stays open: it would wait for more lines.
    if (answered !== undefined) {
      const early = Math.random() < 0.25;
      const some = early ? 0 : answered + Math.floor(Math.random() * 3);
      while (count < Math.min(some, lines.length) && child.exitCode === null) await sleep(1);
      const end = performance.now() + Math.random() * (early ? 400 : 60);
      while (performance.now() < end && count < lines.length) await sleep(0.3);
      if (count < lines.length) child.kill('SIGKILL');
    }
    child.stdin.end();
    const code = await ended;
    const printed = stdout.split('\n');
    return { printed, rest: printed.pop()!, code };
  }
}

describe('killed at random times', () => {
  it.concurrent.each([[Math.ceil(KILLS / 2)], [Math.floor(KILLS / 2)]])(
    '%i times: the store holds all that was printed, and each line gets the same bytes again',
    async (enough) => {
      const run = await Tortured.make(enough);
      const policy = defaultPolicy('regtest');
      const offer = () => run.take('payee', openCredit, null, { as: 'payee', policy });
      const ids: string[] = [];
      for (let i = 0; i < CONTRACTS; i++) {
        const utxo = [{ txid: i.toString(16).padStart(64, 'e'), vout: 0, sat: 1_300_000n, script: FOREIGN }];
        const input = { utxo, amount: 1_200_000n, expires: { blocks: 4320 } };
        const proposed = await run.take('payer', openCredit, parsed(await offer()), input);
        const accepted = await run.take('payee', openCredit, parsed(proposed));
        ids.push(parsed(await run.take('payer', openCredit, parsed(accepted)))['contract'].id);
      }
      let paid = 0;
      for (let round = 1; run.more; round++) {
        const amount = 1000 + round;
        paid += amount;
        const requested: string[] = [];
        for (const contract of ids)
          requested.push(await run.take('payee', signUpdate, null, { contract, amount: BigInt(amount) }));
        const signed = await run.batch('payer', ['sign-update', '--max', '1000000000'], requested, 0);
        const accepted = await run.batch('payee', ['sign-update'], signed, 0);
        expect(accepted.map((text) => parsed(text)['paid_sat'])).toEqual(ids.map(() => paid));
        if (round % 2 !== 0) continue;
        // Each answer holds fresh random keys: here a retry can only repeat what was stored.
        const offers: string[] = [];
        for (let i = 0; i < CONTRACTS; i++) offers.push(await offer());
        const answer = ['open-credit', '--amount', '1200000', '--expires', '+4320'];
        const addressed = await run.batch('payer', answer, offers, 3);
        expect(new Set(addressed.map((text) => parsed(text)['terms'].payer_pubkey)).size).toBe(CONTRACTS);
      }
      expect(run.kills).toBe(enough);
      expect(run.amid).toBeGreaterThan(enough / 10);
      for (const who of WHO) {
        const open = run.world.dump(who).records.filter(({ state }) => state === 'open');
        expect(open.map(({ high_sat }) => high_sat)).toEqual(ids.map(() => paid));
        expect(await isRestored(run.world, who)).toBe(false);
      }
      expect(run.world.dump('payee').nonces).toEqual([]);
      run.remove();
    },
  );
});
