/** `decode-openassets` and its siblings as processes: every way in, exit codes, missing parents, builders in a pipe. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { Transaction } from '@scure/btc-signer';
import { describe, expect, it } from 'vitest';
import { bytesToHex, hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import { opReturnScript } from '../../src/lib/assets/script.ts';
import { marker, P2PKH, readTxOf, script } from '../assets/make.ts';
import { freshDir } from '../cli/run.ts';
import { warm as spillway } from '../support/host.ts';
import { fixture } from '../support/vectors.ts';

const TEXTBOOK = '4f41010001141b753d68747470733a2f2f6370722e736d2f466f796b777248365559';
const { tx, parents } = fixture<{ tx: string; parents: Record<string, string> }>('assets/chain.json');
const dir = freshDir();
const file = (name: string, text: string): string => {
  writeFileSync(join(dir, name), text);
  return join(dir, name);
};
const hexes = file('parents.hex', Object.values(parents).join('\n'));
const decode = (argv: string[], more: object = {}) => spillway(['decode-openassets', ...argv], more);
const read = (text: string) => JSON.parse(text);
/** Spends an output of the issuance without units, which it carries. */
const psbt = (() => {
  const child = new Transaction({ allowUnknownOutputs: true, disableScriptCheck: true });
  const issuance = Object.entries(parents).find(([txid]) => tx.includes(txid.match(/../g)!.reverse().join('')))!;
  child.addInput({ txid: issuance[0], index: 1, nonWitnessUtxo: hexToBytes(issuance[1]) });
  child.addOutput({ script: P2PKH, amount: 300n });
  return Buffer.from(child.toPSBT(0)).toString('base64');
})();

describe('alone', () => {
  it('reads a marker, script, address or asset id', async () => {
    const found = await Promise.all([
      decode(['--marker', TEXTBOOK]),
      decode(['--script', `6a22${TEXTBOOK}`]),
      decode(['--script', '76a914b895201a7cfdd91a9bff3b42cd114d42e3a634d288ac']),
      decode(['--address', 'akTnsDt5uzpioRST76VFRQM8q8sBFnQiwcx']),
      decode(['--asset-id', 'AcuRVsoa81hoLHmVTNXrRD8KpTqUXeqwgH']),
    ]);
    expect(found.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0]);
    expect(read(found[0].stdout)).toMatchObject({ quantities: ['20'], metadata_text: 'u=https://cpr.sm/FoykwrH6UY' });
    for (const i of [2, 3])
      expect(read(found[i]!.stdout)).toMatchObject({ asset_id: 'AcuRVsoa81hoLHmVTNXrRD8KpTqUXeqwgH' });
    expect(read(found[4].stdout)).toMatchObject({ asset_hash160: 'e7c8243041a0c869d4bdf49e91d9a981029202d8' });
  });
  it.each([
    ['--marker', '4f4101000201ac', 65, /error\[invalid-marker\]: truncated/],
    ['--script', '6b00', 65, /error\[invalid-marker\]: no-op-return/],
    ['--marker', 'xy', 65, /error\[malformed\]/],
    ['--asset-id', 'AcuRVsoa81hoLHmVTNXrRD8KpTqUXeqwGH', 65, /error\[bad-checksum\]/],
    ['--address', '1BvvRfz4XnxSWJ524TusetYKrtZnAbgV3R', 65, /error\[bad-checksum\]/],
  ])('%s %s: exit %i', async (flag, value, exit, words) => {
    const { code, stdout, stderr } = await decode([flag, value]);
    expect([code, stdout]).toEqual([exit, '']);
    expect(stderr).toMatch(words);
  });
  it('--marker takes the whole OP_RETURN script too, as a line of a batch and as a byte table', async () => {
    const whole = `6a22${TEXTBOOK}`;
    const [payload, script, lines, pieces] = await Promise.all([
      decode(['--marker', TEXTBOOK]),
      decode(['--marker', whole]),
      decode(['--batch'], { stdin: `{"marker":"${whole}"}\n` }),
      decode(['--marker', whole, '--explain']),
    ]);
    expect([script.code, read(script.stdout)]).toEqual([0, read(payload.stdout)]);
    expect([lines.code, read(lines.stdout)]).toEqual([0, read(payload.stdout)]);
    expect(pieces.stdout).toBe((await decode(['--marker', TEXTBOOK, '--explain'])).stdout);
    const cut = await decode(['--marker', `6a23${TEXTBOOK}`]);
    expect([cut.code, cut.stdout, cut.stderr]).toEqual([65, '', expect.stringMatching(/invalid-marker/)]);
  });
  it('explains a marker as a table of its bytes', async () => {
    expect((await decode(['--marker', TEXTBOOK, '--explain'])).stdout).toContain('quantity 0: 20 units');
  });
});

