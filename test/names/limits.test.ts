/** The limits of names and their proofs: sizes, signatures, rounds of hashing, aliases, time. */
import { describe } from 'vitest';
import { base32hexnopad } from '@scure/base';
import { sha1 } from '@noble/hashes/legacy.js';
import { verifyDnsSignature as verify } from '../../src/commands/offer/dns-signatures.ts';
import { BIND_LIMITS, checkBinding, makeBinding } from '../../src/lib/names/bind.ts';
import { checkProofTime, PERSON_NAME_LIMITS, parsePersonName, resolveName } from '../../src/lib/names/bip353.ts';
import { DNSSEC_LIMITS, verifyDnssec } from '../../src/lib/names/dnssec.ts';
import {
  ALGORITHMS,
  DNS_KEY_LIMITS,
  DNS_LIMITS,
  dnsName,
  readRecords,
  DNS_TYPES,
} from '../../src/lib/names/records.ts';
import { limits } from '../support/limits.ts';
import { fill } from '../support/onion.ts';
import { pubkey } from '../support/offer.ts';
import { ANCHOR, chainTo, FROM, name, org, record, txt } from '../support/zone.ts';

const TRUST = { verify, anchors: ANCHOR };
const prove = (...more: Uint8Array[]) => verifyDnssec(Buffer.concat([...chainTo(), ...more]), TRUST);

describe('records', () => {
  limits(DNS_LIMITS, {
    proof: { takes: (n: number) => readRecords(record('a', 16, new Uint8Array(n - 13))), above: 'too-large' },
    label: { takes: (n: number) => dnsName('a'.repeat(n)), below: 'malformed-dns', above: 'malformed-dns' },
    // Labels of 49 bytes with their lengths, the last one as long as is left.
    name: {
      takes: (n: number) => dnsName([...Array(4).fill('a'.repeat(49)), 'a'.repeat(n - 202)].join('.')),
      above: 'malformed-dns',
    },
  });
  const modulus = (bits: number): Uint8Array => {
    const bytes = new Uint8Array(Math.ceil(bits / 8));
    bytes[0] = 1 << ((bits - 1) % 8);
    return bytes;
  };
  limits(DNS_KEY_LIMITS, {
    rsa: {
      takes: (bits: number) => ALGORITHMS.get(8)!(Uint8Array.of(1, 3, ...modulus(bits))) !== undefined,
      below: 'not taken',
      above: 'not taken',
    },
  });
});

describe('a proof', () => {
  const user = 'user.user._bitcoin-payment.example.org';
  const wild = org.signed(user, DNS_TYPES.TXT, [txt('bitcoin:')], {
    labels: 3,
    owner: '*._bitcoin-payment.example.org',
  });
  const denial = (rounds: number): Buffer => {
    const salt = Buffer.of(7);
    let at = sha1(Buffer.concat([Buffer.from(name('user._bitcoin-payment.example.org'), 'latin1'), salt]));
    for (let i = 0; i < rounds; i++) at = sha1(Buffer.concat([at, salt]));
    const from = at.map((byte, i) => (i === 0 ? byte - 1 : byte));
    const to = at.map((byte, i) => (i === 0 ? byte + 1 : byte));
    const data = Buffer.concat([Buffer.from([1, 0, rounds >> 8, rounds & 255, 1, 7, 20]), to]);
    return org.signed(`${base32hexnopad.encode(from).toLowerCase()}.example.org`, DNS_TYPES.NSEC3, [data]);
  };
  const spare = org.rrsig('other.example.org', DNS_TYPES.TXT, [txt('a')]);
  limits(DNSSEC_LIMITS, {
    // Three are those of the chain.
    signatures: { takes: (n: number) => prove(...Array<Buffer>(n - 3).fill(spare)), above: 'dnssec-invalid' },
    rounds: { takes: (n: number) => prove(wild, denial(n)), above: 'dnssec-invalid' },
  });
  const target = (i: number) => Buffer.from(name(`n${i}.example.org`), 'latin1');
  const aliased = (n: number) => [
    org.signed(user, DNS_TYPES.CNAME, [target(1)]),
    ...Array.from({ length: n - 1 }, (_, i) => org.signed(`n${i + 1}.example.org`, DNS_TYPES.CNAME, [target(i + 2)])),
    org.signed(`n${n}.example.org`, DNS_TYPES.TXT, [txt('bitcoin:')]),
  ];
  const proof = prove();
  limits(PERSON_NAME_LIMITS, {
    aliases: {
      takes: (n: number) =>
        resolveName(
          parsePersonName('user@example.org'),
          { records: Buffer.concat([...chainTo(), ...aliased(n)]) },
          TRUST,
          BigInt(FROM),
        ),
      above: 'dnssec-invalid',
    },
    time: {
      takes: (at: bigint) => checkProofTime(proof, at),
      figures: [proof],
      below: 'dnssec-time',
      above: 'dnssec-time',
    },
  });
  const word = makeBinding('example.org', BigInt(FROM) + 9n, fill(0x41));
  const bound = Buffer.concat([
    ...chainTo(),
    org.signed('_bitcoin-node.example.org', DNS_TYPES.TXT, [txt(`lightning-node=${pubkey(0x41)}`)]),
  ]);
  limits(BIND_LIMITS, {
    until: {
      takes: (at: bigint) => checkBinding(word, { records: bound }, TRUST, at),
      figures: [word.expiresAt],
      above: 'offer-expired',
    },
  });
});
