/** The stateless `htlc` commands as processes: files, descriptors, homes, exit codes, and what they must not print. */
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { toTransaction, txidOf } from '../../src/lib/bitcoin/transaction.ts';
import { hashOf } from '../../src/lib/htlc/terms.ts';
import { freshDir, type Ran } from '../cli/run.ts';
import { warm } from '../support/host.ts';
import { PREIMAGE, PUBKEYS, SECRETS } from '../support/htlc.ts';

const dir = freshDir();
const at = (name: string): string => join(dir, name);
const file = (name: string, text: string, mode = 0o600): string => {
  writeFileSync(at(name), text, { mode });
  return at(name);
};
const COIN = `${'cd'.repeat(32)}:1:100000`;
const TO = 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080';
const { sha256, hash160 } = hashOf(PREIMAGE);
const KEYS = ['--claim-key', PUBKEYS.claim, '--refund-key', PUBKEYS.refund];
const REGTEST = ['--network', 'regtest'];

const run = (argv: readonly string[], stdin = '', env: Record<string, string> = {}, fd3?: string): Promise<Ran> =>
  warm(['htlc', ...argv], { stdin, env, cwd: dir, ...(fd3 !== undefined && { fd3 }) });
const json = async (argv: readonly string[], stdin = '', exit = 0): Promise<any> => {
  const { code, stdout, stderr } = await run(argv, stdin);
  expect([code, stderr.includes('error[')], stderr).toEqual([exit, false]);
  return JSON.parse(stdout);
};
const refused = async (code: string, argv: readonly string[], stdin = ''): Promise<string> => {
  const ran = await run(argv, stdin);
  expect(ran.stderr).toContain(`error[${code}]`);
  expect(ran.stdout).toBe('');
  return ran.stderr;
};
const claimKey = file('claim.key', bytesToHex(SECRETS.claim));
const refundKey = file('refund.key', bytesToHex(SECRETS.refund));
const preimage = file('preimage', `${bytesToHex(PREIMAGE)}\n`);
let htlc: string;
const spending = ['--utxo', COIN, '--to', TO];

beforeAll(async () => {
  const made = await run(['create', ...REGTEST, ...KEYS, '--hash', sha256!, '--expires', '900']);
  htlc = file('htlc.json', made.stdout);
  for (const home of ['alice', 'bob'])
    expect((await warm(['init', ...REGTEST, '--home', at(home)], { cwd: dir })).code).toBe(0);
});