describe('parents', () => {
  const folder = join(dir, 'folder');
  mkdirSync(folder);
  for (const [txid, hex] of Object.entries(parents)) writeFileSync(join(folder, `${txid}.hex`), `${hex}\n`);
  const ways: [string, () => ReturnType<typeof decode>][] = [
    ['one a line', () => decode(['--prev', hexes], { stdin: tx })],
    ['a folder', () => decode(['--prev', folder], { stdin: tx })],
    [
      'a second stream',
      () =>
        decode(['--prev-fd', '3'], {
          stdin: tx,
          fd3: Object.values(parents)
            .map((hex) => JSON.stringify({ hex }))
            .join('\n'),
        }),
    ],
    ['with the transaction', () => decode([], { stdin: JSON.stringify({ tx, prev: parents, later: 1 }) })],
  ];
  it.each(ways)('%s', async (_, run) => {
    const { code, stdout, stderr } = await run();
    expect([code, read(stdout).status]).toEqual([0, 'colored']);
    if (_ === 'with the transaction') expect(stderr).toMatch(/note: field .*later/);
  });
  it('are fetched from a node, one after the other', async () => {
    const node = createServer(async (request, response) => {
      const { method, params } = (await json(request)) as { method: string; params: string[] };
      const result =
        method === 'getrawtransaction'
          ? parents[params[0]!]
          : { chain: 'main', blocks: 1, bestblockhash: '00'.repeat(32), initialblockdownload: false };
      response.end(
        JSON.stringify({ result, error: result === undefined ? { code: -5, message: 'no such' } : null, id: 1 }),
      );
    });
    await new Promise<void>((done) => node.listen(0, '127.0.0.1', done));
    const chain = `http://127.0.0.1:${(node.address() as AddressInfo).port}`;
    const found = await decode(['--chain', chain], { stdin: tx });
    const other = await decode(['--chain', chain, '--network', 'testnet'], { stdin: tx });
    node.close();
    expect([found.code, read(found.stdout).status, other.code]).toEqual([0, 'colored', 65]);
  });
  it('that are missing are named, with exit 3: never uncolored', async () => {
    const [whole, ids] = await Promise.all([decode([], { stdin: tx }), decode(['--emit-missing'], { stdin: tx })]);
    expect([whole.code, read(whole.stdout).status, ids.code]).toEqual([3, 'undetermined', 3]);
    expect(ids.stdout.trim()).toBe(read(whole.stdout).missing.join('\n'));
    expect(await decode(['--emit-missing', '--prev', hexes], { stdin: tx })).toMatchObject({ code: 0, stdout: '' });
  });
  it('a wrong parent is refused, wherever it comes from', async () => {
    const wrong = { ['11'.repeat(32)]: Object.values(parents)[0] };
    const swapped = JSON.stringify({ tx, prev: wrong });
    const refused = { code: 65, stdout: '', stderr: expect.stringMatching(/parent-differs/) };
    expect(await decode([], { stdin: swapped })).toMatchObject(refused);
    const prev = file('wrong.json', `${JSON.stringify(wrong)}\n`);
    expect(await decode(['--prev', prev], { stdin: tx })).toMatchObject(refused);
    const { code, stdout } = await decode(['--batch'], { stdin: `${swapped}\n` });
    expect([code, read(stdout).error.code]).toEqual([65, 'parent-differs']);
  });
  it('are taken from a PSBT', async () => {
    const { code, stdout } = await decode([], { stdin: psbt });
    expect([code, read(stdout).status]).toEqual([0, 'uncolored']);
  });
});

