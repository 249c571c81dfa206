/**
 * What is not a message of the action: each contract command ends with 65, one line of error (and perhaps a hint), nothing
 * on stdout, and a home that was not touched. And what its errors look like to machines, closed pipes, secrets.
 */
import fc from 'fast-check';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bash } from '../cli/run.ts';
import { openOwn, parsed, pay, secretsOf, WHO, World, type Dump } from '../support/spillway.ts';

const COMMANDS = ['open-credit', 'sign-update', 'rollover', 'close-credit'] as const;
type Command = (typeof COMMANDS)[number];
/** The payer reads: in each action it answers the first message of the payee. */
const messages = {} as Record<Command, string>;
const flags: Record<Command, string[]> = {
  'open-credit': ['--amount', '1000000', '--expires', '+4320'],
  'sign-update': ['--max', '1000000'],
  rollover: ['--expires', '+4320'],
  'close-credit': [],
};
let world: World;
let id: string;
let psbt: Buffer;
let untouched: Dump;

beforeAll(async () => {
  world = await World.make();
  id = (await world.play(openOwn(await world.coin(1_300_000))))['contract'].id;
  await world.play(pay(id, 50_000));
  messages['open-credit'] = await world.said('payee', ['open-credit', '--as', 'payee']);
  messages['sign-update'] = await world.said('payee', ['sign-update', '--contract', id, '--amount', '900']);
  messages.rollover = await world.said('payee', ['rollover', '--contract', id]);
  messages['close-credit'] = await world.said('payee', ['close-credit', '--contract', id]);
  psbt = Buffer.from(parsed(messages['sign-update'])['psbt'].update, 'base64');
  untouched = world.dump('payer');
});
afterAll(() => {
  expect(world.leaks()).toEqual([]);
  world.remove();
});

const other = (command: Command): Command => COMMANDS[(COMMANDS.indexOf(command) + 1) % COMMANDS.length]!;
const changed = (message: string, change: object): string => JSON.stringify({ ...parsed(message), ...change });

/** What each command is given, made from the message that it would take, and the code that it ends with. */
const BAD: Record<string, readonly [code: RegExp, input: (message: string, command: Command) => string | Uint8Array]> =
  {
    nothing: [/malformed/, () => ''],
    'white space': [/malformed/, () => ' \n\t\n'],
    words: [/malformed/, () => 'error: no such contract\n'],
    'a message that was cut': [/malformed-json/, (m) => m.slice(0, -20)],
    'the half of a message': [/malformed-json/, (m) => m.slice(0, m.length / 2)],
    'one brace': [/malformed-json/, () => '{'],
    'two messages': [/malformed-json/, (m) => m + m],
    'a list of messages': [/malformed-message/, (m) => `[${m}]`],
    'an empty object': [/unknown-type/, () => '{}'],
    'a repeated key': [/malformed-json/, (m) => m.replace('{"type"', '{"network":"regtest","type"')],
    __proto__: [/malformed-json/, (m) => m.replace('{"type"', '{"__proto__":{},"type"')],
    'too many levels': [/malformed-json/, () => '['.repeat(100_000)],
    'another type': [/unknown-type/, (_, command) => messages[other(command)]],
    'an unknown type': [/unknown-type/, (m) => changed(m, { type: 'sign-upgrade' })],
    'an unknown version': [/unknown-version/, (m) => changed(m, { version: 2 })],
    'an unknown step': [/unknown-step/, (m) => changed(m, { step: 'constructor' })],
    'another network': [/wrong-network/, (m) => changed(m, { network: 'signet' })],
    'a field too much': [/malformed-message/, (m) => changed(m, { note: 'thanks' })],
    'a field too few': [/malformed-message/, (m) => changed(m, { auth: undefined })],
    'a number where text belongs': [/malformed-message/, (m) => changed(m, { auth: 7 })],
    'a fraction': [/malformed-message/, (m) => changed(m, { auth: 0.5 })],
    'capitals in hex': [/malformed-message/, (m) => changed(m, { auth: 'AB'.repeat(64) })],
    'more than a megabyte': [/too-large/, (m) => changed(m, { note: 'x'.repeat(1_000_000) })],
    'a PSBT (binary)': [/malformed/, () => psbt],
    'a PSBT (base64)': [/malformed/, () => psbt.toString('base64')],
    'a PSBT (hex)': [/malformed/, () => psbt.toString('hex')],
    'UTF-16': [/malformed/, (m) => Buffer.from(`\ufeff${m}`, 'utf16le')],
    'UTF-16 without its mark': [/malformed-json/, (m) => Buffer.from(m, 'utf16le')],
    'UTF-8 with a mark': [/malformed/, (m) => `\ufeff${m}`],
    'bytes that are not UTF-8': [
      /malformed-json/,
      (m) => Buffer.concat([Buffer.from(m.slice(0, -2)), Buffer.of(0xff)]),
    ],
    'a zero byte': [/malformed-json/, (m) => `${m}\0`],
  };

