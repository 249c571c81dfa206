/** What the values of flags may be, each with the first text beyond it. */
import type { Config } from '@oclif/core/config';
import { Command } from '@oclif/core/command';
import { describe, expect, it } from 'vitest';
import { addressFlag, hexFlag, wholeFlag } from '../../src/lib/cli/flags.ts';
import { expiryFrom } from '../../src/lib/cli/contract-flags.ts';
import { command } from '../support/command.ts';
import { print } from '../../src/lib/cli/output.ts';

class Reads extends Command {
  static override flags = { address: addressFlag(''), hex: hexFlag(''), whole: wholeFlag('') };
  constructor(argv: string[], config: Config) {
    super(argv, config);
  }
  async run(): Promise<void> {
    const { flags } = await this.parse(Reads);
    const { address, hex, whole } = flags;
    await print(`${address?.port ?? hex?.length ?? whole}`);
  }
}

describe('a flag', () => {
  it.each([
    ['address', '0', '0'],
    ['address', '65534', '65534'],
    ['address', '65535', '65535'],
    ['address', '65536', null],
    ['address', '[::1]:65535', '65535'],
    ['address', '::1:5', null],
    ['hex', '', '0'],
    ['hex', 'Ab', '1'],
    ['hex', 'abc', null],
    ['hex', 'xy', null],
    ['whole', '0', '0'],
    ['whole', '9999999999999999999', '9999999999999999999'],
    ['whole', '10000000000000000000', null],
    ['whole', '01', null],
    ['whole', '-1', null],
    ['whole', '1.0', null],
  ])('--%s %j is read as %j', async (flag, text, read) => {
    const { code, stdout } = await command(Reads, [`--${flag}=${text}`]);
    expect([code, stdout]).toEqual(read === null ? ['usage', ''] : [undefined, `${read}\n`]);
  });

  it.each(['soon', '', '2026-13-01', '+x'])('--expires %j is none', (text) =>
    expect(expiryFrom(text)).rejects.toMatchObject({ code: 'usage' }),
  );
});
