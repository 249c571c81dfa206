/** Programs that the user names: what of their answer is taken. */
import { describe, expect, it } from 'vitest';
import { programsFrom } from '../../src/lib/engine/outside.ts';

describe('a program', () => {
  it('that was not named is asked for by its flag: usage', async () => {
    await expect(programsFrom({})('signer', {})).rejects.toMatchObject({ code: 'usage', message: /--signer/ });
    await expect(programsFrom({ signer: 'cat' })('other', {})).rejects.toMatchObject({
      code: 'usage',
      message: /--other/,
    });
    expect(await programsFrom({ signer: 'cat' })('signer', { a: 1 })).toEqual({ a: 1 });
  });
});
