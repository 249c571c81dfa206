/** Scripts: types, sizes and dust limits. */
import { describe, expect, it } from 'vitest';
import { dustLimit, isNativeSegwit, outputSize, scriptType, type ScriptType } from '../../src/lib/bitcoin/script.ts';

const h20 = 'ab'.repeat(20);
const h32 = 'cd'.repeat(32);
/** Type, script, the limit of Bitcoin Core (GetDustThreshold at 3000 sat/kvB), native segwit. */
const SCRIPTS: [ScriptType, string, bigint, boolean][] = [
  ['p2tr', `5120${h32}`, 330n, true],
  ['p2wsh', `0020${h32}`, 330n, true],
  ['p2wpkh', `0014${h20}`, 294n, true],
  ['p2a', '51024e73', 240n, false],
  ['p2pkh', `76a914${h20}88ac`, 546n, false],
  ['p2sh', `a914${h20}87`, 540n, false],
  ['witness', `5114${h20}`, 294n, false],
  ['witness', `5220${h32}`, 330n, false],
  ['witness', `6028${'ab'.repeat(40)}`, 354n, false],
  ['witness', '51024e74', 240n, false],
  ['op_return', '6a', 0n, false],
  ['op_return', `6a4c50${'00'.repeat(80)}`, 0n, false],
  ['other', `21${'02'}${h32}ac`, 576n, false],
  ['other', '51', 474n, false],
  ['other', '', 471n, false],
  ['other', `5121${h32}ab00`, 579n, false],
  ['other', `5129${'ab'.repeat(41)}`, 600n, false],
  ['other', `5101ab`, 480n, false],
  ['other', `4f20${h32}`, 573n, false],
  ['other', `5120${h32}51`, 576n, false],
  ['other', `76a914${h20}88ac51`, 549n, false],
];

describe('scripts', () => {
  it.each(SCRIPTS)('%s %s: dust below %i', (type, script, dust, native) => {
    expect(scriptType(script)).toBe(type);
    expect(dustLimit(script)).toBe(dust);
    expect(isNativeSegwit(script)).toBe(native);
  });
  it('an output is amount, length and script', () => {
    const sizes = [0, 1, 252, 253, 65_535, 65_536].map((n) => outputSize('00'.repeat(n)));
    expect(sizes).toEqual([9, 10, 261, 264, 65_546, 65_549]);
  });
});