it('a batch answers a line each, in order, whatever the lines are', async () => {
  const lines = [
    tx,
    JSON.stringify({ tx, prev: parents }),
    JSON.stringify({ marker: TEXTBOOK }),
    JSON.stringify({ script: `6a22${TEXTBOOK}`.toUpperCase(), note: 1 }),
    '{"marker":"zz"}',
    '{"marker":"4f41"}',
    psbt,
    'zz',
    '{"tx":1}',
    JSON.stringify(tx),
    '',
  ];
  const { code, stdout } = await decode(['--batch'], { stdin: lines.join('\n') });
  const found = stdout.trim().split('\n').map(read);
  expect(found.map((f) => f.status ?? f.type ?? f.error?.code)).toEqual([
    'undetermined',
    'colored',
    'openassets-marker',
    'openassets-marker',
    'malformed',
    'invalid-marker',
    'uncolored',
    'malformed',
    'malformed',
    'undetermined',
  ]);
  expect(code).toBe(3);
});
it('refuses more input than --max-input', async () => {
  expect(await decode(['--max-input', '100'], { stdin: tx })).toMatchObject({
    code: 65,
    stderr: expect.stringMatching(/too-large/),
  });
});
it('draws the way of the units as a chart', async () => {
  expect((await decode(['--graph', 'mermaid', '--prev', hexes], { stdin: tx })).stdout).toMatch(
    /^flowchart LR\n[^]*issued/,
  );
});
it('checks a definition file that somebody kept', async () => {
  const definition = file('definition.json', '{"asset_ids":["nobody"],"divisibility":0}');
  const { stdout } = await decode(['--prev', hexes, '--definition', definition], { stdin: tx });
  expect(read(stdout).definitions[0].definition).toMatchObject({ asset_ids: 'not-listed', hash: 'not-stated' });
});

describe('siblings', () => {
  it.each(['decode-openassets', 'decode-colu', 'decode-epobc', 'decode-counterparty', 'decode-assets'])(
    '%s answers, from stdin or a file, and takes batches',
    async (name) => {
      const one = await spillway([name, '--prev', hexes], { stdin: tx });
      expect([one.code, read(one.stdout).type, one.stderr]).toEqual([0, name, '']);
      expect((await spillway([name, '--prev', hexes, file('tx.hex', tx)])).stdout).toBe(one.stdout);
      const two = await spillway([name, '--prev', hexes, '--batch'], { stdin: `${tx}\n${tx}\n` });
      expect(two.stdout).toBe(`${one.stdout}${one.stdout}`);
    },
  );
  it('reads a mainnet-like Counterparty message at a height', async () => {
    const [raw] = fixture('assets/counterparty.json').raw_transactions;
    const { code, stdout } = await spillway(['decode-counterparty', '--network', 'regtest', '--height', '950000'], {
      stdin: raw.tx,
    });
    expect([code, read(stdout)]).toMatchObject([0, { status: 'message', validity: 'not-evaluated' }]);
  });
});

