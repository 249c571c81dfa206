/** `adaptor` as a command: documents handed round, secrets by file, a nonce that is used once. */
import { existsSync, mkdtempSync, rmSync, writeFileSync, chmodSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import Adaptor from '../../src/commands/channel/adaptor.ts';
import { bytesToHex, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { verifiesEcdsa } from '../../src/lib/signing/ecdsa.ts';
import { publicKey } from '../../src/lib/signing/musig2.ts';
import { command } from '../support/command.ts';
import { fixture } from '../support/vectors.ts';

const dir = mkdtempSync(join(tmpdir(), 'spillway-adaptor-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
let count = 0;
const put = (what: unknown): string => {
  const path = join(dir, `file-${count++}`);
  writeFileSync(path, typeof what === 'string' ? what : JSON.stringify(what));
  chmodSync(path, 0o600);
  return path;
};
const run = async (...argv: string[]): Promise<{ code: unknown; said: any }> => {
  const { code, stdout } = await command(Adaptor, argv);
  return { code, said: stdout === '' ? undefined : JSON.parse(stdout) };
};
const key = (n: number): Uint8Array => new Uint8Array(32).fill(n);
const [alice, bob, t] = [key(1), key(2), key(3)].map((k) => put(bytesToHex(k))) as [string, string, string];
const terms = { message: '44'.repeat(32), adaptor_point: bytesToHex(publicKey(key(3))) };

describe('one key', () => {
  it('signs under a point, and the finished signature gives its secret; any other key, secret or message is refused', async () => {
    const pre = await run('presign', '--key-file', alice, put(terms));
    expect(pre.said.construction).toBe('single');
    expect((await run('verify', put(pre.said))).said.valid).toBe(true);
    const adapted = await run('adapt', '--adaptor-file', t, put(pre.said));
    expect((await run('extract', put(adapted.said))).said.secret).toBe('03'.repeat(32));
    expect((await run('adapt', '--adaptor-file', bob, put(pre.said))).code).toBe('adaptor-invalid');
    expect((await run('adapt', put(pre.said))).code).toBe('usage');
    const other = { ...pre.said, signature: '11'.repeat(64) };
    expect((await run('extract', put(other))).code).toBe('signature-invalid');
    expect((await run('presign', '--key-file', bob, put({ ...terms, pubkey: pre.said.pubkey }))).code).toBe(
      'wrong-key',
    );
    expect((await run('verify', put({ ...pre.said, message: '45'.repeat(32) }))).code).toBe('adaptor-invalid');
  });
});

describe('one key of ECDSA', () => {
  const ecdsa = { ...terms, construction: 'ecdsa' };
  it('does the same, prints the signature as DER too, and refuses it as another construction', async () => {
    const pre = await run('presign', '--key-file', alice, put(ecdsa));
    expect(pre.said).toMatchObject({ construction: 'ecdsa', pubkey: bytesToHex(publicKey(key(1))) });
    expect((await run('verify', put(pre.said))).said.valid).toBe(true);
    const adapted = await run('adapt', '--adaptor-file', t, put(pre.said));
    expect(verifiesEcdsa(hexToBytes(adapted.said.signature_der), hexToBytes(terms.message), publicKey(key(1)))).toBe(
      true,
    );
    expect((await run('extract', put(adapted.said))).said.secret).toBe('03'.repeat(32));
    expect((await run('adapt', '--adaptor-file', bob, put(pre.said))).code).toBe('adaptor-invalid');
    const { construction: _, ...schnorr } = pre.said;
    expect((await run('verify', put(schnorr))).code).toBe('malformed-message');
  });
  it('the published pre-signature is verified, adapted and its secret extracted', async () => {
    const [v] = fixture('channel/ecdsa-adaptor.json').cases;
    const published = {
      construction: 'ecdsa',
      message: v.message_hash,
      adaptor_point: v.encryption_key,
      pubkey: v.public_signing_key,
      pre_signature: v.adaptor_sig,
    };
    const { said } = await run('adapt', '--adaptor-file', put(v.decryption_key), put(published));
    expect(said.signature).toBe(v.signature);
    expect((await run('extract', put(said))).said.secret).toBe(v.decryption_key);
    const bent = { ...published, pre_signature: v.adaptor_sig.replace(/^0342/, '0343') };
    expect((await run('verify', put(bent))).code).toBe('adaptor-invalid');
  });
  it('takes no list of keys, and no construction that it does not know', async () => {
    const two = [key(1), key(2)].map((k) => bytesToHex(publicKey(k)));
    expect((await run('presign', '--key-file', alice, put({ ...ecdsa, pubkeys: two }))).code).toBe('malformed-message');
    expect((await run('presign', '--key-file', alice, put({ ...terms, construction: 'A' }))).code).toBe(
      'malformed-message',
    );
  });
});

describe.each(['bip86', 'plain'])('two keys, %s', (output) => {
  const two = { ...terms, output, pubkeys: [key(1), key(2)].map((k) => bytesToHex(publicKey(k))) };
  let nonce: string;
  let opened: any;
  let answered: any;
  beforeEach(async () => {
    nonce = join(dir, `nonce-${count++}`);
    opened = (await run('presign', '--key-file', alice, '--nonce-out', nonce, put(two))).said;
    answered = (await run('presign', '--key-file', bob, put(opened))).said;
  });
  it('three runs make the pre-signature; the secret nonce is gone before it is printed', async () => {
    expect(existsSync(nonce)).toBe(true);
    expect(JSON.stringify(opened)).not.toContain(readFileSync(nonce, 'utf8').slice(0, 64));
    const { said } = await run('presign', '--key-file', alice, '--nonce-file', nonce, put(answered));
    expect(existsSync(nonce)).toBe(false);
    expect(said.construction).toBe('A');
    const adapted = await run('adapt', '--adaptor-file', t, put(said));
    expect((await run('extract', put(adapted.said))).said.secret).toBe('03'.repeat(32));
  });
  it('the nonce is gone after a wrong answer too, and signs no second one', async () => {
    const wrong = put({ ...answered, partial_signature: '01'.repeat(32) });
    expect((await run('presign', '--key-file', alice, '--nonce-file', nonce, wrong)).code).toBe('peer-partial-invalid');
    expect(existsSync(nonce)).toBe(false);
    expect((await run('presign', '--key-file', alice, '--nonce-file', nonce, put(answered))).code).toBe('no-input');
    expect((await run('presign', '--key-file', alice, put(answered))).code).toBe('usage');
  });
  it('a nonce of another key signs nothing', async () => {
    const theirs = join(dir, `nonce-${count++}`);
    await run('presign', '--key-file', bob, '--nonce-out', theirs, put(two));
    expect((await run('presign', '--key-file', alice, '--nonce-file', theirs, put(answered))).code).toBe(
      'nonce-consumed',
    );
  });
  it('a nonce is never written over a file, or drawn without one', async () => {
    expect((await run('presign', '--key-file', alice, '--nonce-out', nonce, put(two))).code).toBe('cannot-write');
    expect((await run('presign', '--key-file', alice, put(two))).code).toBe('usage');
    expect((await run('presign', '--key-file', t, '--nonce-out', `${nonce}x`, put(two))).code).toBe('wrong-key');
  });
});
