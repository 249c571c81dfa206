/** Workers: how they are started, with the flags of their server but for those of its listeners and secrets, and when they are given up. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { Pool, workerCommand } from '../../src/lib/serve/pool.ts';

const flag = (name: string, input: string) => ({ type: 'flag', flag: name, input });

describe('a worker', () => {
  it('is this program on the same home, with one listener', () => {
    const raw = [
      flag('home', '/mint'),
      flag('http', '0.0.0.0:80'),
      flag('stdio', '--stdio'),
      flag('cdk', '9000'),
      flag('cdk-insecure', '--cdk-insecure'),
      flag('mint', 'https://mint.example'),
      flag('jobs', '4'),
      flag('max-feerate', '7'),
      flag('passphrase-file', '/secret'),
      flag('notify', 'tell'),
      flag('signer', '--a "b c"'),
    ];
    const command = workerCommand(raw, { ecash: 'cdk', 'passphrase-fd': 3 });
    expect(command.slice(command.indexOf('serve'))).toEqual([
      'serve',
      '--stdio',
      '--worker',
      '--home=/mint',
      '--mint=https://mint.example',
      '--max-feerate=7',
      '--signer=--a "b c"',
      '--ecash=cdk',
      '--passphrase-fd=3',
    ]);
    expect(workerCommand([], { ecash: undefined })).not.toContain('--ecash=undefined');
  });
});

it('a message over which three workers in a row have ended is refused, the one behind it answered', async () => {
  const said = vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
  const log = join(mkdtempSync(join(tmpdir(), 'spillway-pool-')), 'taken');
  // A worker that ends over `bad`, and writes down what it was asked.
  const program = `
    const { appendFileSync } = require('node:fs');
    console.log('ready');
    require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
      appendFileSync(${JSON.stringify(log)}, line + '\\n');
      const [number, text] = line.split(' ');
      if (text === 'bad') process.exit(1);
      console.log(number + ' answer to ' + text);
    });`;
  const pool = await Pool.start({ jobs: 1, command: [process.execPath, '-e', program] });
  const [bad, good] = [pool.ask('00', 'bad'), pool.ask('00', 'good')];
  await expect(bad).rejects.toMatchObject({ code: 'worker-lost' });
  expect(await good).toBe('answer to good');
  await pool.close();
  said.mockRestore();
  expect(readFileSync(log, 'utf8')).toBe('1 bad\n1 bad\n1 bad\n2 good\n');
});