describe('builders in a pipe', () => {
  const segwit = hexToBytes(`0014${'22'.repeat(20)}`);
  const money = readTxOf([{ txid: 'aa'.repeat(32), vout: 0 }], [{ sat: 500_000n, script: segwit }]);
  const coins = (list: { txid: string; vout: number; sat: bigint; bytes: Uint8Array }[]) =>
    JSON.stringify(
      list.map(({ txid, vout, sat, bytes }) => ({
        txid,
        vout,
        amount: Number(sat) / 1e8,
        scriptPubKey: bytesToHex(bytes),
      })),
    );
  const utxo = file('coins.json', coins([{ txid: money.tx.txid, vout: 0, sat: 500_000n, bytes: segwit }]));
  const prev = file('money.hex', bytesToHex(money.bytes));
  const CHANGE = '1BvvRfz4XnxSWJ524TusetYKrtZnAbgV3r';
  const TO = 'akB4NBW9UuCmHuepksob6yfZs6naHtRCPNy';
  const spend = ['--utxo', utxo, '--change', CHANGE, '--feerate', '2'];
  const FROM = [{ txid: money.tx.txid, vout: 0 }];
  /** An issuance of 15 units to output 0. */
  const COLU = '434302060f000f10';

  it('issue, transfer and check: each reads what the one before made', async () => {
    const issue = await spillway([
      'issue-openassets',
      ...spend,
      '--prev',
      prev,
      '--to',
      `${TO}=100`,
      '--metadata',
      'u=https://a.b',
    ]);
    expect(issue.code, issue.stderr).toBe(0);
    const made = read(issue.stdout);
    const decoded = await decode(['--prev', prev], { stdin: made.psbt.issue });
    expect(read(decoded.stdout).outputs[0]).toMatchObject({ quantity: '100', asset_id: made.asset_id });

    const issuance = readTxOf(
      [{ txid: money.tx.txid, vout: 0 }],
      [
        { sat: 600n, script: P2PKH },
        { sat: 0n, script: marker([100n]) },
      ],
    );
    const second = readTxOf([{ txid: 'bb'.repeat(32), vout: 0 }], [{ sat: 90_000n, script: segwit }]);
    const all = file('all.hex', [money, issuance, second].map(({ bytes }) => bytesToHex(bytes)).join('\n'));
    const held = file(
      'held.json',
      coins([
        { txid: issuance.tx.txid, vout: 0, sat: 600n, bytes: P2PKH },
        { txid: second.tx.txid, vout: 0, sat: 90_000n, bytes: segwit },
      ]),
    );
    const argv = [
      'transfer-openassets',
      '--asset',
      made.asset_id,
      '--to',
      `${TO}=30`,
      '--utxo',
      held,
      '--prev',
      all,
      '--change',
      CHANGE,
      '--feerate',
      '2',
    ];
    const moved = await spillway([...argv, '--psbt']);
    expect(moved.code, moved.stderr).toBe(0);
    const checked = await spillway(['check-assets', '--prev', all], { stdin: moved.stdout });
    expect([checked.code, read(checked.stdout)]).toMatchObject([0, { status: 'moves', moved: [{ quantity: '100' }] }]);
    const burnt = await spillway([...argv, '--psbt', '--burn']);
    expect(await spillway(['check-assets', '--prev', all], { stdin: burnt.stdout })).toMatchObject({
      code: 77,
      stdout: '',
      stderr: expect.stringMatching(/error\[units-destroyed\]: 70 units/),
    });
    expect((await spillway(['check-assets'], { stdin: burnt.stdout })).code).toBe(3);
  });
  it('refuses plain addresses, and asks for parents', async () => {
    const plain = await spillway(['issue-openassets', ...spend, '--prev', prev, '--to', `${CHANGE}=100`]);
    expect([plain.code, plain.stderr]).toEqual([77, expect.stringMatching(/plain-address/)]);
    const blind = await spillway(['issue-openassets', ...spend, '--to', `${TO}=100`]);
    expect([blind.code, read(blind.stdout).missing]).toEqual([3, [money.tx.txid]]);
  });
  it('pay dividends by a PSBT and a report that adds up', async () => {
    const holders = `address,quantity\n${CHANGE},1\n${TO},2\nbc1qyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zez35dv,4\n`.replace(
      /bc1.*\n/,
      '',
    );
    const { code, stdout, stderr } = await spillway(
      ['dividends', ...spend, '--prev', prev, '--total', '100000', '--remainder', 'largest-holder'],
      { stdin: holders },
    );
    expect(code, stderr).toBe(0);
    expect(read(stdout)).toMatchObject({
      paid_sat: 100_000,
      kept_sat: 0,
      payouts: [{ amount_sat: 33_333 }, { amount_sat: 66_667 }],
    });
    const bad = await spillway(['dividends', ...spend, '--total', '100000'], { stdin: 'x' });
    expect([bad.code, bad.stderr]).toEqual([65, expect.stringMatching(/malformed-snapshot/)]);
    expect(script(1).length).toBe(25);
    const blind = await spillway(['dividends', ...spend, '--total', '100000'], { stdin: holders });
    expect([blind.code, read(blind.stdout)]).toMatchObject([3, { missing: [money.tx.txid] }]);
  });
  describe.each([
    [
      'Colu',
      readTxOf(FROM, [
        { sat: 500_000n, script: segwit },
        { sat: 0n, script: opReturnScript(hexToBytes(COLU)) },
      ]),
    ],
    ['EPOBC', readTxOf([{ ...FROM[0]!, sequence: 0x25 }], [{ sat: 500_000n, script: segwit }])],
  ])('a coin with units of %s pays no fee', (protocol, other) => {
    const carrier = { txid: other.tx.txid, vout: 0, sat: 500_000n, bytes: segwit };
    const plain = { txid: money.tx.txid, vout: 0, sat: 500_000n, bytes: segwit };
    const only = file(`${protocol}.json`, coins([carrier]));
    const both = file(`${protocol}-both.json`, coins([carrier, plain]));
    const known = file(`${protocol}.hex`, [money, other].map(({ bytes }) => bytesToHex(bytes)).join('\n'));
    const run = (utxo: string, ...argv: string[]) => {
      const [command, ...rest] = argv as [string, ...string[]];
      const common = ['--utxo', utxo, '--change', CHANGE, '--feerate', '2', '--prev', known];
      return spillway([command, ...common, ...rest], { stdin: `address,quantity\n${CHANGE},1\n` });
    };
    const spent = (psbt: string) => [...read(psbt).inputs].map(({ txid }: { txid: string }) => txid);

    it('of an issuance, nor is it destroyed by one', async () => {
      const refused = await run(both, 'issue-openassets', '--to', `${TO}=100`);
      expect([refused.code, refused.stderr]).toEqual([77, expect.stringMatching(/error\[units-destroyed\]/)]);
      const named = ['--issuer', `${plain.txid}:0`, '--to', `${TO}=100`];
      expect(spent((await run(both, 'issue-openassets', ...named)).stdout)).toEqual([plain.txid]);
    });
    it('of a transfer', async () => {
      const units = readTxOf(
        [{ txid: plain.txid, vout: 0 }],
        [
          { sat: 600n, script: P2PKH },
          { sat: 0n, script: marker([100n]) },
        ],
      );
      const all = file(`${protocol}-all.hex`, [money, other, units].map(({ bytes }) => bytesToHex(bytes)).join('\n'));
      const held = { txid: units.tx.txid, vout: 0, sat: 600n, bytes: P2PKH };
      const asset = read((await decode(['--prev', prev], { stdin: bytesToHex(units.bytes) })).stdout).outputs[0]
        .asset_id;
      const utxo = file(`${protocol}-held.json`, coins([held, carrier]));
      const argv = [
        '--utxo',
        utxo,
        '--prev',
        all,
        '--change',
        CHANGE,
        '--feerate',
        '2',
        '--asset',
        asset,
        '--to',
        `${TO}=30`,
      ];
      const ran = await spillway(['transfer-openassets', ...argv]);
      expect([ran.code, ran.stderr]).toEqual([77, expect.stringMatching(/error\[not-enough-coins\]/)]);
    });
    it('of a dividend', async () => {
      const refused = await run(only, 'dividends', '--total', '100000');
      expect([refused.code, refused.stderr]).toEqual([77, expect.stringMatching(/error\[not-enough-coins\]/)]);
      const paid = await run(both, 'dividends', '--total', '100000', '--psbt');
      const fate = await spillway(['check-assets', '--prev', known], { stdin: paid.stdout });
      expect([fate.code, read(fate.stdout)]).toMatchObject([0, { status: 'plain' }]);
    });
  });
});