describe('create', () => {
  it('prints what others script against', async () => {
    const made = JSON.parse(readFileSync(htlc, 'utf8'));
    expect(made).toMatchObject({
      type: 'htlc',
      variant: 'standard',
      script_type: 'p2tr',
      hash: { sha256, hash160 },
      claim_pubkey: PUBKEYS.claim,
      refund_pubkey: PUBKEYS.refund,
      locktime: { kind: 'height', value: 900 },
      address: expect.stringMatching(/^bcrt1p/),
      leaves: { claim: {}, refund: {} },
      paths: { claim: { by: [PUBKEYS.claim], from: null }, refund: { by: [PUBKEYS.refund], from: { height: 901 } } },
      checks: { tip: 'not-checked', expiry: 'not-checked', hash: 'not-checked' },
    });
    const p2wsh = await json(['create', ...REGTEST, ...KEYS, '--hash', hash160, '--expires', '900', '--type', 'p2wsh']);
    expect(p2wsh).toMatchObject({ script: expect.stringMatching(/^63/), hash: { sha256: null, hash160 } });
    expect(p2wsh.leaves).toBeUndefined();
  });

  it('a fresh preimage goes to a new file that nobody else reads, and nowhere else', async () => {
    const ran = await run(['create', ...REGTEST, ...KEYS, '--secret-out', at('r.hex'), '--expires', 'relative:144']);
    const secret = readFileSync(at('r.hex'), 'utf8').trim();
    expect(statSync(at('r.hex')).mode & 0o777).toBe(0o600);
    expect(ran.stdout + ran.stderr).not.toContain(secret);
    expect(JSON.parse(ran.stdout).hash).toEqual(hashOf(Buffer.from(secret, 'hex')));
    await refused('cannot-write', ['create', ...REGTEST, ...KEYS, '--secret-out', at('r.hex'), '--expires', '900']);
    expect(readFileSync(at('r.hex'), 'utf8').trim()).toBe(secret);
  });

  it.each<[string, string, string[]]>([
    ['no network', 'usage', [...KEYS, '--hash', sha256!, '--expires', '900']],
    ['no hash', 'usage', [...REGTEST, ...KEYS, '--expires', '900']],
    ['one key', 'usage', [...REGTEST, ...KEYS.slice(2), '--hash', sha256!, '--expires', '900']],
    ['a hash of 31 bytes', 'usage', [...REGTEST, ...KEYS, '--hash', sha256!.slice(2), '--expires', '900']],
    [
      'an x-only key',
      'usage',
      [...REGTEST, '--claim-key', PUBKEYS.claim.slice(2), ...KEYS.slice(2), '--hash', sha256!, '--expires', '900'],
    ],
    [
      'the same key twice',
      'key-rejected',
      [...REGTEST, '--claim-key', PUBKEYS.refund, ...KEYS.slice(2), '--hash', sha256!, '--expires', '900'],
    ],
    [
      'a key file that is not there',
      'no-input',
      [...REGTEST, '--claim-key', 'nobody.json', ...KEYS.slice(2), '--hash', sha256!, '--expires', '900'],
    ],
    ['an expiry in the past', 'expired', [...REGTEST, ...KEYS, '--hash', sha256!, '--expires', '900', '--tip', '900']],
    ['a time in the past', 'expired', [...REGTEST, ...KEYS, '--hash', sha256!, '--expires', '2020-01-01']],
    ['blocks from nowhere', 'usage', [...REGTEST, ...KEYS, '--hash', sha256!, '--expires', '+144']],
    [
      'a time for boltz',
      'locktime-kind',
      [...REGTEST, ...KEYS, '--hash', sha256!, '--expires', '2040-01-01', '--variant', 'boltz'],
    ],
    [
      'seconds between two units',
      'locktime-kind',
      [...REGTEST, ...KEYS, '--hash', sha256!, '--expires', 'relative:1000s'],
    ],
    [
      'leaves for BOLT3',
      'malformed-message',
      [
        ...REGTEST,
        ...KEYS,
        '--revocation-key',
        PUBKEYS.revocation,
        '--hash',
        sha256!,
        '--expires',
        '900',
        '--variant',
        'bolt3-offered',
        '--type',
        'p2tr',
      ],
    ],
    [
      'no revocation key',
      'usage',
      [...REGTEST, ...KEYS, '--hash', sha256!, '--expires', '900', '--variant', 'bolt3-offered'],
    ],
    [
      "the book's without consent",
      'anyone-can-claim',
      [...REGTEST, ...KEYS.slice(2), '--hash', sha256!, '--expires', '900', '--variant', 'book'],
    ],
    [
      "a claim key for the book's",
      'usage',
      [...REGTEST, ...KEYS, '--hash', sha256!, '--expires', '900', '--variant', 'book', '--accept-anyone-can-claim'],
    ],
    [
      'an order of keys that are not put together',
      'usage',
      [...REGTEST, ...KEYS, '--hash', sha256!, '--expires', '900', '--key-order', 'sorted'],
    ],
    [
      "a cooperative book's",
      'usage',
      [
        ...REGTEST,
        ...KEYS.slice(2),
        '--hash',
        sha256!,
        '--expires',
        '900',
        '--variant',
        'book',
        '--accept-anyone-can-claim',
        '--internal-key',
        'musig',
      ],
    ],
    [
      'musig outside taproot',
      'usage',
      [...REGTEST, ...KEYS, '--hash', sha256!, '--expires', '900', '--type', 'p2wsh', '--internal-key', 'musig'],
    ],
  ])('%s: %s', async (_, code, argv) => void (await refused(code, ['create', ...argv])));

  it("the book's is made for whoever accepts it, with a warning, and claims with the extra element", async () => {
    const argv = [
      'create',
      ...REGTEST,
      ...KEYS.slice(2),
      '--hash',
      sha256!,
      '--expires',
      '900',
      '--variant',
      'book',
      '--accept-anyone-can-claim',
    ];
    const { stdout, stderr } = await run(argv);
    expect(stderr).toContain('whoever sees the preimage');
    expect(JSON.parse(stdout)).toMatchObject({
      claim_pubkey: null,
      paths: { claim: { by: 'anyone', witness: '01 <preimage> 01 <script>' } },
    });
    const claim = await json(['claim', ...spending, '--preimage-file', preimage], stdout);
    expect(claim.hex).toContain(`0101${'20'}${bytesToHex(PREIMAGE)}0101`);
  });
});

