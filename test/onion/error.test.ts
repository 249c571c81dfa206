/** Error onions, failure messages and attribution data: BOLT4's vectors, and who is blamed for what. */
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { ATTRIBUTION_SIZE } from '../../src/lib/onion/attribution.ts';
import { Fields } from '../../src/lib/protocol/document.ts';
import { buildError, unwrapError, unwrapSuccess, wrapError, type ErrorOnion } from '../../src/lib/onion/error.ts';
import { attribute } from '../../src/lib/onion/attribution.ts';
import { buildErrorDocument, unwrapErrorDocument, wrapErrorDocument } from '../../src/lib/onion/error-document.ts';
import { FAILURES, readFailure, writeFailure } from '../../src/lib/onion/failure.ts';
import { keyFor } from '../../src/lib/onion/keys.ts';
import { onionDigest } from '../../src/lib/onion/answer.ts';
import { bytes, fill, hex, keyOf } from '../support/onion.ts';
import { codeOf, refusal } from '../support/refusal.ts';
import { fixture, vectors } from '../support/vectors.ts';

/** How often an error onion's HMAC was computed. */
const counted = vi.hoisted(() => ({ macs: 0 }));
vi.mock('../../src/lib/onion/keys.ts', async (original) => {
  const real = await original<typeof import('../../src/lib/onion/keys.ts')>();
  const mac: typeof real.mac = (...args) => {
    counted.macs++;
    return real.mac(...args);
  };
  return { ...real, mac };
});

const simple = fixture('onion/error.json');
const traced = fixture('onion/attribution.json');
const packet = fixture('onion/packet.json');
const document = (json: object) => new Fields(json as never, '', []);
const secretsOf = (route: number) => Array.from({ length: route }, (_, i) => fill(i + 1));
/** Hop `failing` fails; the hops before it wrap. Hold times are 10, 11, … from the origin. */
function failed(
  route: number,
  failing: number,
  spoil: (onion: ErrorOnion, hop: number) => ErrorOnion = (o) => o,
): ErrorOnion {
  const secrets = secretsOf(route);
  let onion = spoil(buildError(secrets[failing]!, bytes('2002'), { holdTime: BigInt(10 + failing) }), failing);
  for (let hop = failing - 1; hop >= 0; hop--) onion = spoil(wrapError(secrets[hop]!, onion, BigInt(10 + hop)), hop);
  return onion;
}

describe("BOLT4's error onion", () => {
  it('is built and wrapped byte for byte, and unwrapped', () => {
    const secrets = simple.shared_secrets.map(bytes);
    expect(simple.ammag_keys).toEqual(secrets.map((secret: Uint8Array) => hex(keyFor('ammag', secret))));
    expect(hex(keyFor('um', secrets[4]))).toBe(simple.um_key);
    let onion = buildError(secrets[4], bytes(simple.failure_message));
    for (const secret of secrets.slice(0, 4).reverse()) onion = wrapError(secret, onion);
    expect(hex(onion.error)).toBe(simple.error);
    expect(unwrapErrorDocument(document({ shared_secrets: simple.shared_secrets, error: simple.error }))).toMatchObject(
      {
        hop: 4,
        failure_code: '2002',
        failure: 'temporary_node_failure',
        failure_message: '2002',
      },
    );
  });
  // The text numbers the hold times by node; its bytes have them from the erring node on: node 4 says 1.
  it('carries attribution data byte for byte: hold times and 210 MACs', () => {
    let onion: ErrorOnion | undefined;
    for (const [i, hop] of traced.hops.entries()) {
      const [secret, time] = [bytes(hop.shared_secret), BigInt(traced.hold_times[i])];
      onion = onion
        ? wrapError(secret, onion, time)
        : buildError(secret, bytes(traced.failure_message), { padTo: traced.pad_to, holdTime: time });
      expect(hex(onion.error)).toBe(hop.error_packet);
      expect(hex(onion.attribution!)).toBe(hop.attribution_data);
    }
    const secrets = traced.hops.map((hop: any) => hop.shared_secret).reverse();
    const found = unwrapErrorDocument(
      document({ shared_secrets: secrets, error: hex(onion!.error), attribution_data: hex(onion!.attribution!) }),
    );
    expect(found).toMatchObject({
      hop: 4,
      failure: 'incorrect_or_unknown_payment_details',
      data: { htlc_msat: 100n, height: 800000n },
      tlvs: { 34001: '80'.repeat(300) },
      hold_times: [5n, 4n, 3n, 2n, 1n],
      blame: null,
    });
    const bulk = vectors('bolt4/returning-errors-attributable.json');
    if (bulk) expect(traced.hops.map((h: any) => h.error_packet)).toEqual(bulk.hops.map((h: any) => h.error_packet));
  });
  it('and the hold times of a payment that succeeded', () => {
    let data: Uint8Array | undefined;
    traced.hops.forEach((hop: any, i: number) => {
      data = attribute(bytes(hop.shared_secret), new Uint8Array(), BigInt(traced.hold_times[i]), data);
      expect(hex(data)).toBe(traced.success[i]);
    });
    const secrets = traced.hops.map((hop: any) => bytes(hop.shared_secret)).reverse();
    expect(unwrapSuccess(secrets, data!)).toEqual({ holdTimes: [5n, 4n, 3n, 2n, 1n], blamed: undefined });
    const json = { shared_secrets: secrets.map(hex), attribution_data: hex(data!) };
    expect(unwrapErrorDocument(document(json))).toMatchObject({
      hop: null,
      hold_times: [5n, 4n, 3n, 2n, 1n],
      blame: null,
    });
  });
});