describe('decode-colu --payload', () => {
  const PAYLOAD = '434302060f000f10';
  const colu = (argv: string[], more: object = {}) => spillway(['decode-colu', ...argv], more);
  it('reads a payload alone, or the whole OP_RETURN script, as a line of a batch does', async () => {
    const [alone, script, line] = await Promise.all([
      colu(['--payload', PAYLOAD]),
      colu(['--payload', `6a08${PAYLOAD}`]),
      colu(['--batch'], { stdin: `{"payload":"${PAYLOAD}"}\n` }),
    ]);
    expect([alone.code, read(alone.stdout)]).toEqual([
      0,
      expect.objectContaining({ type: 'colu-payload', status: 'valid', kind: 'issuance', amount: '15', locked: true }),
    ]);
    expect([script.stdout, read(line.stdout)]).toEqual([alone.stdout, read(alone.stdout)]);
  });
  it('says why one is none, and refuses what is no hex', async () => {
    const invalid = await colu(['--payload', '434303']);
    expect([invalid.code, read(invalid.stdout)]).toEqual([0, expect.objectContaining({ status: 'invalid' })]);
    const text = await colu(['--payload', 'xy']);
    expect([text.code, text.stdout, text.stderr]).toEqual([65, '', expect.stringMatching(/error\[malformed\]/)]);
  });
});
