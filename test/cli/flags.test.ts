/** Flags that many commands share: amounts, heights, feerates, URLs without passwords. */
import { describe, expect, it } from 'vitest';
import { door } from '../../src/lib/cli/door.ts';
import {
  actionArg,
  chainFlags,
  choiceFlag,
  countFlag,
  feerateFlag,
  heightFlag,
  homeFlags,
  inGroup,
  repeated,
  satFlag,
  switchFlag,
  textFlag,
} from '../../src/lib/cli/flags.ts';
import { command, refusedCommand } from '../support/command.ts';

/** What a flag makes of a text, as oclif's parser asks it. */
const parse = async (flag: object, input: string, argv: string[] = []): Promise<unknown> => {
  const { parse } = flag as { parse(input: string, context: object, options: object): Promise<unknown> };
  return parse(input, { argv }, {}).catch((error: { code: string }) => error.code);
};

it('satFlag takes whole satoshis only', async () => {
  for (const [text, sat] of [
    ['0', 0n],
    ['2100000000000000', 2_100_000_000_000_000n],
  ] as const) {
    expect(await parse(satFlag(''), text)).toBe(sat);
  }
  for (const text of ['', '-1', '+1', '1e5', '1.0', '1_000', '1,000', ' 1', '0x10', '01', '2100000000000001', '١']) {
    expect(await parse(satFlag(''), text), text).toBe('usage');
  }
});

it('heightFlag ends where lock times mean seconds', async () => {
  expect(await parse(heightFlag(''), '499999999')).toBe(499_999_999);
  for (const text of ['500000000', '-1', '1.5', '007', ''])
    expect(await parse(heightFlag(''), text), text).toBe('usage');
});

it('feerateFlag reads decimals through their text', async () => {
  for (const [text, rate] of [
    ['0.1', 100],
    ['1', 1000],
    ['2.345', 2345],
    ['1.1', 1100],
    ['5000', 5_000_000],
  ] as const) {
    expect(await parse(feerateFlag(''), text)).toBe(rate);
  }
  for (const text of ['0', '0.099', '1.2345', '5000.001', '1e3', '-1', '.5', '1.', '']) {
    expect(await parse(feerateFlag(''), text), text).toBe('usage');
  }
});

describe('--chain', () => {
  const secret = 'http://me:secret@127.0.0.1:8332';
  it('takes a password from the variable', async () => expect(await parse(chainFlags.chain, secret)).toBe(secret));
  it.each([[['--chain', secret]], [[`--chain=${secret}`]]])('refuses one on the command line: %j', async (argv) => {
    expect(await parse(chainFlags.chain, secret, argv)).toBe('usage');
  });
  it.each(['ftp://x', 'https://x', 'node', ''])('refuses %o', async (url) =>
    expect(await parse(chainFlags.chain, url)).toBe('usage'),
  );
});

describe('--store', () => {
  const secret = 'postgres://me:secret@127.0.0.1/mint';
  it('takes a password from the variable', async () => expect(await parse(homeFlags.store, secret)).toBe(secret));
  it('takes a URL without one', async () => {
    for (const url of ['postgresql://me@host:5433/mint', 'postgres:///mint?host=/run/postgresql'])
      expect(await parse(homeFlags.store, url, ['--store', url])).toBe(url);
  });
  it.each([[['--store', secret]], [[`--store=${secret}`]]])('refuses one on the command line: %j', async (argv) => {
    expect(await parse(homeFlags.store, secret, argv)).toBe('usage');
  });
  it.each(['http://x', 'mysql://x/y', 'store.db', ''])('refuses %o', async (url) =>
    expect(await parse(homeFlags.store, url)).toBe('usage'),
  );
});

it('no flag has a default that a manifest would carry to other machines', () => {
  for (const flag of Object.values({ ...homeFlags, ...chainFlags })) expect(flag).not.toHaveProperty('default');
});

describe('a flag by its words', () => {
  const Every = door({
    summary: 'Every kind',
    description: 'Every kind.',
    examples: [],
    args: { action: actionArg(['make', 'verify']) },
    flags: {
      name: textFlag('A name', 'NAME', { required: true }),
      ...inGroup('MORE', { tag: textFlag('A tag', 'TAG', repeated), days: countFlag('Days', { least: 1, most: 9 }) }),
      size: countFlag('A size', [2], { default: 5 }),
      form: choiceFlag(['text', 'json'], 'Its form', { default: 'text' }),
      dry: switchFlag('Change nothing', { exclusive: ['days'] }),
    },
    run: ({ name, tag, days, size, form, dry }, { action }) => {
      // Flags that are required or have a default are never undefined, by their types.
      const sure: [string, number, 'text' | 'json', 'make' | 'verify', boolean] = [
        name,
        size,
        form,
        action,
        dry ?? false,
      ];
      const maybe: [string[] | undefined, number | undefined] = [tag, days];
      return { sure, maybe: maybe.map((value) => value ?? null) };
    },
  });
  it('has the value that its options say', async () => {
    const made = await command(Every, ['make', '--name', 'a']);
    expect(made.stdout).toBe('{"sure":["a",5,"text","make",false],"maybe":[null,null]}\n');
    const given = ['--name', 'a', '--tag', 'b', '--tag', 'c', '--days', '9', '--size', '2', '--form', 'json', 'verify'];
    expect(JSON.parse((await command(Every, given)).stdout)).toEqual({
      sure: ['a', 2, 'json', 'verify', false],
      maybe: [['b', 'c'], 9],
    });
  });
  it.each([
    ['no name', ['make']],
    ['another action', ['sell', '--name', 'a']],
    ['another form', ['make', '--name', 'a', '--form', 'xml']],
    ['more than the row of limits has', ['make', '--name', 'a', '--days', '10']],
    ['less than the range has', ['make', '--name', 'a', '--size', '1']],
    ['two that exclude each other', ['make', '--name', 'a', '--dry', '--days', '2']],
  ])('refuses %s', async (_, argv) => void (await refusedCommand(Every, argv, 'usage')));
  it('stands in its group of the help', () => {
    expect([Every.flags['tag']!.helpGroup, Every.flags['name']!.helpGroup]).toEqual(['MORE', undefined]);
  });
});