describe.each(COMMANDS)('%s', (command) => {
  it('takes none of what is no message of its own, and says why in a line', async () => {
    const all = Object.entries(BAD).map(async ([what, [code, input]]) => {
      const {
        code: exit,
        stdout,
        stderr,
      } = await world.warm('payer', [command, ...flags[command]], input(messages[command], command));
      expect([what, exit, stdout], stderr).toEqual([what, 65, '']);
      expect(stderr, what).toMatch(/^error\[[a-z-]+\]: [^\n]+\n(hint: [^\n]+\n)?$/);
      expect(stderr.split(']')[0], what).toMatch(new RegExp(`^error\\[(${code.source})$`));
    });
    await Promise.all(all);
    expect(world.dump('payer')).toEqual(untouched);
  });

  it('says it to machines in one line of JSON', async () => {
    const argv = [command, ...flags[command], '--error-format', 'json'];
    const { code, stdout, stderr } = await world.run('payer', argv, messages[other(command)]);
    expect([code, stdout, stderr.trimEnd().split('\n').length]).toEqual([65, '', 1]);
    expect(parsed(stderr)).toEqual({
      error: {
        code: 'unknown-type',
        exit: 65,
        message: expect.stringContaining(command),
        hint: expect.stringContaining(`spillway ${other(command)} reads it`),
      },
    });
  });

  it('refuses the same in the lines of a batch, one object each', async () => {
    const oneLine = Object.entries(BAD).filter(([, [, input]]) => {
      const bytes = Buffer.from(input(messages[command], command) as string);
      return !bytes.subarray(0, -1).includes(0x0a) && bytes.length > 0;
    });
    const lines = oneLine.map(([, [, input]]) => {
      const bytes = Buffer.from(input(messages[command], command) as string);
      return bytes.at(-1) === 0x0a ? bytes : Buffer.concat([bytes, Buffer.of(0x0a)]);
    });
    const { code, stdout, stderr } = await world.run(
      'payer',
      [command, ...flags[command], '--batch'],
      Buffer.concat(lines),
    );
    expect([code, stderr]).toEqual([65, '']);
    const errors = stdout.trimEnd().split('\n').map(parsed);
    expect(errors.map(({ error }) => error.exit)).toEqual(lines.map(() => 65));
    expect(world.dump('payer')).toEqual(untouched);
  });
});

