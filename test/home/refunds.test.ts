/** Copies of refunds outside the home. */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { defaultRefunds, readCopies, writeCopies } from '../../src/lib/home/refunds.ts';
import { pipeAt, tempDir } from './fixture.ts';

describe('copies outside the home', () => {
  it('come back as they were written, the newest of each name', () => {
    const dir = join(tempDir(), 'a', 'home.refunds');
    writeCopies(dir, [
      { name: 'b', body: { sat: 5n } },
      { name: 'a-1', body: { x: 'y' } },
    ]);
    writeCopies(dir, [{ name: 'b', body: { sat: 6 } }]);
    expect(readCopies(dir)).toEqual({
      copies: [
        { name: 'a-1', body: { x: 'y' } },
        { name: 'b', body: { sat: 6 } },
      ],
      unreadable: [],
    });
    expect(readdirSync(dir)).toEqual(['a-1.json', 'b.json']);
    expect(statSync(join(dir, 'b.json')).mode & 0o777).toBe(0o600);
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    expect(readFileSync(join(dir, 'b.json'), 'utf8')).toBe('{\n  "sat": 6\n}\n');
  });

  it('lie beside the home', () => {
    expect(defaultRefunds('/x/home/')).toBe('/x/home.refunds');
  });

  it('one that is damaged does not hide the others', () => {
    const dir = tempDir();
    writeCopies(dir, [{ name: 'good', body: {} }]);
    writeFileSync(join(dir, 'bad.json'), '{"a":');
    writeFileSync(join(dir, 'list.json'), '5');
    writeFileSync(join(dir, 'null.json'), 'null');
    writeFileSync(join(dir, '.tide-aa'), 'x');
    expect(readCopies(dir)).toEqual({
      copies: [{ name: 'good', body: {} }],
      unreadable: ['bad.json', 'list.json', 'null.json'],
    });
    expect(readCopies(join(dir, 'none'))).toEqual({ copies: [], unreadable: [] });
    pipeAt(join(dir, 'pipe.json'));
    expect(readCopies(dir)).toMatchObject({
      copies: [{ name: 'good' }],
      unreadable: ['bad.json', 'list.json', 'null.json', 'pipe.json'],
    });
  });

  it.each(['', '../x', 'A', 'a.b', 'a/b'])('refuses the name %j', (name) => {
    expect(() => writeCopies(tempDir(), [{ name, body: {} }])).toThrow(expect.objectContaining({ code: 'bug' }));
  });

  it('says when it cannot write', () => {
    const dir = tempDir();
    writeFileSync(join(dir, 'file'), '');
    expect(() => writeCopies(join(dir, 'file'), [{ name: 'a', body: {} }])).toThrow(
      expect.objectContaining({ code: 'cannot-write', exit: 73 }),
    );
    mkdirSync(join(dir, 'b.json'));
    expect(() => writeCopies(dir, [{ name: 'b', body: {} }])).toThrow(
      expect.objectContaining({ code: 'cannot-write' }),
    );
    expect(readdirSync(dir).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});