describe('the origin', () => {
  it('finds every failing hop of every route up to 27, with the hold times of the first 20', () => {
    for (const route of [1, 2, 19, 20, 21, 27])
      for (const failing of new Set([0, route >> 1, Math.min(19, route - 1), route - 1])) {
        const found = unwrapError(secretsOf(route), failed(route, failing));
        expect(found).toMatchObject({ hop: failing, message: bytes('2002') });
        // Behind the 20th hop no MAC stands for a hop at that distance: who fails there pushes the first ones out.
        if (failing < 20) {
          expect(found.blamed).toBeUndefined();
          expect(found.holdTimes).toEqual(Array.from({ length: failing + 1 }, (_, i) => BigInt(10 + i)));
        }
      }
  });
  it('blames the hop that alters the error, or the one behind it', () => {
    for (const spoiler of [0, 1, 2, 3]) {
      const onion = failed(5, 4, (o, hop) =>
        hop === spoiler ? { ...o, error: Uint8Array.from(o.error, (b, i) => (i === 40 ? b ^ 1 : b)) } : o,
      );
      expect(unwrapError(secretsOf(5), onion)).toMatchObject({ hop: undefined, blamed: spoiler });
      const json = {
        shared_secrets: secretsOf(5).map(hex),
        error: hex(onion.error),
        attribution_data: hex(onion.attribution!),
      };
      expect(unwrapErrorDocument(document(json))).toMatchObject({
        hop: null,
        blame: { hop: spoiler, or_before: spoiler > 0 ? spoiler - 1 : null },
      });
    }
  });
  it('blames for an altered hold time, and still reads the error', () => {
    const onion = failed(5, 4, (o, hop) =>
      hop === 2 ? { ...o, attribution: Uint8Array.from(o.attribution!, (b, i) => (i === 3 ? b ^ 1 : b)) } : o,
    );
    expect(unwrapError(secretsOf(5), onion)).toMatchObject({ hop: 4, blamed: 2, holdTimes: [10n, 11n] });
  });
  it('does the same work for every hop and every length of the route', () => {
    const rounds = (route: number, failing: number) => {
      const { error } = failed(route, failing);
      counted.macs = 0;
      unwrapError(secretsOf(route), { error });
      return counted.macs;
    };
    expect([rounds(1, 0), rounds(5, 0), rounds(5, 4), rounds(27, 26)]).toEqual([27, 27, 27, 27]);
  });
  it('refuses what nobody on the route has made', () => {
    const onion = failed(3, 2);
    const json = { shared_secrets: secretsOf(2).map(hex), error: hex(onion.error) };
    expect(codeOf(() => unwrapErrorDocument(document(json)))).toBe('error-unreadable');
    for (const error of ['', 'aa'.repeat(35)])
      expect(codeOf(() => unwrapErrorDocument(document({ ...json, error })))).toBe('error-size');
    for (const attribution_data of ['', 'aa'.repeat(ATTRIBUTION_SIZE - 1), 'aa'.repeat(ATTRIBUTION_SIZE + 1)])
      expect(codeOf(() => unwrapErrorDocument(document({ ...json, attribution_data })))).toBe('error-size');
    for (const other of [5, null, [json.shared_secrets[1]]])
      expect(
        refusal(() => unwrapErrorDocument(document({ ...json, shared_secrets: [json.shared_secrets[0], other] }))),
      ).toMatchObject({ code: 'malformed-message', message: 'shared_secrets[1]: 32 bytes in hex expected' });
    for (const bad of [{}, { shared_secrets: [] }, { shared_secrets: ['aa'] }, { shared_secrets: json.shared_secrets }])
      expect(codeOf(() => unwrapErrorDocument(document(bad)))).toBe('malformed-message');
  });
  it('finds nobody behind the route, whose secrets it fills up with zeros', () => {
    const [one, two] = secretsOf(2) as [Uint8Array, Uint8Array];
    const onion = wrapError(one, wrapError(two, buildError(new Uint8Array(32), bytes('2002'))));
    expect(unwrapError([one, two], onion)).toMatchObject({ hop: undefined, message: undefined });
    expect(unwrapError([one, two, new Uint8Array(32)], onion)).toMatchObject({ hop: 2, message: bytes('2002') });
  });
  it('no bytes make it crash', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 36, maxLength: 400 }), (error) => {
        expect(unwrapError(secretsOf(3), { error }).hop).toBeUndefined();
      }),
      { numRuns: 50 },
    );
  });
});

