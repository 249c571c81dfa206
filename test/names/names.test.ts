/** Names and their proofs: the published ones, each byte of one altered, LDK, and zones made here for what those do not have. */
import { describe, expect, it } from 'vitest';
import OfferBind from '../../src/commands/offer/bind.ts';
import OfferResolve from '../../src/commands/offer/resolve.ts';
import { verifyDnsSignature as verify } from '../../src/commands/offer/dns-signatures.ts';
import { checkBinding, makeBinding } from '../../src/lib/names/bind.ts';
import { openProof, parsePersonName, instructionsName, resolveName } from '../../src/lib/names/bip353.ts';
import { verifyDnssec } from '../../src/lib/names/dnssec.ts';
import {
  ALGORITHMS,
  keyTagOf,
  nameOfLabels,
  readRecords,
  readRrsig,
  ROOT,
  DNS_TYPES,
} from '../../src/lib/names/records.ts';
import { base32hexnopad } from '@scure/base';
import { sha1 } from '@noble/hashes/legacy.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytes, fill, hex, peer } from '../support/onion.ts';
import { file, pubkey, run, secretFile } from '../support/offer.ts';
import { codeOf } from '../support/refusal.ts';
import { fixture } from '../support/vectors.ts';
import { ANCHOR, chainTo, FROM, name, org, record, root, txt, UNTIL, zone } from '../support/zone.ts';

const published = fixture('names/proofs.json');
const AT = 1_754_600_000n;
const NAMES = [
  'simple',
  'override.x_domain_cname_wild',
  'a.x_domain_cname_wild',
  'invalid',
  'a.x_domain_cname_wild',
].map((user) => `${user}@dnssec_proof_tests.bitcoin.ninja`);
const given = (i: number) => openProof(bytes(published.proofs[i]));
const resolve = (i: number, at = AT): any => resolveName(parsePersonName(NAMES[i]!), given(i), { verify }, at);