const UNSEEN =
  'note: nobody looked at the coin: if --utxo states another sum than it has, this transaction is invalid\n';

describe('claim and refund', () => {
  it('say that the sum of --utxo is taken at its word, but not where --prev proves it', async () => {
    const { output_script: script } = JSON.parse(readFileSync(htlc, 'utf8')) as { output_script: string };
    const funding = toTransaction({
      version: 2,
      locktime: 0,
      inputs: [{ txid: 'ab'.repeat(32), vout: 0, sequence: 0xfffffffd, sat: 200_000n, script }],
      outputs: [{ sat: 100_000n, script }],
    });
    const proved = ['refund', '--utxo', `${funding.id}:0:100000`, '--to', TO, '--key-file', refundKey];
    expect(await run([...proved, htlc])).toMatchObject({ code: 0, stderr: UNSEEN });
    const prev = file('funding.hex', bytesToHex(funding.unsignedTx));
    expect(await run([...proved, '--prev', prev, htlc])).toMatchObject({ code: 0, stderr: '' });
  });

  it('sign with a file or a descriptor, and print the same', async () => {
    const claim = await json(['claim', ...spending, '--preimage-file', preimage, '--key-file', claimKey, htlc]);
    expect(claim).toMatchObject({
      type: 'htlc-claim',
      valid_from: null,
      missing: [],
      checks: { coins: 'not-checked' },
    });
    const byFd = await run(
      ['claim', ...spending, '--preimage-file', preimage, '--key-fd', '3', htlc],
      '',
      {},
      bytesToHex(SECRETS.claim),
    );
    expect(JSON.parse(byFd.stdout).hex).toBe(claim.hex);
    expect(byFd.stderr).toBe(UNSEEN);
    const secret = await json(['secret', '--hash', hash160], claim.hex);
    expect(secret).toEqual({
      type: 'htlc-secret',
      version: 1,
      preimage: bytesToHex(PREIMAGE),
      hash: hash160,
      path: 'claim',
      input: 0,
    });
    const refund = await json(['refund', ...spending, '--key-file', refundKey, htlc]);
    expect(refund).toMatchObject({ type: 'htlc-refund', valid_from: { height: 901 } });
    expect((await json(['identify'], refund.hex)).inputs[0]).toMatchObject({ path: 'refund', variant: 'standard' });
    expect((await json(['identify'], refund.psbt)).inputs[0]).toMatchObject({ path: 'refund' });
    expect(await json(['identify'], readFileSync(htlc, 'utf8'))).toMatchObject({
      key_path: 'nobody',
      leaves: [{}, {}],
    });
    expect((await warm(['broadcast'], { stdin: JSON.stringify(refund) })).stderr).toContain('chain');
  });

  it('print what is missing, and finish what comes back', async () => {
    const first = await json(['claim', ...spending, '--feerate', '3', htlc], '', 3);
    expect(first).toMatchObject({ hex: null, txid: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(first.missing).toHaveLength(2);
    const withSecret = await json(['claim', ...spending, '--feerate', '3', '--preimage-file', preimage, htlc], '', 3);
    writeFileSync(at('half.psbt'), withSecret.psbt);
    const done = await json([
      'claim',
      ...spending,
      '--feerate',
      '3',
      '--merge',
      'half.psbt',
      '--key-file',
      claimKey,
      htlc,
    ]);
    expect(done.missing).toEqual([]);
    await refused('transaction-differs', [
      'claim',
      ...spending,
      '--feerate',
      '4',
      '--merge',
      'half.psbt',
      '--key-file',
      claimKey,
      htlc,
    ]);
    expect((await warm(['broadcast'], { stdin: JSON.stringify(first) })).stderr).toContain('error[not-signed]');
  });

  it('two who must both sign hand the PSBT on', async () => {
    const bolt3 = [
      'create',
      ...REGTEST,
      ...KEYS,
      '--revocation-key',
      PUBKEYS.revocation,
      '--hash',
      sha256!,
      '--expires',
      '900',
      '--variant',
      'bolt3-received',
    ];
    const document = (await run(bolt3)).stdout;
    const argv = ['claim', ...spending, '--preimage-file', preimage, '--feerate', '2'];
    writeFileSync(at('one.psbt'), (await json([...argv, '--key-file', claimKey], document, 3)).psbt);
    const both = await json([...argv, '--key-file', refundKey, '--merge', 'one.psbt'], document);
    expect((await json(['identify'], both.hex)).inputs[0]).toMatchObject({ variant: 'bolt3-received', path: 'claim' });
  });

  it('--prev proves the coin, and lets other wallets sign plain P2SH', async () => {
    const document = (
      await run(['create', ...REGTEST, ...KEYS, '--hash', sha256!, '--expires', '900', '--type', 'p2sh'])
    ).stdout;
    const output = { sat: 100_000n, script: JSON.parse(document).output_script };
    const inputs = [{ txid: 'ab'.repeat(32), vout: 0, sat: 0n, script: '', sequence: 0 }];
    const template = { version: 2 as const, locktime: 0, inputs, outputs: [output] };
    const prev = file('prev.hex', bytesToHex(toTransaction(template).unsignedTx));
    const argv = (utxo: string) => ['refund', '--utxo', utxo, '--to', TO, '--prev', prev, '--key-file', refundKey];
    const made = await json(argv(`${txidOf(template)}:0:100000`), document);
    expect(made.missing).toEqual([]);
    await refused('unsafe-funding', argv(`${txidOf(template)}:0:100001`), document);
    await refused('unsafe-funding', argv(`${txidOf(template)}:1:100000`), document);
    await refused('parent-differs', argv(COIN), document);
    // A legacy signature does not cover the amount: a coin of more would be burnt as fee.
    await refused('amount-unproven', ['refund', '--utxo', COIN, '--to', TO, '--key-file', refundKey], document);
  });

  const short = file('short', '07'.repeat(31));
  const long = file('long', '07'.repeat(33));
  const other = file('other', '08'.repeat(32));
  it.each<[string, string, string[]]>([
    [
      'a preimage of 31 bytes',
      'preimage-size',
      ['claim', ...spending, '--preimage-file', short, '--key-file', claimKey],
    ],
    [
      'a preimage of 33 bytes',
      'preimage-size',
      ['claim', ...spending, '--preimage-file', long, '--key-file', claimKey],
    ],
    ['another preimage', 'wrong-preimage', ['claim', ...spending, '--preimage-file', other, '--key-file', claimKey]],
    ['the other key', 'wrong-key', ['claim', ...spending, '--preimage-file', preimage, '--key-file', refundKey]],
    [
      'an address of another network',
      'wrong-network',
      ['refund', '--utxo', COIN, '--to', 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4', '--key-file', refundKey],
    ],
    ['no address', 'usage', ['refund', '--utxo', COIN, '--key-file', refundKey]],
    ['no coin', 'usage', ['refund', '--utxo', `${'cd'.repeat(32)}:1`, '--to', TO]],
    ['a coin of nothing', 'usage', ['refund', '--utxo', `${'cd'.repeat(32)}:1:0`, '--to', TO]],
    [
      'a fee above the coin',
      'fee-too-high',
      ['refund', '--utxo', `${'cd'.repeat(32)}:1:200`, '--to', TO, '--allow-fee', '--key-file', refundKey],
    ],
    [
      'dust',
      'below-dust',
      ['refund', '--utxo', `${'cd'.repeat(32)}:1:500`, '--to', TO, '--allow-fee', '--key-file', refundKey],
    ],
  ])('%s: %s', async (_, code, argv) => void (await refused(code, [...argv, htlc])));

  it.each(['00'.repeat(32), 'ff'.repeat(32)])('the key %s is none', async (text) => {
    await refused('wrong-key', ['refund', ...spending, '--key-file', file('bad.key', text), htlc]);
  });

  it('a key that others can read is not read, and no error repeats a secret', async () => {
    chmodSync(file('open.key', bytesToHex(SECRETS.refund)), 0o644);
    await refused('secret-exposed', ['refund', ...spending, '--key-file', at('open.key'), htlc]);
    expect(
      await refused('wrong-preimage', ['claim', ...spending, '--preimage-file', other, '--key-file', claimKey, htlc]),
    ).not.toContain('0808');
  });

  it('a document that was altered spends nothing', async () => {
    const document = JSON.parse(readFileSync(htlc, 'utf8'));
    for (const [name, value] of [
      ['address', TO],
      ['output_script', '51'],
      ['internal_key', 'ab'.repeat(32)],
    ] as const)
      await refused(
        'terms-differ',
        ['refund', ...spending, '--key-file', refundKey],
        JSON.stringify({ ...document, [name]: value }),
      );
    await refused('malformed-message', ['refund', ...spending], JSON.stringify({ type: 'htlc' }));
    await refused('malformed', ['refund', ...spending], 'hello');
    const { stderr } = await run(
      ['refund', ...spending, '--key-file', refundKey],
      JSON.stringify({ ...document, colour: 1 }),
    );
    expect(stderr).toContain('note: not known, and ignored: colour\n');
  });
});

describe('with homes', () => {
  const alice = (argv: string[], stdin = '') => run([...argv, '--home', at('alice')], stdin);
  const bob = (argv: string[], stdin = '') => run([...argv, '--home', at('bob')], stdin);

  it('keys and preimages are found again by the document alone', async () => {
    const [claim, refund] = [(await bob(['key'])).stdout, (await alice(['key'])).stdout];
    file('claim.json', claim);
    file('refund.json', refund);
    const { hash } = JSON.parse(claim);
    const made = await bob([
      'create',
      '--claim-key',
      at('claim.json'),
      '--refund-key',
      at('refund.json'),
      '--hash',
      hash.sha256,
      '--expires',
      '900',
    ]);
    expect(JSON.parse(made.stdout)).toMatchObject({ network: 'regtest', checks: { hash: 'fresh' } });
    const claimed = JSON.parse((await bob(['claim', '--utxo', COIN], made.stdout)).stdout);
    expect(claimed.missing).toEqual([]);
    expect(JSON.parse((await alice(['refund', '--utxo', COIN], made.stdout)).stdout).missing).toEqual([]);
    const wrong = await alice(['claim', '--utxo', COIN], made.stdout);
    expect([wrong.code, JSON.parse(wrong.stdout).missing.length]).toEqual([3, 2]);
    // The same hash again: only where it is meant, and warned of.
    const again = await bob([
      'create',
      '--claim-key',
      at('claim.json'),
      '--refund-key',
      at('refund.json'),
      '--hash',
      hash.sha256,
      '--same-hash',
      '--expires',
      '901',
    ]);
    expect(again.stderr).toContain('this hash was in another HTLC before');
    expect(JSON.parse(again.stdout).checks.hash).toBe('reused');
  });

  it('what is not given is the home’s: the own key, and the preimage', async () => {
    const { stdout } = await bob(['create', '--refund-key', PUBKEYS.refund, '--expires', '900']);
    const made = JSON.parse(stdout);
    expect(made.claim_auth).toMatch(/^[0-9a-f]{64}$/);
    expect(JSON.parse((await bob(['claim', '--utxo', COIN], stdout)).stdout).missing).toEqual([]);
    const foreign = await alice(['create', '--claim-key', PUBKEYS.claim, '--hash', sha256!, '--expires', '900']);
    expect(JSON.parse(foreign.stdout).checks.hash).toBe('fresh');
    const twice = ['create', '--claim-key', PUBKEYS.claim, '--hash', hash160, '--expires', '900'];
    expect((await alice(twice)).stderr).toContain('error[same-hash]');
    const again = await alice([...twice, '--same-hash']);
    expect(JSON.parse(again.stdout).checks.hash).toBe('reused');
    expect((await alice(['create', '--hash', sha256!, '--expires', '900'])).stderr).toContain('error[usage]');
    expect(
      (await alice(['create', '--network', 'mainnet', '--claim-key', PUBKEYS.claim, '--expires', '900'])).stderr,
    ).toContain('error[wrong-network]');
  });

  it('eight keys at once are eight keys', async () => {
    const all = await Promise.all(Array.from({ length: 8 }, () => bob(['key'])));
    expect(all.map(({ code }) => code)).toEqual(Array(8).fill(0));
    expect(new Set(all.map(({ stdout }) => JSON.parse(stdout).pubkey)).size).toBe(8);
  });

  it('no secret of a home is in its store', async () => {
    const { stdout } = await bob(['create', '--refund-key', PUBKEYS.refund, '--expires', '900']);
    const { hex } = JSON.parse((await bob(['claim', '--utxo', COIN], stdout)).stdout);
    const { preimage: shown } = await json(['secret', '--hash', JSON.parse(stdout).hash.hash160], hex);
    const store = ['store.db', 'store.db-wal'].filter((name) => existsSync(join(at('bob'), name)));
    for (const name of store) {
      const bytes = readFileSync(join(at('bob'), name));
      expect(bytes.includes(Buffer.from(shown, 'hex')) || bytes.includes(shown)).toBe(false);
    }
  });

  it('a live swap keeps its preimage and its coins to itself', async () => {
    const own = (home: string, argv: string[], stdin = '') =>
      warm(['htlc', ...argv, '--home', at(home), '--tip', '1000'], { stdin });
    const start = ['swap', '--as', 'initiator', '--give', '100000', '--want', '98000', '--expires', '+288'];
    const offered = (await own('alice', start)).stdout;
    const accept = ['swap', '--want', '100000', '--amount', '98000', '--expires', '+144'];
    const accepted = (await own('bob', accept, offered)).stdout;
    const { scriptOf } = await import('../../src/lib/bitcoin/address.ts');
    const address = (await warm(['address', '--home', at('alice')])).stdout.trim();
    const listed = (txid: string) =>
      `[{"txid":"${txid}","vout":0,"amount":0.02000000,"scriptPubKey":"${scriptOf(address, 'regtest')}","confirmations":6}]`;
    const coins = file('held.json', listed('ac'.repeat(32)));
    const funded = (await own('alice', ['swap', '--utxo', coins], accepted)).stdout;
    const { first, htlcs } = JSON.parse(funded);
    const utxo = `${first.txid}:${first.vout}:100000`;
    for (const leg of [htlcs.first, htlcs.second]) {
      const claim = await own('alice', ['claim', '--utxo', utxo], JSON.stringify(leg));
      expect([claim.code, claim.stdout]).toEqual([77, '']);
      expect(claim.stderr).toContain('error[preimage-kept]');
    }
    const fund = await own('alice', ['fund', '--amount', '100000', '--utxo', coins, htlc]);
    expect([fund.code, fund.stdout]).toEqual([75, '']);
    expect(fund.stderr).toContain(`error[coin-reserved]: the coin ${'ac'.repeat(32)}:0 is held by htlc-swap`);
    const free = file('free.json', listed('ad'.repeat(32)));
    expect((await own('alice', ['fund', '--amount', '100000', '--utxo', free, htlc])).code).toBe(0);
    // Its end is by name, and asks a node.
    const end = await own('alice', ['swap', '--contract', JSON.parse(offered).offer.hash]);
    expect(end.stderr).toContain('error[funding-unchecked]');
  });

  it('a claim that another wallet is to sign goes out without the preimage of the home', async () => {
    const { stdout } = await bob(['create', '--claim-key', PUBKEYS.claim, '--expires', '900']);
    const claim = await bob(['claim', '--utxo', COIN, '--feerate', '2', '--to', TO], stdout);
    expect([claim.code, JSON.parse(claim.stdout).missing.length]).toEqual([3, 2]);
    const shown = await run(['secret', '--hash', JSON.parse(stdout).hash.sha256], JSON.parse(claim.stdout).psbt);
    expect(shown.stderr).toContain('error[no-preimage]');
    const signed = await bob(['claim', '--utxo', COIN, '--feerate', '2', '--to', TO, '--key-file', claimKey], stdout);
    expect(JSON.parse(signed.stdout)).toMatchObject({ missing: [], hex: expect.any(String) });
  });

  it('fund pays the address, and says what claim and refund want to know', async () => {
    const script = `5120${'79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798'}`;
    const coin = `[{"txid":"${'ab'.repeat(32)}","vout":0,"amount":0.02000000,"scriptPubKey":"${script}","confirmations":6}]`;
    const coins = file('coins.json', coin);
    const argv = ['fund', '--amount', '100000', '--utxo', coins, '--change', TO, htlc];
    const funded = await json(argv, '', 3);
    expect(funded).toMatchObject({ type: 'htlc-fund', hex: null, utxo: `${funded.txid}:0:100000` });
    const address = (await warm(['address', '--home', at('alice')])).stdout.trim();
    const { scriptOf } = await import('../../src/lib/bitcoin/address.ts');
    file('coins.json', coin.replace(script, scriptOf(address, 'regtest')));
    const own = await alice(['fund', '--amount', '100000', '--utxo', coins, htlc]);
    expect([own.code, JSON.parse(own.stdout).hex.length > 200]).toEqual([0, true]);
    expect((await alice(['fund', '--amount', '329', '--utxo', coins, htlc])).stderr).toContain('error[below-dust]');
    expect((await run(['fund', '--amount', '100000', '--utxo', coins, htlc])).stderr).toContain('error[usage]');
  });
});

describe('secret and identify', () => {
  it('take a stream, a line for a line', async () => {
    const claim = await json(['claim', ...spending, '--preimage-file', preimage, '--key-file', claimKey, htlc]);
    const refund = await json(['refund', ...spending, '--key-file', refundKey, htlc]);
    const lines = `${refund.hex}\n${claim.hex}\nnonsense\n{"witness":["${bytesToHex(PREIMAGE)}"]}\n`;
    const { code, stdout } = await run(['secret', '--batch', '--hash', sha256!], lines);
    const said = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(said.map((d) => d.error?.code ?? d.preimage)).toEqual([
      'no-preimage',
      bytesToHex(PREIMAGE),
      'malformed-json',
      bytesToHex(PREIMAGE),
    ]);
    expect(code).toBe(66);
  });
  it.each<[string, string, string]>([
    ['an empty transaction', '02000000', 'malformed-transaction'],
    ['a script of nothing known', '51', 'unknown-witness'],
    ['a witness that is no list', '{"witness":7}', 'malformed-message'],
    ['a witness that is no hex', '{"witness":["zz"]}', 'malformed-message'],
    ['nothing', '{}', 'malformed-message'],
    ['a broken PSBT', 'cHNidP8BAHUCAAAA', 'malformed-psbt'],
  ])('identify: %s', async (_, input, code) => void (await refused(code, ['identify'], input)));

  it('nine million bytes are read, more are not', async () => {
    await refused('too-large', ['secret', '--hash', sha256!], `02000000${'00'.repeat(4_100_000)}`);
    await refused('malformed-transaction', ['secret', '--hash', sha256!], `02000000${'00'.repeat(3_900_000)}`);
  });
});

it('a topic alone lists its commands, a mistyped verb is told', async () => {
  expect((await run([])).stdout).toContain('htlc create');
  expect(await run(['crate'])).toMatchObject({ code: 2, stderr: expect.stringContaining('did you mean htlc create?') });
  const help = await warm(['help', 'htlc', 'claim']);
  expect(help.stdout).toContain('spillway htlc claim');
});
