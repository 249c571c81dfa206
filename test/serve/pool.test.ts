/** How workers are started: with the flags of their server, but for those of its listeners and secrets. */
import { describe, expect, it } from 'vitest';
import { workerCommand } from '../../src/lib/serve/pool.ts';

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
