/** Failures of commands: code, exit code and words, as text and as JSON. */
import { describe, expect, it } from 'vitest';
import { commandFailure, errorFormat, EXITS, codesOf, type ExitCode } from '../../src/lib/cli/errors.ts';
import { errorObject } from '../../src/lib/engine/failure.ts';
import { ERRORS, Refusal, type ErrorCode } from '../../src/lib/protocol/refusal.ts';

describe('failures of commands', () => {
  it('keeps what a refusal says', () => {
    const refusal = new Refusal('state-moved-on', '5 found, 6 expected', { hint: 'ask again', blame: 'payee' });
    expect(commandFailure(refusal)).toEqual({
      code: 'state-moved-on',
      exit: 75,
      message: '5 found, 6 expected',
      hint: 'ask again',
      blame: 'payee',
    });
  });
  it('takes an error of oclif with exit 2 as usage, on one line without colours', () => {
    const error = Object.assign(
      new Error(
        'The following error occurred:\n  \u001b[2mMissing required flag network\u001b[22m\nSee more help with --help',
      ),
      { oclif: { exit: 2 } },
    );
    expect(commandFailure(error)).toMatchObject({ code: 'usage', exit: 2, message: '--network is missing' });
  });
  it('takes what the system says of a file as such, and other errors as a fault of the program', () => {
    const denied = Object.assign(new Error("EACCES: permission denied, open '/x'"), {
      code: 'EACCES',
      syscall: 'open',
      path: '/x',
    });
    expect(commandFailure(denied)).toMatchObject({ code: 'cannot-write', exit: 73, message: denied.message });
    expect(commandFailure(Object.assign(new Error('EACCES'), { code: 'EACCES' })).code).toBe('bug');
  });

  it('unwraps what the parser of a flag says', () => {
    const refusal = new Refusal('usage', 'x');
    refusal.message = 'Parsing --amount \n\t"1e5" found\nSee more help with --help';
    expect(commandFailure(refusal).message).toBe('--amount: "1e5" found');
  });
  it.each([[new TypeError('x is undefined')], ['a string'], [undefined]])('takes %o as a bug', (thrown) => {
    expect(commandFailure(thrown)).toMatchObject({ code: 'bug', exit: 70 });
  });
  it('escapes and cuts what an attacker wrote', () => {
    const { message, hint, blame } = commandFailure(
      new Refusal('malformed', `\u001b[2J${'x'.repeat(9999)}`, { hint: 'a\u0007', blame: 'b\u0007' }),
    );
    expect(message.startsWith('\\u001b[2Jxx')).toBe(true);
    expect(message.length).toBeLessThanOrEqual(500);
    expect([hint, blame]).toEqual(['a\\u0007', 'b\\u0007']);
  });
});

describe('errorFormat', () => {
  it.each([
    [['--error-format', 'json'], 'json'],
    [['x', '--error-format=json', '--bad'], 'json'],
    [['--error-format', 'text'], 'text'],
    [['json'], 'text'],
    [['--', '--error-format=json'], 'text'],
    [[], 'text'],
  ] as const)('%j is %s', (argv, format) => expect(errorFormat(argv)).toBe(format));
});

it('an object of a failure has a stable order', () => {
  expect(Object.keys((errorObject(commandFailure(new Refusal('bug', 'x'))) as { error: object }).error)).toEqual([
    'code',
    'exit',
    'message',
    'hint',
    'blame',
  ]);
});

it('every error code belongs to a family of exit codes', () => {
  const known = (Object.keys(EXITS) as unknown as ExitCode[]).flatMap((exit) => codesOf(Number(exit) as ExitCode));
  expect(known.toSorted()).toEqual((Object.keys(ERRORS) as ErrorCode[]).toSorted());
});

it('69 is only what passes by itself, so that a supervisor that tries again ends', () => {
  expect(codesOf(69).sort()).toEqual(
    [
      'chain-unavailable',
      'chain-stale',
      'funding-missing',
      'funding-unconfirmed',
      'coin-missing',
      'store-unavailable',
      'mint-unavailable',
      'outside-failed',
      'cannot-listen',
      'busy',
      'stopping',
      'too-slow',
      'worker-lost',
    ].sort(),
  );
  const exits = (codes: ErrorCode[]): number[] => codes.map((code) => ERRORS[code][0]);
  expect(exits(['store-damaged', 'share-missing'])).toEqual([65, 66]);
  const unsafe = [
    'store-foreign',
    'store-newer',
    'store-unsafe',
    'commit-unsynced',
    'store-pooled',
    'network-disk',
    'node-too-old',
  ];
  expect(exits(unsafe as ErrorCode[])).toEqual(unsafe.map(() => 77));
});