describe('a published name', () => {
  it('resolves by its proof', () => {
    expect(resolve(0)).toMatchObject({
      name: NAMES[0],
      uri: expect.stringContaining('bitcoin:?bc='),
      address: 'bc1qztwy6xen3zdtt7z0vrgapmjtfz8acjkfp5fp7l',
    });
    expect(resolve(1).uri).toMatch(/^BITCOIN:\?BC=/);
    expect(resolve(2)).toMatchObject({
      offer: expect.stringMatching(/^lno1zr5qyugqgskrk70kqm/),
      address: 'bc1qztwy6xen3zdtt7z0vrgapmjtfz8acjkfp5fp7l',
      valid_from: 1754461250n,
      valid_until: 1754842932n,
      cache_seconds: 30n,
    });
  });
  it('has two instructions, or lacks the denial of its wildcard', () => {
    expect(codeOf(() => resolve(3))).toBe('name-ambiguous');
    expect(codeOf(() => resolve(4))).toBe('dnssec-invalid');
  });
  it('is as LDK has it, before, within and after its time', () => {
    const times = [1_700_000_000, Number(AT), 1_790_000_000];
    const jobs = times.flatMap((at) => NAMES.map((each, i) => ({ name: each, proof: hex(given(i).records), at })));
    const said = peer('ldk-offers', jobs);
    jobs.forEach(({ at }, n) => {
      let ours: object;
      try {
        ours = { ok: true, uri: resolve(n % 5, BigInt(at)).uri };
      } catch {
        ours = { ok: false };
      }
      expect([n, said[n]]).toEqual([n, ours]);
    });
  });
  it('comes bare, with its name, or as a message, and only for its own name', () => {
    const { records } = given(0);
    const place = Buffer.from('simple.user._bitcoin-payment.dnssec_proof_tests.bitcoin.ninja.');
    const size = Buffer.from([records.length >> 8, records.length & 255]);
    const message = Buffer.concat([Buffer.of(place.length), place, size, records]);
    const name = place.toString();
    const empty = Buffer.concat([Buffer.of(place.length), place, Buffer.of(0, 0)]);
    expect(openProof(empty)).toEqual({ records: Buffer.of(), name });
    expect(openProof(empty.subarray(0, -1))).toEqual({ records: empty.subarray(0, -1) });
    for (const form of [records, message])
      expect(resolveName(parsePersonName(NAMES[0]!), openProof(form), { verify }, AT)).toEqual(resolve(0));
    for (const form of [bytes(published.proofs[0]), message])
      expect(codeOf(() => resolveName(parsePersonName(NAMES[1]!), openProof(form), { verify }, AT))).toBe(
        'name-unproven',
      );
    expect(codeOf(() => resolveName(parsePersonName('simple@example.org'), openProof(records), { verify }, AT))).toBe(
      'name-unproven',
    );
  });
  it('needs every record of its proof, in any order', () => {
    const { records } = given(2);
    const parts: Uint8Array[] = [];
    for (let at = 0; at < records.length;) {
      const [first] = readRecordsAt(records, at);
      parts.push(records.subarray(at, first));
      at = first;
    }
    expect(parts.length).toBeGreaterThan(15);
    const of = (list: Uint8Array[]) =>
      resolveName(parsePersonName(NAMES[2]!), { records: Buffer.concat(list) }, { verify }, AT);
    expect(of([...parts].reverse())).toEqual(resolve(2));
    // Every one but keys and delegations that nothing is signed by.
    const dropped = parts.map((_, i) => {
      try {
        of(parts.toSpliced(i, 1));
        return undefined;
      } catch (error) {
        return (error as { code: string }).code;
      }
    });
    expect(dropped.filter((code) => code === undefined)).toHaveLength(0);
    expect([...new Set(dropped)].sort()).toEqual(['dnssec-invalid', 'name-unproven']);
    expect(of([...parts, parts[0]!])).toEqual(resolve(2));
  });
  it('is refused with any byte of its proof turned', () => {
    const { records } = given(0);
    const step = 7;
    for (let at = 0; at < records.length; at += step) {
      const altered = Uint8Array.from(records);
      altered[at]! ^= 1 << (at % 8);
      let code: string;
      try {
        // Times to live are not signed: the original one is.
        const made: any = resolveName(parsePersonName(NAMES[0]!), { records: altered }, { verify }, AT);
        code = made.uri === resolve(0).uri ? 'the same' : 'another';
      } catch (error) {
        code = (error as { code: string }).code;
      }
      expect([at, code]).not.toEqual([at, 'another']);
    }
  });
});
/** Where the record at `at` ends. */
function readRecordsAt(all: Uint8Array, at: number): [number] {
  for (let end = at + 11; end <= all.length; end++)
    try {
      if (readRecords(all.subarray(at, end)).length === 1) return [end];
    } catch {
      continue;
    }
  throw new Error('no record');
}

describe('the chain of RFC 9102', () => {
  it('leads from its own root to its record', () => {
    const anchor = {
      tag: 47005,
      algorithm: 13,
      digestType: 2,
      digest: '2eb6e9f2480126691594d649a5a613de3052e37861634641bb568746f2ffc4d4',
    };
    const { sets } = verifyDnssec(bytes(published.rfc9102), { verify, anchors: [anchor] });
    expect(sets.map(({ type }) => type)).toEqual([43, 43, 52]);
    expect(hex(sets.at(-1)!.values[0]!)).toBe('0301018bd1da95272f7fa4ffb24137fc0ed03aae67e5c4d8b3c50734e1050a7920b922');
    expect(codeOf(() => verifyDnssec(bytes(published.rfc9102), { verify }))).toBe('dnssec-invalid');
  });
});

