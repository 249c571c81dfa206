/** `restore`: refunds from their copies, and homes that were put back or copied. */
import { chmodSync, cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { freshDir } from '../cli/run.ts';
import { warm as spillway } from '../support/host.ts';

const WORDS = `${'abandon '.repeat(11)}about`;
const make = async (): Promise<{ home: string; refunds: string; first: string }> => {
  const home = join(freshDir(), 'home');
  await spillway(['init', '--home', home, '--network', 'regtest', '--mnemonic-fd', '3'], { fd3: WORDS });
  // Another home of the same words tells the address that this one will get to know.
  const twin = join(freshDir(), 'twin');
  await spillway(['init', '--home', twin, '--network', 'regtest', '--mnemonic-fd', '3'], { fd3: WORDS });
  const { stdout } = await spillway(['address', '--home', twin]);
  mkdirSync(`${home}.refunds`, { recursive: true });
  return { home, refunds: `${home}.refunds`, first: stdout.trim() };
};
const copy = (name: string, address: string, more: object = {}) => ({
  type: 'refund-copy',
  version: 1,
  network: 'regtest',
  contract: name,
  capacity_sat: 5000,
  expiry: 99,
  valid_from_height: 100,
  txid: 'bb'.repeat(32),
  hex: '03000000',
  address,
  path: { chain: 0, index: 0 },
  ...more,
});
const A = 'aa'.repeat(32);

describe('restore', () => {
  it('prints each refund, and takes its address for used', async () => {
    const { home, refunds, first } = await make();
    writeFileSync(join(refunds, `${A}.json`), JSON.stringify(copy(A, first)));
    const { code, stdout, stderr } = await spillway(['restore', '--home', home]);
    expect([code, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toEqual({
      type: 'restore',
      version: 1,
      network: 'regtest',
      contract: A,
      capacity_sat: 5000,
      valid_from_height: 100,
      txid: 'bb'.repeat(32),
      hex: '03000000',
      address: first,
      ours: true,
    });
    expect((await spillway(['address', '--home', home])).stdout.trim()).not.toBe(first);
  });
  it('prints a refund to another wallet too, and says that it is not ours', async () => {
    const { home, refunds, first } = await make();
    const foreign = [copy(A, first, { path: null }), copy('cc'.repeat(32), first, { path: { chain: 1, index: 7 } })];
    for (const body of foreign) writeFileSync(join(refunds, `${body.contract}.json`), JSON.stringify(body));
    const { stdout } = await spillway(['restore', '--home', home]);
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).ours),
    ).toEqual([false, false]);
    expect((await spillway(['address', '--home', home])).stdout.trim()).toBe(first);
  });
  it('names files that it cannot use, without letting them hide the others', async () => {
    const { home, refunds, first } = await make();
    const bad = {
      broken: '{',
      network: JSON.stringify(copy(A, first, { network: 'mainnet' })),
      field: '{"type":"refund-copy"}',
    };
    for (const [name, text] of Object.entries(bad)) writeFileSync(join(refunds, `${name}.json`), text);
    writeFileSync(join(refunds, `${A}.json`), JSON.stringify(copy(A, first)));
    const { code, stdout, stderr } = await spillway(['restore', '--home', home]);
    expect(code).toBe(3);
    expect(stdout.trimEnd().split('\n')).toHaveLength(1);
    for (const name of Object.keys(bad)) expect(stderr).toContain(`${name}.json is not a refund`);
  });
  it('prints nothing where nothing was kept', async () => {
    const { home } = await make();
    expect(await spillway(['restore', '--home', home])).toEqual({ code: 0, stdout: '', stderr: '' });
  });
});

describe('restore --accept-restore', () => {
  it('accepts a copied store, after saying what may be lost', async () => {
    const { home } = await make();
    await spillway(['address', '--home', home]);
    cpSync(home, `${home}.copy`, { recursive: true });
    rmSync(home, { recursive: true });
    cpSync(`${home}.copy`, home, { recursive: true });
    const asked = await spillway(['restore', '--home', home]);
    expect(asked).toMatchObject({ code: 0, stderr: expect.stringMatching(/--accept-restore/) });
    const accepted = await spillway(['restore', '--home', home, '--accept-restore']);
    expect(accepted).toMatchObject({ code: 0, stdout: '', stderr: expect.stringMatching(/may miss payments/) });
    const again = await spillway(['restore', '--home', home, '--accept-restore']);
    expect(again.stderr).toMatch(/nothing to accept/);
  });
  it('goes on with a home that was made of its words, for which a backup covers no journal before', async () => {
    const { home } = await make();
    await spillway(['address', '--home', home]);
    const backup = async (to: string) => {
      const { stdout, stderr } = await spillway(['backup', '--home', home, '--to', join(home, '..', to)]);
      return { ...(JSON.parse(stdout) as { covered: string[]; unread: string[] }), stderr };
    };
    const before = await backup('one');
    expect([before.covered, before.stderr]).toEqual([[], expect.stringMatching(/made of its words/)]);
    const accepted = await spillway(['restore', '--home', home, '--accept-restore']);
    expect(accepted).toMatchObject({ code: 0, stderr: expect.stringMatching(/known by their refunds only/) });
    // What this store wrote itself it need not bring in.
    const after = await backup('two');
    expect([after.covered.length, after.unread]).toEqual([1, []]);
    const journal = `${home}.journal`;
    expect((await spillway(['reconcile', '--home', home, '--journal', journal])).code).toBe(0);
    const { covered, unread } = await backup('three');
    expect([covered.length > 0, unread]).toEqual([true, []]);
  });
});

describe('metadata that changed is no rollback', () => {
  it('chmod is said on stderr, once, and changes nothing else', async () => {
    const { home } = await make();
    await spillway(['restore', '--home', home, '--accept-restore']);
    const before = await spillway(['coins', '--home', home]);
    chmodSync(join(home, 'identity'), 0o600);
    const touched = await spillway(['address', '--home', home]);
    expect([touched.code, touched.stderr]).toEqual([
      0,
      expect.stringMatching(/^note: modes, owner or links .* goes on, but .* anew\n$/),
    ]);
    expect((await spillway(['address', '--home', home])).stderr).toBe('');
    expect((await spillway(['coins', '--home', home])).stdout).toBe(before.stdout);
  });

  it("reconcile --complete says from where on it is at the operator's risk, and wants a journal", async () => {
    const { home } = await make();
    await spillway(['address', '--home', home]);
    const again = join(home, '..', 'again');
    await spillway(['backup', '--home', home, '--to', `${again}.backup`]);
    await spillway(['restore', '--from', `${again}.backup`, '--home', again]);
    expect((await spillway(['reconcile', '--home', again, '--complete'])).code).toBe(2);
    const done = await spillway(['reconcile', '--home', again, '--journal', `${home}.journal`, '--complete']);
    expect([done.code, JSON.parse(done.stdout.trim().split('\n').at(-1)!)]).toEqual([
      0,
      expect.objectContaining({ type: 'reconcile', completed: 0, not_given: [] }),
    ]);
    expect(done.stderr).toMatch(/take updates again: what came after commit 1 \(.*\), .* at your risk/);
  });
});
