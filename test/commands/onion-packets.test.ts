/** onion-build, onion-peel and onion-route as processes: pipes, keys, what is never printed, what is refused with nothing on stdout. */
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bash, freshDir } from '../cli/run.ts';
import { warm as spillway } from '../support/host.ts';
import { fill, hex, pubkeyOf } from '../support/onion.ts';
import { fixture } from '../support/vectors.ts';

const vector = fixture('onion/packet.json');
const dir = freshDir();
const file = (name: string, text: string, mode = 0o600): string => {
  const path = join(dir, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
};
const keys = vector.keys.map((key: string, i: number) => file(`${i}.key`, `${key}\n`));
const all = file('all', JSON.stringify(vector.keys));
const input = JSON.stringify({
  session_key: vector.session_key,
  associated_data: vector.associated_data,
  hops: vector.hops,
});
const onion = JSON.stringify({ onion: vector.onion, associated_data: vector.associated_data });
const altered = onion.replace(vector.onion.slice(-64), 'ab'.repeat(32));
const peel = (stdin: string, ...argv: string[]) => spillway(['onion-peel', '--key-file', keys[0], ...argv], { stdin });
const ok = async (run: Promise<{ code: number | null; stdout: string; stderr: string }>) => {
  const { code, stdout, stderr } = await run;
  expect(code, stderr).toBe(0);
  return { json: JSON.parse(stdout), stderr };
};

describe('onion-build', () => {
  it("prints BOLT4's packet, and no secret unasked", async () => {
    const { json, stderr } = await ok(spillway(['onion-build'], { stdin: input }));
    expect(json).toMatchObject({ type: 'onion-build', version: 1, onion: vector.onion, size: 1300, used: 575 });
    expect(stderr).toBe('');
    expect(JSON.stringify(json)).not.toContain(vector.session_key);
    expect(Object.keys(json)).not.toContain('shared_secrets');
    const shown = (await ok(spillway(['onion-build', '--secrets', '--reveal-session-key'], { stdin: input }))).json;
    expect(shown).toMatchObject({
      session_key: vector.session_key,
      shared_secrets: fixture('onion/error.json').shared_secrets,
    });
    expect(shown.ephemeral_keys).toHaveLength(5);
  });
  it('draws a random session key, or takes one by file or descriptor', async () => {
    const { session_key: _, ...rest } = JSON.parse(input);
    const stdin = JSON.stringify(rest);
    const one = (await ok(spillway(['onion-build', '--reveal-session-key'], { stdin }))).json;
    const two = (await ok(spillway(['onion-build'], { stdin }))).json;
    expect(one.session_key).toMatch(/^[0-9a-f]{64}$/);
    expect(two.onion).not.toBe(one.onion);
    const session = file('session', vector.session_key);
    expect((await ok(spillway(['onion-build', '--session-key-file', session], { stdin }))).json.onion).toBe(
      vector.onion,
    );
    expect(
      (await ok(spillway(['onion-build', '--session-key-fd', '3'], { stdin, fd3: vector.session_key }))).json.onion,
    ).toBe(vector.onion);
    expect(await spillway(['onion-build', '--session-key-file', session, '--batch'], { stdin })).toMatchObject({
      code: 2,
      stdout: '',
    });
    expect(await spillway(['onion-build', '--session-key-file', session], { stdin: input })).toMatchObject({
      code: 2,
      stdout: '',
    });
  });
  it('warns of fields that it does not know', async () => {
    const { json, stderr } = await ok(
      spillway(['onion-build'], { stdin: JSON.stringify({ ...JSON.parse(input), colour: 'red\u001b[31m' }) }),
    );
    expect(json.onion).toBe(vector.onion);
    expect(stderr).toBe('note: not known, and ignored: colour\n');
  });
  it('draws', async () => {
    expect((await spillway(['onion-build', '--graph'], { stdin: input })).stdout).toMatch(
      /^packet of 1366 bytes.*\n┌ hop 0/,
    );
  });
  it('refuses what does not fit, and says which hop', async () => {
    const stdin = JSON.stringify({ hops: vector.hops });
    const ran = await spillway(['onion-build', '--size', '200'], { stdin });
    expect(ran).toMatchObject({ code: 65, stdout: '' });
    expect(ran.stderr).toMatch(/^error\[onion-overflow\]: hop 2 of 5 ends at byte 217 of 200; all hops need 575 bytes/);
    expect((await ok(spillway(['onion-build', '--size', '575'], { stdin }))).json.size).toBe(575);
    expect(await spillway(['onion-build', '--size', '65470'], { stdin })).toMatchObject({ code: 2, stdout: '' });
  });
});

describe('onion-peel', () => {
  it('peels a pipe of hops, or all at once', async () => {
    const line = `spillway onion-build | spillway onion-peel --key-file ${keys[0]} | spillway onion-peel --key-file ${keys[1]} | spillway onion-peel --key-file ${keys[2]} | spillway onion-peel --key-file ${keys[3]} | spillway onion-peel --key-fd 3`;
    const piped = (await ok(bash(line, { stdin: input, fd3: vector.keys[4] }))).json;
    const { json, stderr } = await ok(spillway(['onion-peel', '--all', all], { stdin: onion }));
    expect(stderr).toBe('');
    expect(json.layers.map((layer: any) => layer.payload_hex)).toEqual(vector.hops.map((hop: any) => hop.payload));
    expect(json.layers.map((layer: any) => layer.final)).toEqual([false, false, false, false, true]);
    expect(piped).toMatchObject({ final: true, next: null, payload: json.layers[4].payload });
    expect(await peel(JSON.stringify(piped))).toMatchObject({ code: 75, stdout: '' });
  });
  it('prints the names that scripts use', async () => {
    const { json } = await ok(peel(onion));
    expect(Object.keys(json)).toEqual(['type', 'version', 'payload', 'payload_hex', 'final', 'next']);
    expect(json.payload).toEqual({ amt_to_forward: 15000, outgoing_cltv_value: 1500, short_channel_id: '0x0x1' });
    expect(Object.keys(json.next)).toEqual(['onion', 'associated_data']);
  });
  it('reads hex and base64', async () => {
    const { json } = await ok(peel(onion));
    for (const text of [`${vector.onion}\n`, Buffer.from(vector.onion, 'hex').toString('base64')])
      expect((await ok(peel(text, '--associated-data', vector.associated_data))).json).toEqual(json);
  });
  it('prints shared secrets with --secrets only', async () => {
    const [secret] = fixture('onion/error.json').shared_secrets;
    expect((await peel(onion)).stdout).not.toContain(secret);
    expect((await ok(peel(onion, '--secrets'))).json.shared_secret).toBe(secret);
  });
  it('takes keys from files that nobody else may read', async () => {
    for (const mode of [0o644, 0o640, 0o604]) {
      const exposed = file('exposed', vector.keys[0], mode);
      const ran = await spillway(['onion-peel', '--key-file', exposed], { stdin: onion });
      expect(ran).toMatchObject({ code: 77, stdout: '', stderr: expect.stringMatching(/^error\[secret-exposed\]/) });
      expect((await spillway(['onion-peel', '--all', exposed], { stdin: onion })).stderr).toMatch(/secret-exposed/);
    }
    for (const text of ['', 'aa', '0'.repeat(64), 'f'.repeat(64), 'g'.repeat(64), `${vector.keys[0]}00`]) {
      const ran = await spillway(['onion-peel', '--key-file', file('bad', text)], { stdin: onion });
      expect(ran, text).toMatchObject({ code: 65, stdout: '' });
      expect(ran.stderr).not.toContain(vector.keys[0]);
    }
    expect(await spillway(['onion-peel'], { stdin: onion })).toMatchObject({ code: 2, stdout: '' });
    expect(await spillway(['onion-peel', '--key-file', join(dir, 'none')], { stdin: onion })).toMatchObject({
      code: 66,
      stdout: '',
    });
  });
  it('refuses with nothing on stdout, says why, and what to answer', async () => {
    const plain = await peel(altered);
    expect(plain).toMatchObject({ code: 76, stdout: '', stderr: expect.stringMatching(/^error\[onion-hmac\]/) });
    expect((await peel(altered, '--explain')).stderr).toMatch(/^note: The HMAC covers .*\nerror\[onion-hmac\]/);
    const { json, stderr } = await ok(peel(altered, '--failure'));
    expect(json).toMatchObject({
      refused: 'onion-hmac',
      failure_code: 'c005',
      failure: 'invalid_onion_hmac',
      message: 'update_fail_malformed_htlc',
    });
    expect(json.sha256_of_onion).toMatch(/^[0-9a-f]{64}$/);
    expect(stderr).toMatch(/^note: refused \[onion-hmac\]/);
    expect((await ok(peel(onion, '--failure'))).json.payload.amt_to_forward).toBe(15000);
    expect((await spillway(['onion-peel', '--all', all], { stdin: altered })).stderr).toMatch(
      /error\[onion-hmac\]: hop 0/,
    );
  });
  it.each([
    ['a byte of 0x1f', '\u001f', 65],
    ['nothing', '', 65],
    ['no object', '[]', 65],
    ['no onion', '{}', 65],
    ['a number', '{"onion":5}', 65],
    ['no hex', '{"onion":"zz"}', 65],
    ['control characters', '{"onion":"\\u001b[31m"}', 65],
    ['an empty packet', '{"onion":""}', 65],
    ['a repeated key', '{"onion":"","onion":""}', 65],
    ['a proto key', '{"__proto__":{},"onion":""}', 65],
    ['a packet of 400 kB', JSON.stringify({ onion: '00'.repeat(400_000) }), 65],
    ['more than a megabyte', JSON.stringify({ onion: '00'.repeat(600_000) }), 65],
  ])('refuses %s', async (_, stdin, code) => {
    const ran = await peel(stdin);
    expect(ran).toMatchObject({ code, stdout: '' });
    // eslint-disable-next-line no-control-regex
    expect(ran.stderr).not.toMatch(/\u001b|\u001f/);
  });
  it('a run that refuses for its keys logs nothing: the right second run is no replay', async () => {
    const log = join(dir, 'too-many');
    const path: string[] = vector.keys;
    const run = (lines: string[], name: string) =>
      spillway(['onion-peel', '--all', file(name, `${lines.join('\n')}\n`), '--replay-log', log], { stdin: onion });
    const tooMany = await run([...path, path[0]!], 'too-many.keys');
    expect(tooMany).toMatchObject({ code: 75, stdout: '', stderr: expect.stringMatching(/^error\[nothing-follows\]/) });
    const wrong = await run([path[0]!, path[0]!], 'wrong.keys');
    expect(wrong).toMatchObject({ code: 76, stdout: '', stderr: expect.stringMatching(/^error\[onion-hmac\]/) });
    expect(readFileSync(log, 'utf8')).toBe('');
    expect((await run(path, 'right.keys')).code).toBe(0);
    expect(readFileSync(log, 'utf8').trim().split('\n')).toHaveLength(path.length);
    expect((await run(path, 'right.keys')).stderr).toMatch(/^error\[onion-replay\]/);
  });
  it('keeps a log of what was peeled, and refuses it again', async () => {
    const log = join(dir, 'replays');
    const first = await ok(peel(onion, '--replay-log', log));
    expect(first.json.final).toBe(false);
    const again = await peel(onion, '--replay-log', log);
    expect(again).toMatchObject({ code: 76, stdout: '', stderr: expect.stringMatching(/^error\[onion-replay\]/) });
    expect((await ok(peel(onion, '--replay-log', log, '--failure'))).json).toMatchObject({
      refused: 'onion-replay',
      failure: 'temporary_node_failure',
    });
    // What nobody could have made is not logged; the other layers are other packets.
    await peel(altered, '--replay-log', log);
    expect(readFileSync(log, 'utf8').trim().split('\n')).toHaveLength(1);
    expect(statSync(log).mode & 0o777).toBe(0o600);
    await ok(
      spillway(['onion-peel', '--key-file', keys[1], '--replay-log', log], { stdin: JSON.stringify(first.json) }),
    );
    const batch = await spillway(['onion-peel', '--batch', '--key-file', keys[0], '--replay-log', join(dir, 'other')], {
      stdin: `${onion}\n${onion}\n`,
    });
    expect(batch.code).toBe(76);
    expect(
      batch.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).error?.code),
    ).toEqual([undefined, 'onion-replay']);
    const race = await Promise.all(Array.from({ length: 4 }, () => peel(onion, '--replay-log', join(dir, 'race'))));
    expect(race.map(({ code }) => code).sort()).toEqual([0, 76, 76, 76]);
    expect(await peel(onion, '--replay-log', file('no-log', 'something else\n'))).toMatchObject({
      code: 65,
      stdout: '',
    });
    expect(await peel(onion, '--replay-log', dir)).toMatchObject({ code: 73, stdout: '' });
  });
  it('answers a batch line for line, with the first failure as exit code', async () => {
    const ran = await peel(`${onion}\n{}\n${altered}\n\n${onion}\n`, '--batch');
    const lines = ran.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map((line) => line.error?.code ?? line.type)).toEqual([
      'onion-peel',
      'malformed-message',
      'onion-hmac',
      'malformed-json',
      'onion-peel',
    ]);
    expect(ran.code).toBe(65);
  });
  it('reads historic frames with --legacy', async () => {
    const hops = [0, 1].map((i) => ({
      pubkey: hex(pubkeyOf(i)),
      payload: { amt_to_forward: 9 - i, outgoing_cltv_value: 7, ...(i === 0 && { short_channel_id: '1x2x3' }) },
    }));
    const stdin = (await spillway(['onion-build', '--legacy'], { stdin: JSON.stringify({ hops }) })).stdout;
    expect(await peel(stdin)).toMatchObject({
      code: 65,
      stdout: '',
      stderr: expect.stringMatching(/error\[onion-legacy\].*\nhint: --legacy/),
    });
    expect((await ok(peel(stdin, '--legacy'))).json).toMatchObject({
      legacy: true,
      payload: { short_channel_id: '1x2x3' },
    });
  });
});

