/** onion-error, onion-blind and onion-message as processes, on BOLT4's vectors. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bash, freshDir } from '../cli/run.ts';
import { warm as spillway } from '../support/host.ts';
import { fixture } from '../support/vectors.ts';

const dir = freshDir();
const keys = [0x41, 0x42, 0x43, 0x44, 0x45].map((byte) => {
  const path = join(dir, `${byte}.key`);
  writeFileSync(path, Buffer.alloc(32, byte).toString('hex'));
  chmodSync(path, 0o600);
  return path;
});
const run = async (argv: string[], input: object) => {
  const { code, stdout, stderr } = await spillway(argv, { stdin: JSON.stringify(input) });
  return { code, stderr, json: stdout === '' ? undefined : JSON.parse(stdout) };
};
const simple = fixture('onion/error.json');
const packet = fixture('onion/packet.json');

describe('onion-error', () => {
  it('builds at hop 4, wraps at 3 to 0, and the origin knows which failed', async () => {
    const secrets: string[] = simple.shared_secrets;
    let { json } = await run(['onion-error', 'build'], {
      shared_secret: secrets[4],
      failure: 'temporary_node_failure',
    });
    for (const shared_secret of secrets.slice(0, 4).reverse())
      ({ json } = await run(['onion-error', 'wrap'], { shared_secret, error: json.error }));
    expect(json.error).toBe(simple.error);
    const found = await run(['onion-error', 'unwrap'], { shared_secrets: secrets, error: simple.error });
    expect(found).toMatchObject({
      code: 0,
      stderr: '',
      json: { hop: 4, failure_code: '2002', failure: 'temporary_node_failure' },
    });
  });
  it('takes the key of a node instead of a secret', async () => {
    const made = await run(['onion-error', 'build', '--key-file', keys[0]!], {
      onion: packet.onion,
      failure: 'mpp_timeout',
    });
    expect(
      await run(['onion-error', 'unwrap'], { shared_secrets: simple.shared_secrets, error: made.json.error }),
    ).toMatchObject({ json: { hop: 0, failure: 'mpp_timeout' } });
  });
  it('refuses with nothing on stdout', async () => {
    const refuse = async (action: string, input: object, code: number, name: string) => {
      const ran = await run(['onion-error', action], input);
      expect(ran).toMatchObject({ code, json: undefined, stderr: expect.stringContaining(`error[${name}]`) });
    };
    await refuse('unwrap', { shared_secrets: [simple.shared_secrets[0]], error: simple.error }, 76, 'error-unreadable');
    await refuse('unwrap', { shared_secrets: simple.shared_secrets, error: 'aa' }, 65, 'error-size');
    await refuse('wrap', { error: simple.error }, 65, 'malformed-message');
    await refuse('build', { failure: 'no_such' }, 65, 'malformed-message');
    await refuse('sing', {}, 2, 'usage');
  });
});

describe('onion-blind', () => {
  const route = fixture('onion/blinding.json');
  it('makes a path, keeps its secrets, and a hop unblinds it', async () => {
    const made = await run(['onion-blind', 'make'], { hops: route.hops });
    expect(made.json.hops).toEqual(route.route.hops);
    expect(JSON.stringify(made.json)).not.toContain(route.hops[0].shared_secret);
    const [hop] = route.unblind;
    const input = { path_key: hop.path_key, encrypted_data: made.json.hops[0].encrypted_data };
    const plain = await run(['onion-blind', 'unblind', '--key-file', keys[1]!], input);
    expect(plain.json).toMatchObject({ recipient_data_hex: hop.decrypted_data, next_path_key: hop.next_path_key });
    expect(plain.json).not.toHaveProperty('blinded_privkey');
    const shown = await run(['onion-blind', 'unblind', '--key-file', keys[1]!, '--secrets'], input);
    expect(shown.json.blinded_privkey).toBe(hop.blinded_privkey);
    expect(await run(['onion-blind', 'unblind', '--key-file', keys[0]!], input)).toMatchObject({
      code: 76,
      json: undefined,
      stderr: expect.stringContaining('error[blinding-failed]'),
    });
    expect(await run(['onion-blind', 'unblind'], input)).toMatchObject({ code: 2, json: undefined });
  });
  it('adds up what a path costs', async () => {
    const hops = [
      { fee_base_msat: 10000, cltv_expiry_delta: 50 },
      { fee_base_msat: 100, fee_proportional_millionths: 250, cltv_expiry_delta: 100 },
    ];
    expect((await run(['onion-blind', 'payinfo'], { hops })).json).toMatchObject({
      fee_base_msat: 10100,
      fee_proportional_millionths: 250,
      cltv_expiry_delta: 150,
    });
  });
});

describe('a blinded payment', () => {
  it('goes through the pipe with its path keys', async () => {
    const payment = fixture('onion/blinded-payment.json');
    const stdin = JSON.stringify({
      onion: payment.onion,
      associated_data: payment.associated_data,
      amount_msat: 110125,
      cltv_expiry: 749150,
    });
    const line = keys.map((key) => `spillway onion-peel --key-file ${key}`).join(' | ');
    const ran = await bash(`set -o pipefail; ${line}`, { stdin });
    expect(ran.code, ran.stderr).toBe(0);
    expect(JSON.parse(ran.stdout)).toMatchObject({ final: true, next: null, payload: { amt_to_forward: 100000 } });
  });
});

describe('onion-message', () => {
  const message = fixture('onion/message.json');
  it('builds, and peels in a pipe to the last node', async () => {
    const input = { session_key: message.session_key, path: message.route, message: { custom: message.custom } };
    expect((await run(['onion-message', 'build'], input)).json.onion_message).toBe(message.decrypt[0].onion_message);
    const line = keys.slice(0, 4).map((key) => `spillway onion-message peel --key-file ${key}`);
    const ran = await bash(['set -o pipefail; spillway onion-message build', ...line].join(' | '), {
      stdin: JSON.stringify(input),
    });
    expect(ran.code, ran.stderr).toBe(0);
    expect(JSON.parse(ran.stdout)).toMatchObject({
      final: true,
      payload: { custom: { 1: '68656c6c6f' } },
      recipient_data: { path_id: expect.stringMatching(/^deadbeef/) },
    });
  });
  it('refuses a message for another node', async () => {
    const ran = await run(['onion-message', 'peel', '--key-file', keys[1]!], {
      onion_message: message.decrypt[0].onion_message,
    });
    expect(ran).toMatchObject({ code: 76, json: undefined, stderr: expect.stringContaining('error[onion-hmac]') });
  });
});
