/**
 * A statecoin by processes of the built program: killed at every labelled point, many at once, homes copied and put back, a
 * share that is gone. After each of them the operator holds exactly the shares that its records name.
 */
import { cpSync, existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { scriptOf } from '../../src/lib/bitcoin/address.ts';
import { freshDir, spillway, type Ran } from '../cli/run.ts';
import { warm } from '../support/host.ts';
import type { Message } from '../support/party.ts';
import { rotating } from '../support/rotate.ts';

const WHO = ['operator', 'alice', 'bob', 'carol'] as const;
type Who = (typeof WHO)[number];
interface Turn {
  who: Who;
  argv: readonly string[];
  stdin: string;
}
const POLICY = ['--initial-lock', '1000', '--step', '100', '--margin', '20', '--min-remaining', '50'];

class Homes {
  readonly dir = freshDir();
  readonly #seed: string;
  printed = '';
  constructor(seed: string) {
    this.#seed = seed;
  }
  async init(): Promise<this> {
    await Promise.all(WHO.map((who) => this.said(who, ['init', '--network', 'regtest'])));
    return this;
  }
  home = (who: Who): string => join(this.dir, who);
  env = (who: Who) => ({
    SPILLWAY_HOME: this.home(who),
    SPILLWAY_TIP: '1000',
    SPILLWAY_INSECURE_SEED: Buffer.from(`${who}/${this.#seed}`).toString('hex').padEnd(64, '0'),
  });
  async run(who: Who, argv: readonly string[], stdin = '', env = {}): Promise<Ran> {
    const ran = await spillway(argv, { stdin, env: { ...this.env(who), ...env }, cwd: this.dir });
    this.printed += ran.stdout + ran.stderr;
    return ran;
  }
  async said(who: Who, argv: readonly string[], stdin = ''): Promise<string> {
    const { code, stdout, stderr } = await warm(argv, { stdin, env: this.env(who), cwd: this.dir });
    this.printed += stdout + stderr;
    if (code !== 0) throw new Error(`${who}: ${argv.join(' ')} ended with ${code}: ${stderr}`);
    return stdout;
  }
  async coin(): Promise<string> {
    const address = (await this.said('alice', ['address'])).trim();
    const file = join(this.dir, 'coins.json');
    const txid = 'c'.repeat(64);
    writeFileSync(
      file,
      `[{"txid":"${txid}","vout":0,"amount":0.02000000,"scriptPubKey":"${scriptOf(address, 'regtest')}","confirmations":6}]`,
    );
    return file;
  }
  shares = (who: Who = 'operator'): string[] => {
    const dir = `${this.home(who)}.shares`;
    return existsSync(dir)
      ? readdirSync(dir)
          .filter((f) => f.endsWith('.share'))
          .map((f) => f.slice(33, -6))
          .sort()
      : [];
  };
  claimed(who: Who = 'operator'): string[] {
    const db = new DatabaseSync(join(this.home(who), 'store.db'), { timeout: 10_000 });
    try {
      const rows = db.prepare("SELECT claim FROM claim WHERE claim LIKE 'share:%' ORDER BY claim").all();
      return rows.map((row) => String(row['claim']).slice(6));
    } finally {
      db.close();
    }
  }
  commits(who: Who = 'operator'): number {
    const db = new DatabaseSync(join(this.home(who), 'store.db'), { timeout: 10_000 });
    try {
      return Number(db.prepare("SELECT value FROM meta WHERE key = 'commits'").get()!['value']);
    } finally {
      db.close();
    }
  }
  remove = (): void => rmSync(this.dir, { recursive: true, force: true });
}

type Play = (turn: Turn) => Promise<string>;
const OPEN = 'statechain-open';
const TRANSFER = 'statechain-transfer';
const parsed = (text: string): Message => JSON.parse(text) as Message;

async function open(homes: Homes, play: Play): Promise<Message> {
  const coins = await homes.coin();
  const offered = await play({
    who: 'operator',
    argv: [OPEN, '--as', 'operator', '--request-id', 'one', ...POLICY],
    stdin: '',
  });
  const proposed = await play({ who: 'alice', argv: [OPEN, '--amount', '1000000', '--utxo', coins], stdin: offered });
  const accepted = await play({ who: 'operator', argv: [OPEN], stdin: proposed });
  return parsed(await play({ who: 'alice', argv: [OPEN], stdin: accepted }))['coin'];
}
async function transfer(coin: Message, from: Who, to: Who, play: Play, until = 7): Promise<string[]> {
  const invite = [TRANSFER, '--as', 'receiver', '--operator', coin['operator'], '--request-id', `to ${to}`];
  const turns: [Who, string[]][] = [
    [to, invite],
    [from, [TRANSFER, '--contract', coin['id']]],
    ['operator', [TRANSFER]],
    [from, [TRANSFER]],
    [to, [TRANSFER]],
    ['operator', [TRANSFER]],
    [to, [TRANSFER, '--unchecked']],
  ];
  const said: string[] = [];
  for (const [who, argv] of turns.slice(0, until)) said.push(await play({ who, argv, stdin: said.at(-1) ?? '' }));
  return said;
}

let homes: Homes;
beforeEach(async () => {
  homes = await new Homes('kill').init();
});
afterEach(() => homes.remove());
const plain: Play = ({ who, argv, stdin }) => homes.said(who, argv, stdin);

const LABELS = [
  'share-synced',
  'before-commit',
  'in-commit',
  'before-tide',
  'after-commit',
  'share-destroyed',
  'before-print',
  'after-print',
] as const;

describe('killed at a labelled point', () => {
  let told: string[] | undefined;
  async function story(play: Play): Promise<void> {
    const coin = await open(homes, play);
    await transfer(coin, 'alice', 'bob', play);
  }

  it.each(rotating(LABELS, 3))(
    '%s: the retry prints what an undisturbed run prints, and the operator holds the shares that it names',
    async (label) => {
      if (!told) {
        const undisturbed: string[] = [];
        await story(async (turn) => {
          const text = await plain(turn);
          undisturbed.push(text);
          return text;
        });
        told = undisturbed;
        homes.remove();
        homes = await new Homes('kill').init();
      }
      let at = 0;
      let kills = 0;
      await story(async ({ who, argv, stdin }) => {
        const killed = await homes.run(who, argv, stdin, { SPILLWAY_STOP_AT: label });
        if (killed.code === null) kills += 1;
        // Only steps that make or end a share come by the points of shares.
        else expect([label.startsWith('share-'), killed.code]).toEqual([true, 0]);
        const expected = told![at++]!;
        if (killed.stdout !== '') expect(killed.stdout).toBe(expected);
        const { code, stdout, stderr } = await homes.run(who, argv, stdin);
        expect([code, stdout], `${argv[0]} of ${who}, killed at ${label}: ${stderr}`).toEqual([0, expected]);
        expect(homes.shares(), `${argv[0]} of ${who}, killed at ${label}`).toEqual(homes.claimed());
        return stdout;
      });
      expect([at, kills >= (label.startsWith('share-') ? 3 : 11)]).toEqual([11, true]);
      expect([homes.shares().length, homes.shares('alice'), homes.shares('bob')]).toEqual([1, [], []]);
    },
  );
});

describe('at once', () => {
  async function crowd({ who, argv, stdin }: Turn, times: number): Promise<string> {
    const before = homes.commits(who);
    const all = await Promise.all(Array.from({ length: times }, () => homes.run(who, argv, stdin)));
    const texts = new Set(all.filter((r) => r.code === 0).map((r) => r.stdout));
    expect(texts.size, all.map((r) => r.stderr).join('')).toBe(1);
    for (const { code } of all) expect([0, 75]).toContain(code);
    expect(homes.commits(who)).toBe(before + 1);
    expect(homes.shares()).toEqual(homes.claimed());
    return [...texts][0]!;
  }

  it('many processes of each step: one takes it, and no share is lost or left', async () => {
    const coin = await open(homes, plain);
    const sizes: Record<string, number> = { operator: 8, alice: 3, bob: 3 };
    await transfer(coin, 'alice', 'bob', (turn) => crowd(turn, sizes[turn.who]!));
    expect(homes.shares()).toHaveLength(1);
    await transfer(coin, 'bob', 'carol', plain);
  });

  it('two transfers of one coin: one is opened, the other hears that the coin is frozen', async () => {
    const coin = await open(homes, plain);
    const invite = (to: Who) => homes.said(to, [TRANSFER, '--as', 'receiver', '--operator', coin['operator']]);
    const offer = async (to: Who) => {
      const offered = await homes.said('alice', [TRANSFER, '--contract', coin['id']], await invite(to));
      await homes.said('alice', [TRANSFER, '--contract', coin['id'], '--cancel']);
      return offered;
    };
    const offers = [await offer('bob'), await offer('carol')];
    const ran = await Promise.all(offers.map((stdin) => homes.run('operator', [TRANSFER], stdin)));
    expect(ran.map((r) => r.code).sort()).toEqual([0, 75]);
    expect(ran.map((r) => r.stderr).join('')).toMatch(/error\[(coin-frozen|concurrent)\]/);
    expect(homes.shares()).toEqual(homes.claimed());
    expect(homes.shares()).toHaveLength(2);
  });

  it('a move while other processes of the operator start: none of them takes its new share for a stray', async () => {
    const coin = await open(homes, plain);
    const received = (await transfer(coin, 'alice', 'bob', plain, 5)).at(-1)!;
    const audits = Array.from({ length: 6 }, () =>
      homes.run('operator', ['statechain-audit', '--contract', coin['id']]),
    );
    const [moved] = await Promise.all([homes.said('operator', [TRANSFER], received), ...audits]);
    await homes.said('bob', [TRANSFER, '--unchecked'], moved);
    expect(homes.shares()).toEqual(homes.claimed());
    await transfer(coin, 'bob', 'carol', plain);
  });
});

describe('homes that were copied or put back', () => {
  it('a copy of the operator has no share and signs nothing, even where the shares were copied too', async () => {
    const coin = await open(homes, plain);
    const received = (await transfer(coin, 'alice', 'bob', plain, 5)).at(-1)!;
    for (const beside of [false, true]) {
      const copy = join(homes.dir, `copy-${beside}`);
      cpSync(homes.home('operator'), copy, { recursive: true });
      if (beside) cpSync(`${homes.home('operator')}.shares`, `${copy}.shares`, { recursive: true });
      const there = { SPILLWAY_HOME: copy };
      const ran = await homes.run('operator', [TRANSFER], received, there);
      expect([ran.code, ran.stdout, ran.stderr]).toEqual([77, '', expect.stringMatching(/^error\[home-restored\]/)]);
      await homes.run('operator', ['restore', '--accept-restore'], '', there);
      const after = await homes.run('operator', [TRANSFER], received, there);
      expect(after.stderr).toMatch(/^error\[contract-restored\]/);
      const audit = parsed(
        (await homes.run('operator', ['statechain-audit', '--contract', coin['id']], '', there)).stdout,
      );
      expect(audit['record'].state).toBe('exit-only');
      const left = existsSync(`${copy}.shares`)
        ? readdirSync(`${copy}.shares`).filter((f) => f.endsWith('.share'))
        : [];
      expect(left).toEqual([]);
    }
    // The original goes on.
    await homes.said('bob', [TRANSFER, '--unchecked'], await homes.said('operator', [TRANSFER], received));
  });

  it('an image of home and shares from before a move: the old share that came back is destroyed once its owner goes on', async () => {
    const coin = await open(homes, plain);
    const received = (await transfer(coin, 'alice', 'bob', plain, 5)).at(-1)!;
    const image = join(homes.dir, 'image');
    cpSync(homes.home('operator'), image, { recursive: true });
    cpSync(`${homes.home('operator')}.shares`, `${image}.shares`, { recursive: true });
    await homes.said('operator', [TRANSFER], received);
    for (const at of ['', '.shares']) {
      rmSync(homes.home('operator') + at, { recursive: true });
      cpSync(image + at, homes.home('operator') + at, { recursive: true });
    }
    expect(homes.shares()).toHaveLength(2);
    await homes.run('operator', ['status']);
    // Only looked at, it could be a copy in the place of its original.
    expect([homes.shares().length, homes.claimed()]).toEqual([2, []]);
    await homes.run('operator', ['restore', '--accept-restore']);
    expect([homes.shares(), homes.claimed()]).toEqual([[], []]);
  });

  it('without the folder of shares nothing is signed, and nothing is lost but that', async () => {
    const coin = await open(homes, plain);
    rmSync(`${homes.home('operator')}.shares`, { recursive: true });
    const requested = await homes.said('alice', ['statechain-withdraw', '--contract', coin['id'], '--feerate', '2']);
    const ran = await homes.run('operator', ['statechain-withdraw'], requested);
    expect([ran.code, ran.stdout, ran.stderr]).toEqual([66, '', expect.stringMatching(/^error\[share-missing\]/)]);
    const left = parsed(await homes.said('alice', ['statechain-exit', '--contract', coin['id'], '--tip', '2000']));
    expect(left['verdict']).toBe('due');
  });
});

describe('on the command line', () => {
  it('help says that it is experimental and what operator and a previous owner can do together', async () => {
    for (const name of ['open', 'transfer', 'withdraw', 'exit', 'audit', 'verify']) {
      const { stdout } = await homes.run('bob', [`statechain-${name}`, '--help']);
      expect(stdout).toMatch(/Experimental: no published analysis/);
      expect(stdout.replace(/\s+/g, ' ')).toMatch(
        /the operator and a previous owner can do together: spend the coin at once/,
      );
      // A decline is a promise, and no more.
      expect(stdout.replace(/\s+/g, ' ')).toMatch(/also after a decline: that is the promise of an honest receiver/);
      expect(stdout.replace(/\s+/g, ' ')).toMatch(/An image of a whole machine put back/);
    }
  });

  it('exit by a bundle on stdin, status, verify by exit code, and flags that are no use', async () => {
    const coin = await open(homes, plain);
    const owned = (await transfer(coin, 'alice', 'bob', plain)).at(-1)!;
    const later = { SPILLWAY_TIP: '1900' };
    const left = await homes.run('bob', ['statechain-exit', '--bundle', '--feerate', '3'], owned, later);
    expect([left.code, parsed(left.stdout)['package'].length]).toEqual([0, 2]);
    const bundle = await homes.said('bob', ['statechain-exit', '--contract', coin['id'].slice(0, 8), '--bundle']);
    writeFileSync(join(homes.dir, 'bundle.json'), bundle);
    const again = await homes.run('bob', ['statechain-exit', '--bundle', 'bundle.json', '--feerate', '3'], '', later);
    expect(parsed(again.stdout)['txids']).toEqual(parsed(left.stdout)['txids']);
    const status = parsed(await homes.said('bob', ['status']));
    expect(status).toMatchObject({ transfers_left: 8, deadline_height: 2000, verdict: 'early' });
    const verify = (argv: string[], stdin = owned) => homes.run('carol', ['statechain-verify', ...argv], stdin);
    const pinned = ['--operator', coin['operator'] as string];
    expect(parsed((await verify(pinned)).stdout)).toMatchObject({ valid: true, checks: { coins: 'not-checked' } });
    expect((await verify(pinned)).code).toBe(3);
    const bad = await verify(['--operator', '11'.repeat(32)]);
    expect([bad.code, parsed(bad.stdout)['findings'].length]).toEqual([0, 2]);
    expect((await verify(['--operator', 'me'])).code).toBe(2);
    expect((await homes.run('bob', ['statechain-exit'])).code).toBe(2);
    expect((await homes.run('bob', ['statechain-exit', '--contract', coin['id'], 'x.json'])).code).toBe(2);
    expect((await homes.run('operator', ['statechain-audit'])).code).toBe(2);
    const contradicting = await homes.run('operator', [OPEN, '--as', 'operator', '--margin', '500']);
    expect([contradicting.code, contradicting.stderr]).toEqual([2, expect.stringMatching(/margin/)]);
    // No secret field is in a stored reply but sealed, and none is printed.
    expect(homes.printed).not.toMatch(/"(share|secret)":/);
  });
});
