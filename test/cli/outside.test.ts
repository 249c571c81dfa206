/** Programs that the user names: what of their answer is taken. */
import { describe, expect, it } from 'vitest';
import { askProgram, programsFrom } from '../../src/lib/cli/outside.ts';

describe('a program', () => {
  // Bytes; of a list of one text.
  it.each([
    [999_999, true],
    [1_000_000, true],
    [1_000_001, false],
  ])('may answer with %i bytes: %s', async (bytes, taken) => {
    const answer = askProgram(`printf '["'; head -c ${bytes - 4} /dev/zero | tr '\\0' x; printf '"]'`, {});
    if (taken) expect(await answer).toEqual(['x'.repeat(bytes - 4)]);
    else await expect(answer).rejects.toMatchObject({ code: 'outside-failed', message: /more than 1000000 bytes/ });
  });

  it('that was not named is asked for by its flag: usage', async () => {
    await expect(programsFrom({})('signer', {})).rejects.toMatchObject({ code: 'usage', message: /--signer/ });
    await expect(programsFrom({ signer: 'cat' })('other', {})).rejects.toMatchObject({
      code: 'usage',
      message: /--other/,
    });
    expect(await programsFrom({ signer: 'cat' })('signer', { a: 1 })).toEqual({ a: 1 });
  });
});