describe('a zone', () => {
  const user = 'user.user._bitcoin-payment.example.org';
  const uri = txt('bitcoin:?lno=', 'lno1abc');
  const prove = (...more: Buffer[]) =>
    verifyDnssec(Buffer.concat([...chainTo(), ...more]), { verify, anchors: ANCHOR });
  const found = (...more: Buffer[]) => prove(...more).sets.map(({ owner }) => owner);
  it('proves what it has signed', () => {
    expect(found(org.signed(user, DNS_TYPES.TXT, [uri]))).toContain(name(user));
    expect(prove()).toMatchObject({ validFrom: BigInt(FROM), validUntil: BigInt(UNTIL), cacheSeconds: 300n });
    // Letters of either case, records doubled and in any order.
    const [a, b] = [txt('a'), txt('b')];
    const signed = org.rrsig(user, DNS_TYPES.TXT, [a, b]);
    const shout = record(user, DNS_TYPES.TXT, a);
    shout[1] = 'U'.charCodeAt(0);
    expect(found(signed, record(user, DNS_TYPES.TXT, b), shout, record(user, DNS_TYPES.TXT, a))).toContain(name(user));
  });
  it('proves nothing that is not signed, or by another zone', () => {
    expect(found(record(user, DNS_TYPES.TXT, uri))).not.toContain(name(user));
    expect(found(org.signed('user.example.com', DNS_TYPES.TXT, [uri]))).not.toContain(name('user.example.com'));
    expect(found(root.signed(user, DNS_TYPES.TXT, [uri]))).toContain(name(user));
    const other = zone('example.org', 9);
    expect(found(other.signed(user, DNS_TYPES.TXT, [uri]))).not.toContain(name(user));
    expect(
      codeOf(() =>
        verifyDnssec(
          Buffer.concat([
            root.signed('.', DNS_TYPES.DNSKEY, [root.key]),
            root.signed('example.org', DNS_TYPES.DS, [org.ds]),
            other.signed('example.org', DNS_TYPES.DNSKEY, [other.key]),
          ]),
          { verify, anchors: ANCHOR },
        ),
      ),
    ).toBe('dnssec-invalid');
    expect(codeOf(() => verifyDnssec(new Uint8Array(), { verify, anchors: ANCHOR }))).toBe('dnssec-invalid');
  });
  it('is led to by what names a key, which a record without a digest, or a key without bytes, does not', () => {
    const delegated = (ds: Uint8Array[], key = org.key) =>
      verifyDnssec(
        Buffer.concat([
          root.signed('.', DNS_TYPES.DNSKEY, [root.key]),
          root.signed('example.org', DNS_TYPES.DS, ds),
          org.signed('example.org', DNS_TYPES.DNSKEY, [key]),
        ]),
        { verify, anchors: ANCHOR },
      );
    const hashed = (key: Uint8Array, type: number, hash: (data: Uint8Array) => Uint8Array) => {
      const tag = keyTagOf(key);
      return Buffer.concat([
        Buffer.from([tag >> 8, tag & 255, 15, type]),
        hash(Buffer.concat([Buffer.from(name('example.org'), 'latin1'), key])),
      ]);
    };
    const bare = org.ds.subarray(0, 4);
    expect(() => delegated([bare])).toThrow(/no key found that its parent names/);
    // A digest by SHA-1 counts where there is no other, and a record without one is none.
    const old = hashed(org.key, 1, sha1);
    expect(delegated([bare, old]).sets).toHaveLength(1);
    expect(() => delegated([org.ds.map((byte, i) => (i > 3 ? byte ^ 1 : byte)), old])).toThrow(/no key found/);
    const short = org.key.subarray(0, 4);
    expect(() => delegated([hashed(short, 2, sha256)], short)).toThrow(/no key found that its parent names/);
  });
  it('has signatures with a head and a signer, and keys of RSA with an exponent', () => {
    expect(codeOf(() => readRrsig(fill(0, 18)))).toBe('malformed-dns');
    expect(readRrsig(fill(0, 19))).toMatchObject({ signer: ROOT, bytes: new Uint8Array() });
    const rsa = (...head: number[]) => ALGORITHMS.get(8)!(Uint8Array.of(...head, ...fill(255, 256)));
    expect(rsa(0, 0, 0)).toBeUndefined();
    expect(rsa(0, 0, 1, 3)).toMatchObject({ kind: 'rsa', exponent: Uint8Array.of(3) });
  });
  it('ends with the first wrong signature', () => {
    const wrong = org.signed(user, DNS_TYPES.TXT, [uri]);
    wrong[wrong.length - 1]! ^= 1;
    expect(codeOf(() => prove(wrong))).toBe('dnssec-invalid');
    expect(codeOf(() => prove(org.signed(user, DNS_TYPES.TXT, [uri], { labels: 6 })))).toBe('dnssec-invalid');
  });
  describe('with a wildcard', () => {
    const wild = org.signed(user, DNS_TYPES.TXT, [uri], { labels: 3, owner: '*._bitcoin-payment.example.org' });
    const nsec = (owner: string, next: string, more?: object) =>
      org.signed(
        owner,
        DNS_TYPES.NSEC,
        [Buffer.concat([Buffer.from(name(next), 'latin1'), Buffer.from('00010000', 'hex')])],
        more,
      );
    // The next closer name is user._bitcoin-payment.example.org.
    it.each<[string, boolean, Buffer[]]>([
      ['between two names', true, [nsec('a._bitcoin-payment.example.org', 'z._bitcoin-payment.example.org')]],
      ['behind the last name', true, [nsec('a._bitcoin-payment.example.org', 'example.org')]],
      ['the only name of its zone', true, [nsec('example.org', 'example.org')]],
      ['nothing', false, []],
      ['before both', false, [nsec('v._bitcoin-payment.example.org', 'z._bitcoin-payment.example.org')]],
      ['behind both', false, [nsec('a._bitcoin-payment.example.org', 'b._bitcoin-payment.example.org')]],
      ['the name itself', false, [nsec('user._bitcoin-payment.example.org', 'z._bitcoin-payment.example.org')]],
      [
        'a branch that is there',
        false,
        [nsec('a._bitcoin-payment.example.org', 'x.user._bitcoin-payment.example.org')],
      ],
      [
        'a denial from a wildcard',
        false,
        [nsec('a.example.org', 'z._bitcoin-payment.example.org', { labels: 2, owner: '*.example.org' })],
      ],
    ])('is denied by %s: %s', (_, holds, denial) => {
      if (holds) expect(found(wild, ...denial)).toContain(name(user));
      else expect(codeOf(() => prove(wild, ...denial))).toBe('dnssec-invalid');
    });
    const hashed = (rounds: number, salt = Buffer.of(7)) => {
      let at = sha1(Buffer.concat([Buffer.from(name('user._bitcoin-payment.example.org'), 'latin1'), salt]));
      for (let i = 0; i < rounds; i++) at = sha1(Buffer.concat([at, salt]));
      return at;
    };
    const nsec3 = (
      from: Uint8Array,
      to: Uint8Array,
      { rounds = 2, flags = 0, kind = 1, zone: above = 'example.org' } = {},
    ) => {
      const owner = `${base32hexnopad.encode(from).toLowerCase()}.${above}`;
      const data = Buffer.concat([Buffer.from([kind, flags, rounds >> 8, rounds & 255, 1, 7, 20]), to]);
      return org.signed(owner, DNS_TYPES.NSEC3, [data]);
    };
    const [low, high] = [fill(0, 20), fill(255, 20)];
    const exact = hashed(2);
    it.each<[string, boolean, Buffer]>([
      ['a range around its hash', true, nsec3(low, high)],
      ['a range that wraps', true, nsec3(high, fill(254, 20))],
      ['a range beside it', false, nsec3(fill(254, 20), high)],
      ['the only hash of its zone', true, nsec3(low, low)],
      ['its own hash', false, nsec3(exact, high)],
      ['a range that ends at its hash', false, nsec3(low, exact)],
      ['its own hash, from which a range wraps', false, nsec3(exact, low)],
      ['a range that wraps and ends at its hash', false, nsec3(high, exact)],
      ['its own hash, the only one', false, nsec3(exact, exact)],
      ['a range with unsigned zones', false, nsec3(low, high, { flags: 1 })],
      ['another hash', false, nsec3(low, high, { kind: 2 })],
      ['too many rounds', false, nsec3(low, high, { rounds: 101 })],
      ['a range of another zone', false, nsec3(low, high, { zone: 'sub.example.org' })],
    ])('is denied, hashed, by %s: %s', (_, holds, denial) => {
      if (holds) expect(found(wild, denial)).toContain(name(user));
      else expect(codeOf(() => prove(wild, denial))).toBe('dnssec-invalid');
    });
  });
  const TRUST = { verify, anchors: ANCHOR };
  const target = (text: string) => Buffer.from(name(text), 'latin1');
  const answer = (...more: Buffer[]): any =>
    resolveName(
      parsePersonName('user@example.org'),
      { records: Buffer.concat([...chainTo(), ...more]) },
      TRUST,
      BigInt(FROM),
    );
  it('is followed along aliases, of a name and of all below one', () => {
    const pay = org.signed('pay.example.org', DNS_TYPES.TXT, [uri]);
    expect(answer(org.signed(user, DNS_TYPES.CNAME, [target('pay.example.org')]), pay)).toMatchObject({
      offer: 'lno1abc',
    });
    expect(
      answer(
        org.signed('_bitcoin-payment.example.org', DNS_TYPES.DNAME, [target('people.example.org')]),
        org.signed('user.user.people.example.org', DNS_TYPES.TXT, [uri]),
      ),
    ).toMatchObject({ uri: 'bitcoin:?lno=lno1abc' });
    expect(codeOf(() => answer(org.signed(user, DNS_TYPES.CNAME, [target(user)])))).toBe('dnssec-invalid');
    expect(codeOf(() => answer(org.signed(user, DNS_TYPES.CNAME, [target('pay.example.org')])))).toBe('name-unproven');
  });
  it('gives one instruction, in ASCII, with one offer', () => {
    const texts =
      (...values: Buffer[]) =>
      () =>
        answer(org.signed(user, DNS_TYPES.TXT, values));
    expect(texts(uri, txt('v=spf1'))()).toMatchObject({ offer: 'lno1abc' });
    expect(codeOf(texts(uri, txt('BITCOIN:?lno=lno1b')))).toBe('name-ambiguous');
    expect(codeOf(texts(txt('bitcoin:?lno=a&LNO=b')))).toBe('name-ambiguous');
    expect(codeOf(texts(txt('lightning:lno1abc')))).toBe('name-unproven');
    expect(codeOf(texts(txt('bitcoin:?lno=\xe9')))).toBe('malformed-dns');
    expect(codeOf(texts(Buffer.from([9, 1])))).toBe('malformed-dns');
    expect(texts(txt('bitcoin:bc1qq?label=x'))()).toEqual(expect.objectContaining({ address: 'bc1qq' }));
  });
  it('names the node that names it', () => {
    const word = makeBinding('Example.org', 2_000_000_000n, fill(0x41));
    expect(makeBinding('example.org.', 2_000_000_000n, fill(0x41)).domain).toBe('example.org');
    expect(word.domain).toBe('example.org');
    const records = (key: string) =>
      Buffer.concat([
        ...chainTo(),
        org.signed('_bitcoin-node.example.org', DNS_TYPES.TXT, [txt(`lightning-node=${key}`)]),
      ]);
    const check = (key: string, at = BigInt(FROM)) => checkBinding(word, { records: records(key) }, TRUST, at);
    expect(check(pubkey(0x41))).toMatchObject({ bound: true, node_id: pubkey(0x41), valid_until: BigInt(UNTIL) });
    expect(codeOf(() => check(pubkey(0x42)))).toBe('name-unproven');
    expect(codeOf(() => check(pubkey(0x41), BigInt(UNTIL) + 1n))).toBe('dnssec-time');
    expect(codeOf(() => instructionsName(parsePersonName('a..b@example.org')))).toBe('malformed-dns');
    expect(codeOf(() => parsePersonName('usér@example.org'))).toBe('usage');
    expect(nameOfLabels(['a'])).toBe(name('a'));
  });
});