describe('anything else', () => {
  it('200 times: bytes, JSON, messages that were damaged', async () => {
    const lines = fc.oneof(
      fc.uint8Array({ maxLength: 300 }).map((bytes) => ['noise', Buffer.from(bytes)] as const),
      fc.json().map((text) => ['noise', Buffer.from(text)] as const),
      fc.tuple(fc.constantFrom(...COMMANDS), fc.double({ min: 0, max: 0.999, noNaN: true })).map(([from, part]) => {
        const message = Buffer.from(messages[from].trimEnd());
        return ['noise', message.subarray(0, Math.floor(message.length * part))] as const;
      }),
      fc.tuple(fc.constantFrom(...COMMANDS), fc.nat(), fc.integer({ min: 1, max: 255 })).map(([from, at, by]) => {
        const message = Buffer.from(messages[from].trimEnd());
        // Each run replaces what its checks say, whatever stands there.
        message[at % message.indexOf('"checks"')]! ^= by;
        return ['damaged', message] as const;
      }),
    );
    for (const from of COMMANDS) expect(messages[from]).toContain('"checks"');
    const samples = fc.sample(fc.tuple(fc.constantFrom(...COMMANDS), lines), 200);
    // Four at a time: each is a process.
    const queue = [...samples];
    const worker = async (): Promise<void> => {
      for (let next = queue.pop(); next; next = queue.pop()) {
        const [command, [kind, input]] = next;
        const { code, stdout, stderr } = await world.warm('payer', [command, ...flags[command]], input);
        const words = `${command} < ${input.toString('base64')}: ${stderr}`;
        expect([65, ...(kind === 'damaged' ? [66, 75, 76, 77] : [])], words).toContain(code);
        expect(stdout, words).toBe('');
        expect(stderr, words).toMatch(/^error\[[a-z-]+\]: [^\n]+\n(hint: [^\n]+\n)?$/);
      }
    };
    await Promise.all([worker(), worker(), worker(), worker()]);
    expect(world.dump('payer')).toEqual(untouched);
  });
});

describe('pipes', () => {
  it('a reader that has gone is no fault, and what was answered is stored', async () => {
    const env = world.env('payee');
    const line = `set -o pipefail; spillway sign-update --contract ${id} --amount 3100 | true; echo $?`;
    // The close that is proposed keeps updates away: a contract of its own.
    const fresh = (await world.play(openOwn(await world.coin(1_300_000), 1_100_000)))['contract'].id;
    expect(await bash(line.replace(id, fresh), { env })).toMatchObject({ stdout: '0\n', stderr: '' });
    const again = await world.said('payee', ['sign-update', '--contract', fresh, '--amount', '3100']);
    expect(world.dump('payee').nonces.filter(({ of_claim }) => of_claim === `id:${fresh}`)).toHaveLength(1);

    const batch = join(world.dir, 'batch.ndjson');
    writeFileSync(batch, again.repeat(200));
    const cut = await bash(`spillway sign-update --batch --max 10000 < ${batch} | head -1`, {
      env: world.env('payer'),
    });
    expect(cut).toMatchObject({ code: 0, stderr: '' });
    expect(cut.stdout).toBe(await world.said('payer', ['sign-update', '--max', '10000'], again));
  });
});

describe('secrets', () => {
  it('are found where they are, so that not finding them means something', async () => {
    const { printed } = world;
    for (const who of WHO) {
      const secrets = secretsOf(world.home(who));
      expect(secrets.length).toBeGreaterThan(20);
      printed.push(`{"key":"${secrets.at(-1)}"}`);
      expect(world.leaks()).toContain(secrets.at(-1));
      printed.pop();
      printed.push(readFileSync(join(world.home(who), 'seed'), 'utf8'));
      expect(world.leaks().length).toBeGreaterThan(5);
      printed.pop();
    }
    expect(world.leaks()).toEqual([]);
  });

  it('are in no error, be it with its stack', async () => {
    const debug = { SPILLWAY_DEBUG: '1' };
    await world.run('payer', ['sign-update', '--max', '10'], messages['sign-update'], debug);
    await world.run('payer', ['sign-update'], messages['sign-update'], debug);
    await world.run('payer', ['init', '--network', 'regtest'], '', debug);
    const words = world.dir;
    writeFileSync(
      join(words, 'words'),
      parsed(readFileSync(join(world.home('payer'), 'seed'), 'utf8'))['mnemonic'] + ' zebra',
    );
    const argv = ['init', '--home', join(world.dir, 'new'), '--network', 'regtest', '--mnemonic-fd', '0'];
    expect((await world.run('payer', argv, readFileSync(join(words, 'words')).toString(), debug)).code).toBe(65);
    expect(world.leaks()).toEqual([]);
  });
});