describe('failure messages', () => {
  it.each(Object.keys(FAILURES))('%s comes back from its bytes', (name) => {
    const [code, parts] = FAILURES[name]!;
    const data = Object.fromEntries(
      Object.entries(parts).map(([key, part]) => [
        key,
        part === 'sha256' ? 'ab'.repeat(32) : part === 'update' ? 'cdef' : 7,
      ]),
    );
    const message = writeFailure(name, new Fields(data as never, 'data', []));
    expect(message[0]! * 256 + message[1]!).toBe(code);
    const numbers = Object.fromEntries(Object.entries(data).map(([key, value]) => [key, value === 7 ? 7n : value]));
    expect(readFailure(message)).toMatchObject({ failure: name, data: numbers });
  });
  it('that are unknown, cut or extended are told as far as they go', () => {
    expect(readFailure(bytes('4099'))).toMatchObject({
      failure: 'unknown',
      failure_code: '4099',
      flags: ['perm'],
      data: {},
    });
    expect(readFailure(bytes('400f00'))).toMatchObject({
      failure: 'incorrect_or_unknown_payment_details',
      data: { raw: '00' },
    });
    expect(readFailure(bytes('4016'))).toMatchObject({ failure: 'invalid_onion_payload', data: {} });
    expect(readFailure(new Uint8Array())).toMatchObject({ failure: 'unknown', failure_code: '0000' });
    expect(readFailure(bytes('20020101aa'))).toMatchObject({ tlvs: { 1: 'aa' } });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (any) => void readFailure(any)),
      { numRuns: 2000 },
    );
  });
});

it('a failure of no known name is not written', () => {
  for (const name of ['nonsense', '', 'toString', '__proto__'])
    expect(refusal(() => writeFailure(name, document({})))).toMatchObject({
      code: 'malformed-message',
      message: `a failure found that is not known: ${name}`,
    });
});

describe('onion-error documents', () => {
  const shared_secret = hex(fill(1));
  it('build by name, by code, and by whole message', () => {
    const build = (json: object) => (buildErrorDocument(document({ shared_secret, ...json })) as any).error;
    const named = build({ failure: 'temporary_node_failure' });
    expect(build({ failure_code: '2002' })).toBe(named);
    expect(build({ failure_message: '2002' })).toBe(named);
    expect(build({ failure: 'final_incorrect_htlc_amount', data: '0000000000000007' })).toBe(
      build({ failure: 'final_incorrect_htlc_amount', data: { incoming_htlc_amt: 7 } }),
    );
    expect(build({ failure: 'temporary_node_failure', pad_to: 1000 }).length).toBe(2 * (36 + 1000));
  });
  it('take the secret from the packet and the key', () => {
    const json = { onion: packet.onion, failure: 'temporary_node_failure' };
    const [first] = simple.shared_secrets;
    expect(buildErrorDocument(document(json), keyOf(0))).toMatchObject({
      error: (buildErrorDocument(document({ shared_secret: first, failure: 'temporary_node_failure' })) as any).error,
    });
    expect(wrapErrorDocument(document({ onion: packet.onion, error: 'aa'.repeat(292) }), keyOf(0))).toEqual(
      wrapErrorDocument(document({ shared_secret: first, error: 'aa'.repeat(292) })),
    );
  });
  it('say sha256_of_onion for packets that cannot be read', () => {
    const made = buildErrorDocument(document({ onion: packet.onion, failure: 'invalid_onion_hmac' }));
    expect(made).toMatchObject({ failure_code: 'c005', sha256_of_onion: onionDigest(bytes(packet.onion)) });
    expect(made).not.toHaveProperty('error');
    const unparsable = `00${'05'.repeat(33)}${packet.onion.slice(68)}`;
    expect(buildErrorDocument(document({ onion: unparsable, failure: 'invalid_onion_key' }), keyOf(0))).toMatchObject({
      sha256_of_onion: onionDigest(bytes(unparsable)),
    });
    // The hop before makes an error onion of it.
    expect(
      buildErrorDocument(
        document({ shared_secret, failure: 'invalid_onion_hmac', data: { sha256_of_onion: 'ab'.repeat(32) } }),
      ),
    ).toHaveProperty('error');
  });
  it('refuse what is missing or unknown', () => {
    for (const json of [
      { shared_secret },
      { failure: 'temporary_node_failure' },
      { shared_secret, failure: 'nonsense' },
      { shared_secret, failure_code: '20' },
      { shared_secret, failure: 'mpp_timeout', failure_code: '2002' },
      { shared_secret, failure: 'temporary_node_failure', pad_to: 10 },
      { shared_secret, failure: 'invalid_onion_hmac' },
    ])
      expect(
        codeOf(() => buildErrorDocument(document(json))),
        JSON.stringify(json),
      ).toBe('malformed-message');
    expect(codeOf(() => buildErrorDocument(document({ shared_secret, failure_message: 'aa'.repeat(65_530) })))).toBe(
      'error-size',
    );
    expect(codeOf(() => buildErrorDocument(document({ onion: '00'.repeat(1366), failure: 'mpp_timeout' }), 5n))).toBe(
      'onion-point',
    );
    expect(codeOf(() => wrapErrorDocument(document({ shared_secret, error: '' })))).toBe('error-size');
  });
});