describe('a node and a domain', () => {
  it('are bound only by both', () => {
    const word = makeBinding('Example.org', 2_000_000_000n, fill(0x41));
    expect(word.domain).toBe('example.org');
    const proof = given(0);
    expect(codeOf(() => checkBinding({ ...word, domain: 'example.com' }, proof, { verify }, AT))).toBe(
      'signature-invalid',
    );
    expect(codeOf(() => checkBinding(word, proof, { verify }, 2_000_000_001n))).toBe('offer-expired');
    // Nothing of this proof is about that domain.
    expect(codeOf(() => checkBinding(word, proof, { verify }, AT))).toBe('name-unproven');
  });
});

describe('the name of the guide', () => {
  const made = fixture('names/example-org.json');
  it('is proved by zones that are made here', async () => {
    const { offer } = made;
    const uri = txt(`bitcoin:?lno=${offer}`);
    const records = [...chainTo(), org.signed('user.user._bitcoin-payment.example.org', DNS_TYPES.TXT, [uri])];
    expect(made.proof).toBe(Buffer.concat(records).toString('hex'));
    const argv = ['--at', String(FROM), '--anchor', made.anchor, '--proof', file(made.proof), made.name];
    expect((await run(OfferResolve, argv)).json).toMatchObject({ offer, valid_until: UNTIL });
    expect(await run(OfferResolve, argv.toSpliced(2, 2))).toMatchObject({ code: 'dnssec-invalid' });
    argv[3] = 'one two';
    expect(await run(OfferResolve, argv)).toMatchObject({ code: 'usage' });
  });
});