describe('route | build | peel', () => {
  it('is one pipe that hands the HTLC on', async () => {
    const hops = [0, 1, 2].map((i) => ({
      pubkey: hex(pubkeyOf(i)),
      short_channel_id: `${i}x1x1`,
      fee_base_msat: 1000,
      fee_proportional_millionths: 100,
      cltv_expiry_delta: 40,
    }));
    const route = JSON.stringify({
      amount_msat: 1_000_000,
      final_cltv_expiry: 800_000,
      payment_hash: hex(fill(1)),
      payment_secret: hex(fill(2)),
      hops,
    });
    const line = `set -o pipefail; spillway onion-route | spillway onion-build | spillway onion-peel --key-file ${keys[0]}`;
    const { json, stderr } = await ok(bash(line, { stdin: route }));
    expect(stderr).toBe('');
    expect(json).toMatchObject({
      payload: { amt_to_forward: 1_001_100 },
      next: { amount_msat: 1_001_100, cltv_expiry: 800_040 },
    });
    const end = await ok(
      bash(`${line} | spillway onion-peel --key-file ${keys[1]} | spillway onion-peel --key-file ${keys[2]}`, {
        stdin: route,
      }),
    );
    expect(end.json).toMatchObject({ final: true, payload: { payment_data: { total_msat: 1_000_000 } } });
    // One block less in the HTLC than the onion says.
    const short = await bash(
      `set -o pipefail; spillway onion-route | spillway onion-build | spillway onion-peel --key-file ${keys[0]} --amount-msat 2000000 --cltv-expiry 800039`,
      { stdin: route },
    );
    expect(short).toMatchObject({ code: 76, stdout: '', stderr: expect.stringMatching(/onion-expiry/) });
  });
});
