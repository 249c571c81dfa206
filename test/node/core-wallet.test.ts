/** A Bitcoin Core wallet as either party of a contract, by the runbook that shows how. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT, start } from '../cli/run.ts';
import { findNode, TestNode } from './node.ts';

const found = findNode();
const RUNBOOK = join(ROOT, 'fixtures/runbooks/core-wallet.sh');
/** From 31 on Core's wallet signs with MuSig2. */
const cliIsThere = (): boolean => {
  try {
    execFileSync(found!.path.replace(/bitcoind$/, 'bitcoin-cli'), ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};
const able = found?.kind === 'bitcoind' && found.major >= 31 && cliIsThere();

it('the runbook of a Core wallet says what it needs where that is missing', async () => {
  const ran = await start('bash', [RUNBOOK]);
  expect(ran).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/^Skipped: needs [^\n]+\n$/) });
});

describe.skipIf(!able)('a Bitcoin Core wallet', () => {
  let node: TestNode;
  beforeAll(async () => {
    node = await TestNode.start(found!);
  });
  afterAll(() => node?.stop());

  it('is the mint, and the user, of a contract through PSBTs alone', async () => {
    const ran = await start('bash', [RUNBOOK], { env: { SPILLWAY_CHAIN: node.url, BITCOIN_CLI: node.cli } });
    expect(ran, `${ran.stdout}\n${ran.stderr}`).toMatchObject({ code: 0 });
    expect(ran.stdout.trimEnd().split('\n').at(-1)).toMatch(/^Proved: /);
    expect(await node.rpc('listwallets')).toEqual([]);
  });
});