describe('the commands of names', () => {
  const proof = file(published.proofs[2]);
  it('resolve a name from a file or a pipe', async () => {
    expect((await run(OfferResolve, ['--at', String(AT), '--proof', proof, `₿${NAMES[2]}`])).json.offer).toMatch(
      /^lno1/,
    );
    const refused = async (argv: string[], code: string) =>
      expect(await run(OfferResolve, argv)).toMatchObject({ code, stdout: '' });
    await refused(['--at', '1', '--proof', proof, NAMES[2]!], 'dnssec-time');
    await refused(['--at', '1790000000', '--proof', proof, NAMES[2]!], 'dnssec-time');
    await refused(['--proof', file('hello'), NAMES[2]!], 'malformed-dns');
    await refused(['--proof', proof, 'nobody'], 'usage');
  });
  it('make and check the word of a node', async () => {
    const make = [
      'make',
      '--proposal',
      'bind',
      '--domain',
      'example.org',
      '--expires-at',
      '2000000000',
      '--key-file',
      secretFile(0x41),
    ];
    const word = await run(OfferBind, make);
    expect(word.json).toMatchObject({
      type: 'node-domain',
      proposal: 'bind',
      node_id: pubkey(0x41),
      record: expect.stringContaining('_bitcoin-node.example.org. TXT'),
    });
    const check = ['verify', '--proposal', 'bind', '--proof', proof, '--at', String(AT)];
    expect(await run(OfferBind, check, word.json)).toMatchObject({ code: 'name-unproven' });
    expect(await run(OfferBind, check.toSpliced(1, 2), word.json)).toMatchObject({ code: 'usage' });
    expect(await run(OfferBind, make.slice(0, -2))).toMatchObject({ code: 'usage' });
  });
});
