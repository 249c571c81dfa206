/** Proof files: those of the reference client byte for byte, every refusal, merging, and altered bytes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256 } from '@noble/hashes/sha2.js';
import { describe, expect, it } from 'vitest';
import { bytesToHex, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import {
  attested,
  bitcoinAttestation,
  DIGEST,
  mergeOts,
  op,
  readOts,
  writeOts,
  type OtsFile,
} from '../../src/lib/notary/ots.ts';
import { parseHeader } from '../../src/lib/bitcoin/header.ts';
import { sentence, stateProof, treeText } from '../../src/lib/notary/proof.ts';
import { Refusal } from '../../src/lib/protocol/refusal.ts';
import { ROOT } from '../cli/run.ts';
import { codeOf } from '../support/refusal.ts';
import { mine } from '../support/headers.ts';
import { proofWith } from '../support/notary.ts';

interface Published {
  name: string;
  ots: string;
  document?: string;
}
const { proofs, invalid } = JSON.parse(readFileSync(join(ROOT, 'fixtures/notary/opentimestamps.json'), 'utf8')) as {
  proofs: Published[];
  invalid: Published[];
};
const recorded = JSON.parse(readFileSync(join(ROOT, 'fixtures/notary/regtest.json'), 'utf8')) as {
  height: number;
  plan: { digest?: string }[];
  headers: string;
  proofs: Record<string, string>;
};
const named = (name: string) => readOts(hexToBytes(proofs.find((p) => p.name === name)!.ots));
const utf8 = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

describe('the example files of the reference client', () => {
  it.each(proofs)('$name is written again byte for byte', ({ ots }) => {
    expect(bytesToHex(writeOts(readOts(hexToBytes(ots))))).toBe(ots);
  });
  it.each(proofs.filter(({ document }) => document !== undefined))(
    '$name is about its document',
    ({ ots, document }) => {
      const { hash, digest } = readOts(hexToBytes(ots));
      expect(bytesToHex(DIGEST[hash](hexToBytes(document!)))).toBe(bytesToHex(digest));
    },
  );
  it.each(invalid)('$name is refused', ({ ots }) => {
    expect(codeOf(() => readOts(hexToBytes(ots)))).toBe('malformed-ots');
  });
  it('name their blocks, calendars and unknown notaries', () => {
    const by = (name: string) =>
      [...attested(named(name))].map(({ attestation: a }) => ('height' in a ? a.height : 'uri' in a ? a.uri : a.tag));
    expect(by('hello-world.txt.ots')).toEqual([358391n]);
    expect(by('known-and-unknown-notary.txt.ots')).toEqual([
      'https://bob.btc.calendar.opentimestamps.org',
      '0102030405060708',
    ]);
  });
  it('are put into words', () => {
    expect(treeText(named('hello-world.txt.ots'))).toMatch(
      /\nattested by bitcoin block 358391, Merkle root [0-9a-f]{64}$/,
    );
    expect(
      treeText(named('two-calendars.txt.ots'))
        .split('\n')
        .filter((line) => line.startsWith('- ')),
    ).toHaveLength(2);
  });
});

describe('a proof', () => {
  const proof = named('gdp2q25-2nd.pdf.ots');
  const [{ message, way }] = [...attested(proof)] as [
    ReturnType<typeof attested> extends Generator<infer T> ? T : never,
  ];
  const header = parseHeader(mine({ previous: '00'.repeat(32), time: 1_756_000_000, root: message }));
  // Two operations hash the transaction, three are a level of the tree.
  const at = way.findLastIndex(({ message: raw }) => raw.length > 100);
  const levels = (way.length - 1 - at - 2) / 3;
  const block = { height: 912095, header, medianTime: null, confirmations: 6, transactions: 2 ** levels };

  it('names the transaction that carried it, where the branch is as deep as the tree', () => {
    expect(stateProof(proof, [block])).toMatchObject({
      status: 'anchored',
      transaction: 'fcf172401ca9d89013f13f5bbf0fc7577cb8a3588bf5cbc3b458ff36635fec00',
    });
    for (const transactions of [2 ** (levels + 1), 2 ** (levels - 1), 1, null])
      expect(stateProof(proof, [{ ...block, transactions }]).transaction).toBeUndefined();
  });
  it('names no transaction where the digest itself would be it', () => {
    const short = proofWith([op('sha256'), op('sha256')]);
    const root = sha256(sha256(short.digest));
    const only = { ...block, height: 7, header: { ...header, root }, transactions: 1 };
    expect(stateProof(short, [only])).toMatchObject({ status: 'anchored', transaction: undefined });
  });
  it('says what it proves in one sentence', () => {
    expect(sentence(stateProof(proof, [block]))).toBe(
      'These bytes existed before block 912095, whose header says 2025-08-24T01:46:40.000Z.',
    );
    expect(sentence(stateProof(proof, [{ ...block, height: null }]))).toContain(`before block ${header.hash},`);
    expect(stateProof(proof, []).status).toBe('not-anchored');
    expect(sentence(stateProof(proof, []))).toBe('No block that was given attests to these bytes.');
    const pending = stateProof(named('merkle1.txt.ots'), []);
    expect(pending.status).toBe('pending');
    expect(sentence(pending)).toMatch(/^Only calendars attest so far: https:\/\/alice\.btc\.calendar/);
  });
  it('of the earliest of several blocks speaks', () => {
    const later = { ...block, header: { ...header, time: header.time + 1 } };
    expect(stateProof(proof, [later, block]).block).toBe(block);
  });
  it('that leads to another root than the block has is refused', () => {
    const other = { ...block, header: { ...header, root: new Uint8Array(32) } };
    expect(codeOf(() => stateProof(proof, [other]))).toBe('root-differs');
    expect(stateProof(proof, [{ ...other, height: 912096 }]).status).toBe('not-anchored');
  });
});

describe('merging', () => {
  const [alice, both] = [named('incomplete.txt.ots'), named('two-calendars.txt.ots')];
  it('keeps each attestation once, whichever comes first', () => {
    const merged = bytesToHex(writeOts(mergeOts(both, both)));
    expect(merged).toBe(bytesToHex(writeOts(both)));
    const pending = {
      ...both,
      timestamp: { ...both.timestamp, attestations: named('unknown-notary.txt.ots').timestamp.attestations },
    };
    const one = bytesToHex(writeOts(mergeOts(both, pending)));
    expect(one).toBe(bytesToHex(writeOts(mergeOts(pending, both))));
    expect(one.length).toBeGreaterThanOrEqual(merged.length);
  });
  it('of proofs of other digests is refused', () => {
    expect(codeOf(() => mergeOts(alice, both))).toBe('digest-differs');
    expect(codeOf(() => mergeOts(alice, named('sha1/a-or-b.ots')))).toBe('digest-differs');
  });
});

describe('other bytes', () => {
  const good = hexToBytes(proofs.find(({ name }) => name === 'two-calendars.txt.ots')!.ots);
  const head = good.subarray(0, 65);
  const read = (...tail: string[]) => codeOf(() => readOts(hexToBytes(bytesToHex(head) + tail.join(''))));
  const pending = '0083dfe30d2ef90c8e';
  const bitcoin = '000588960d73d71901';
  it.each([
    ['cut anywhere', () => [...good.keys()].map((n) => codeOf(() => readOts(good.subarray(0, n))))],
    ['with more behind its end', () => [codeOf(() => readOts(Uint8Array.of(...good, 0)))]],
    ['an unknown operation', () => [read('f4', bitcoin, '0101')]],
    ['an argument of nothing', () => [read('f000', bitcoin, '0101')]],
    [
      'a height of more than eight bytes',
      () => [
        read(bitcoin, '0a80808080808080808002'),
        read(bitcoin, '0b8080808080808080808001'),
        read(bitcoin, '0b8080808080808080808000'),
      ],
    ],
    ['a height with more behind it', () => [read(bitcoin, '020101')]],
    ['the address of a calendar with a space', () => [read(pending, '0302612000'.slice(0, 8))]],
    ['an attestation that ends early', () => [read(bitcoin, '0201')]],
  ])('%s: refused', (_, codes) => {
    expect(new Set(codes())).toEqual(new Set(['malformed-ots']));
  });
  it.each([
    [0n, '00'],
    [127n, '7f'],
    [128n, '8001'],
    [2n ** 63n, '80808080808080808001'],
    [2n ** 64n - 1n, 'ffffffffffffffffff01'],
  ])('a height of %s is %s, written and read', (height, payload) => {
    const attestation = bitcoinAttestation(height);
    expect(bytesToHex(attestation.payload)).toBe(payload);
    const proof = readOts(writeOts(proofWith([], attestation)));
    expect([...attested(proof)][0]!.attestation).toEqual(attestation);
  });
  it('whatever is altered, never the same proof, and none that a block proves', () => {
    // A linear congruential generator: the same alterations at each run.
    let state = 20_261_124;
    const next = (below: number): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state % below;
    };
    let refused = 0;
    const short = proofs.filter(({ ots }) => ots.length < 800).map(({ ots }) => ots);
    const sources = [...short, ...Object.values(recorded.proofs)].map((ots) => hexToBytes(ots));
    const header = parseHeader(hexToBytes(recorded.headers.slice(160 * recorded.height, 160 * (recorded.height + 1))));
    const anchoring = { height: recorded.height, header, medianTime: null, confirmations: 6, transactions: 3 };
    const isAccepted = (proof: OtsFile): boolean =>
      recorded.plan.some(({ digest }) => digest === bytesToHex(proof.digest)) &&
      stateProof(proof, [anchoring]).status === 'anchored';
    const wayOf = (proof: OtsFile): string =>
      [...attested(proof)].flatMap(({ way }) => way.map(({ message }) => bytesToHex(message))).join();
    expect(sources.filter((bytes) => isAccepted(readOts(bytes)))).toHaveLength(5);
    for (let i = 0; i < 100_000; i++) {
      const source = sources[i % sources.length]!;
      const altered = Uint8Array.from(source);
      const at = next(altered.length);
      altered[at] = altered[at]! ^ (1 << next(8));
      try {
        const proof = readOts(altered);
        expect(bytesToHex(writeOts(proof)) === bytesToHex(source)).toBe(false);
        // The last transaction of an odd row is joined with itself: it is the same on either side.
        if (isAccepted(proof) && wayOf(proof) !== wayOf(readOts(source)))
          throw new Error(`${bytesToHex(altered)} is accepted`);
      } catch (error) {
        if (!(error instanceof Refusal) || !/^(?:malformed-ots|root-differs)$/.test(error.code)) throw error;
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(10_000);
  });
  it('a text that is no proof is named so', () => {
    expect(() => readOts(new TextEncoder().encode(utf8(head).padEnd(80, 'x')))).toThrow(/another beginning/);
  });
});
