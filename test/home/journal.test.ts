/** The journal: what is in it when, what of it is noticed when it was touched, and how it ends. */
import { execFile } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { Journal, readJournal, type JournalLine, type Written } from '../../src/lib/home/journal.ts';
import { journalsIn } from '../../src/commands/home/reconciling.ts';
import { pipeAt, tempDir } from './fixture.ts';

const KEY = new Uint8Array(32).fill(7);
const HOME = 'ab'.repeat(16);
const made = (dir = join(tempDir(), 'journal'), point?: (label: string) => void) =>
  new Journal({ dir, home: HOME, key: async () => KEY, point });
const lineOf = (commit: number, name = 'a', more: object = {}): Written => ({
  commit,
  records: [{ id: numberOf(name), kind: 'thing', name, rev: commit, record: { paid: BigInt(commit) } }],
  notes: [],
  addresses: [],
  ...more,
});
/** Number in the store of the record that has this name. */
const numberOf = (name: string): number => Number.parseInt(Buffer.from(name).toString('hex').slice(0, 12), 16);
const filesOf = ({ dir }: Journal): string[] => readdirSync(dir).map((file) => join(dir, file));
const linesOf = (journal: Journal): JournalLine[] => filesOf(journal).flatMap((file) => readJournal(file, KEY).lines);
const commits = (journal: Journal): number[] => linesOf(journal).map(({ commit }) => commit);

async function three(): Promise<{ journal: Journal; file: string; text: string }> {
  const journal = made();
  for (const commit of [1, 2, 3]) await journal.append(lineOf(commit));
  const [file] = filesOf(journal);
  return { journal, file: file!, text: readFileSync(file!, 'utf8') };
}

describe('writing', () => {
  it('puts each line on disk before it returns, in one private file of the process', async () => {
    const journal = made();
    for (const commit of [1, 2, 3]) {
      await journal.append(lineOf(commit));
      expect(commits(journal)).toHaveLength(commit);
    }
    expect(filesOf(journal)).toHaveLength(1);
    expect(statSync(journal.dir).mode & 0o777).toBe(0o700);
    expect(statSync(filesOf(journal)[0]!).mode & 0o777).toBe(0o600);
    expect(linesOf(journal)[2]).toMatchObject({ commit: 3, records: [{ name: 'a', rev: 3, record: { paid: 3 } }] });
  });

  it('says nothing of what is in it', async () => {
    const { text } = await three();
    expect(text).not.toMatch(/thing|paid|record/);
  });

  it('makes no file for a process that commits nothing', async () => {
    const journal = made();
    await journal.flush();
    journal.close();
    expect(() => readdirSync(journal.dir)).toThrow('ENOENT');
  });

  it('makes one file for commits that begin at once', async () => {
    const journal = made();
    await Promise.all(Array.from({ length: 5 }, () => journal.ready()));
    await journal.append(lineOf(1));
    expect(filesOf(journal)).toHaveLength(1);
  });

  it('shares a sync among those that write at once, and loses none', async () => {
    let syncs = 0;
    const journal = made(undefined, (label) => void (syncs += label === 'in-journal' ? 1 : 0));
    await Promise.all(Array.from({ length: 50 }, (_, i) => journal.append(lineOf(i + 1, `n${i}`))));
    expect(commits(journal).sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
    expect(syncs).toBeLessThan(10);
  });

  it('takes in what was read, once a version, and not what its own line has newer', async () => {
    const journal = made();
    const read = (name: string, rev: number) =>
      journal.saw({ id: numberOf(name), kind: 'thing', name, rev, record: { rev } });
    read('a', 4);
    read('b', 5);
    journal.saw({ name: 'a note', body: { x: 1 } });
    await journal.append(lineOf(6));
    read('b', 5);
    read('a', 6);
    read('a', 4);
    journal.saw({ name: 'a note', body: { x: 1 } });
    await journal.flush();
    const lines = linesOf(journal);
    expect(lines.map(({ commit, records, notes }) => [commit, records.map(({ name }) => name), notes.length])).toEqual([
      [6, ['a'], 0],
      [0, ['b'], 1],
    ]);
    read('b', 7);
    await journal.flush();
    expect(linesOf(journal)).toHaveLength(3);
  });

  // Versions of a record that the next line has as version 6.
  it.each([
    [5, [6]],
    [6, [6]],
    [7, [6, 7]],
  ])(
    'version %i of a record, read before its line, comes with it where the line has none as new',
    async (rev, revs) => {
      const journal = made();
      journal.saw({ id: numberOf('a'), kind: 'thing', name: 'a', rev, record: { rev } });
      await journal.append(lineOf(6));
      expect(linesOf(journal).flatMap(({ records }) => records.map((record) => record.rev))).toEqual(revs);
    },
  );

  it('goes on in a new file where its own was removed', async () => {
    const { journal, file } = await three();
    rmSync(file);
    await journal.append(lineOf(4));
    expect(commits(journal)).toEqual([4]);
    rmSync(journal.dir, { recursive: true });
    await journal.append(lineOf(5));
    expect(commits(journal)).toEqual([5]);
  });

  it('goes on in a new file where a link lies in the place of its own, and follows no link', async () => {
    const { journal, file } = await three();
    const victim = join(tempDir(), 'victim');
    writeFileSync(victim, 'as it was');
    renameSync(file, `${victim}.moved`);
    symlinkSync(victim, file);
    await journal.append(lineOf(4));
    rmSync(file);
    expect(commits(journal)).toEqual([4]);
    expect(readFileSync(victim, 'utf8')).toBe('as it was');
  });

  it('takes no folder that others may write to', async () => {
    const journal = made();
    mkdirSync(journal.dir);
    chmodSync(journal.dir, 0o777);
    await expect(journal.append(lineOf(1))).rejects.toMatchObject({ code: 'secret-exposed' });
    chmodSync(journal.dir, 0o755);
    await journal.append(lineOf(2));
    expect(commits(journal)).toEqual([1, 2]);
  });

  it('has a line for a commit that wrote no record', async () => {
    const journal = made();
    await journal.append(lineOf(1));
    await journal.append(lineOf(2, 'a', { records: [] }));
    expect(commits(journal)).toEqual([1, 2]);
  });

  it('keeps two records of one kind and name apart', async () => {
    const journal = made();
    journal.saw({ id: 1, kind: 'thing', name: 'a', rev: 4, record: { is: 'first' } });
    journal.saw({ id: 2, kind: 'thing', name: 'a', rev: 4, record: { is: 'second' } });
    await journal.append({ ...lineOf(5), records: [{ id: 1, kind: 'thing', name: 'a', rev: 5, record: {} }] });
    expect(linesOf(journal).flatMap(({ records }) => records.map(({ record }) => record))).toEqual([
      {},
      { is: 'second' },
    ]);
  });

  it('refuses where it cannot be written, and writes all of it the next time', async () => {
    const at = tempDir();
    const dir = join(at, 'journal');
    writeFileSync(dir, 'in the way');
    const journal = made(dir);
    await expect(journal.ready()).rejects.toMatchObject({ code: 'cannot-write' });
    await expect(journal.append(lineOf(1))).rejects.toMatchObject({ code: 'cannot-write' });
    rmSync(dir);
    await journal.append(lineOf(2, 'b'));
    expect(commits(journal)).toEqual([1, 2]);
  });

  it.runIf(process.platform !== 'win32')('leaves no file that it could not begin, as on a full disk', async () => {
    const dir = join(tempDir(), 'journal');
    const program = `import { Journal } from ${JSON.stringify(join(import.meta.dirname, '../../src/lib/home/journal.ts'))};
      const journal = new Journal({ dir: ${JSON.stringify(dir)}, home: '${HOME}', key: async () => new Uint8Array(32).fill(7) });
      await journal.ready().catch(({ code }) => console.log(code));`;
    const line = `trap '' XFSZ; ulimit -f 0; exec "$0" --input-type=module -e "$1"`;
    const { stdout } = await promisify(execFile)('bash', ['-c', line, process.execPath, program]);
    expect([stdout.trim(), readdirSync(dir)]).toEqual(['cannot-write', []]);
  });

  it('ends a file in which a write has failed', async () => {
    let fail = true;
    const journal = made(undefined, () => {
      if (fail) throw new Error('no space left');
    });
    await expect(journal.append(lineOf(1))).rejects.toMatchObject({ code: 'cannot-write' });
    fail = false;
    await journal.append(lineOf(2, 'b'));
    expect(filesOf(journal)).toHaveLength(2);
    expect(new Set(commits(journal))).toEqual(new Set([1, 2]));
  });
});

describe('reading', () => {
  it('refuses an altered line, wherever it is', async () => {
    const { file, text } = await three();
    const lines = text.split('\n');
    for (const n of [1, 2, 3]) {
      const at = Math.floor(lines[n]!.length / 2);
      const other = lines[n]![at] === 'A' ? 'B' : 'A';
      const altered = lines.with(n, lines[n]!.slice(0, at) + other + lines[n]!.slice(at + 1));
      writeFileSync(file, altered.join('\n'));
      expect(() => readJournal(file, KEY)).toThrow(expect.objectContaining({ code: 'journal-altered' }));
    }
  });

  it('refuses lines that were moved, doubled, or taken from the middle', async () => {
    const { file, text } = await three();
    const [head, one, two, last] = text.split('\n');
    for (const lines of [
      [two, one, last],
      [one, one, two, last],
      [one, last],
      [two, last],
    ]) {
      writeFileSync(file, [head, ...lines, ''].join('\n'));
      expect(() => readJournal(file, KEY)).toThrow(expect.objectContaining({ code: 'journal-altered' }));
    }
  });

  it('refuses a line of another file of the same home', async () => {
    const [a, b] = [await three(), await three()];
    const lines = a.text.split('\n');
    writeFileSync(a.file, lines.with(2, b.text.split('\n')[2]!).join('\n'));
    expect(() => readJournal(a.file, KEY)).toThrow(expect.objectContaining({ code: 'journal-altered' }));
  });

  it('takes an end that is cut, and says so', async () => {
    const { file, text } = await three();
    const whole = text.split('\n').slice(0, 3).join('\n').length + 1;
    for (let cut = whole + 1; cut < text.length; cut += 7) {
      writeFileSync(file, text.slice(0, cut));
      expect(readJournal(file, KEY)).toMatchObject({ cut: true, lines: [{ commit: 1 }, { commit: 2 }] });
    }
    writeFileSync(file, text.slice(0, whole));
    expect(readJournal(file, KEY)).toMatchObject({ cut: false, lines: [{ commit: 1 }, { commit: 2 }] });
    // A power cut leaves the length, and zeros.
    writeFileSync(file, text.slice(0, whole + 10) + '\0'.repeat(30) + '\n');
    expect(readJournal(file, KEY)).toMatchObject({ cut: true, lines: [{ commit: 1 }, { commit: 2 }] });
    for (const begun of ['', text.slice(0, 9), text.slice(0, 40)]) {
      writeFileSync(file, begun);
      expect(readJournal(file, KEY)).toEqual({ cut: true, lines: [] });
    }
  });

  it('refuses the journal of another home, another file, and a newer version', async () => {
    const { file, text } = await three();
    const other = new Uint8Array(32).fill(8);
    expect(() => readJournal(file, other)).toThrow(expect.objectContaining({ code: 'journal-foreign' }));
    writeFileSync(file, text.replace('"version":1', '"version":2'));
    expect(() => readJournal(file, KEY)).toThrow(expect.objectContaining({ code: 'unknown-version' }));
    for (const strange of [
      'hello\n',
      '{}\n',
      '{"type":"journal"}\n',
      text.replace('"type":"journal"', '"type":"other"'),
      text.replace(/"salt":"../, '"salt":"'),
    ]) {
      writeFileSync(file, strange);
      expect(() => readJournal(file, KEY)).toThrow(expect.objectContaining({ code: 'malformed' }));
    }
    expect(() => readJournal(join(file, 'nothing'), KEY)).toThrow(expect.objectContaining({ code: 'no-input' }));
  });

  it.runIf(process.platform !== 'win32')(
    'waits for no pipe: named it is refused, in a folder passed over',
    async () => {
      const { journal, file } = await three();
      const pipe = pipeAt(join(journal.dir, 'pipe.journal'));
      expect(() => readJournal(pipe, KEY)).toThrow(expect.objectContaining({ code: 'no-input' }));
      mkdirSync(join(journal.dir, 'a folder.journal'));
      expect(journalsIn([journal.dir])).toEqual([file]);
      // The end of a link is a file like any other; one that leads nowhere is a part that is missing.
      const elsewhere = tempDir();
      symlinkSync(file, join(elsewhere, 'link.journal'));
      expect(readJournal(journalsIn([elsewhere])[0]!, KEY).lines).toHaveLength(3);
      rmSync(file);
      expect(() => journalsIn([elsewhere])).toThrow(expect.objectContaining({ code: 'no-input' }));
    },
  );

  it('refuses a header of this home on the lines of another', async () => {
    const { file, text } = await three();
    const foreign = new Journal({
      dir: join(tempDir(), 'journal'),
      home: HOME,
      key: async () => new Uint8Array(32).fill(8),
    });
    await foreign.append(lineOf(1));
    const theirs = readFileSync(filesOf(foreign)[0]!, 'utf8').split('\n');
    writeFileSync(file, [text.split('\n')[0], ...theirs.slice(1)].join('\n'));
    expect(() => readJournal(file, KEY)).toThrow(expect.objectContaining({ code: 'journal-altered' }));
  });
});

describe('what a backup covers', () => {
  it('is every file of this home that was begun before it, of other processes too', async () => {
    const dir = join(tempDir(), 'journal');
    mkdirSync(dir);
    const [old, busy] = [made(dir), made(dir)];
    await old.append(lineOf(1));
    await busy.append(lineOf(2));
    const foreign = new Journal({ dir, home: HOME, key: async () => new Uint8Array(32).fill(8) });
    await foreign.append(lineOf(1));
    writeFileSync(join(dir, 'strange.journal'), 'hello');
    mkdirSync(join(dir, 'a folder.journal'));
    const covered = await old.seal();
    await busy.append(lineOf(3));
    const found = covered.flatMap((file) => readJournal(file, KEY).lines);
    expect(found.map(({ commit }) => commit).sort()).toEqual([1, 2]);
    expect(await old.seal()).toEqual(expect.arrayContaining(covered));
  });

  it('is the same for backups of several processes at once', async () => {
    const dir = join(tempDir(), 'journal');
    for (let i = 0; i < 300; i += 1) await made(dir).ready();
    const program = `import { Journal } from ${JSON.stringify(join(import.meta.dirname, '../../src/lib/home/journal.ts'))};
      const journal = new Journal({ dir: ${JSON.stringify(dir)}, home: '${HOME}', key: async () => new Uint8Array(32).fill(7) });
      console.log((await journal.seal()).length);`;
    const run = promisify(execFile);
    const said = await Promise.all(
      Array.from({ length: 4 }, () => run(process.execPath, ['--input-type=module', '-e', program])),
    );
    expect(said.map(({ stdout }) => Number(stdout))).toEqual([300, 300, 300, 300]);
  });

  it('is nothing where there is no journal yet', async () => {
    expect(await made().seal()).toEqual([]);
  });

  it('is never a file that grows afterwards, though its process has it open', async () => {
    const journal = made();
    await journal.append(lineOf(1));
    const covered = await journal.seal();
    await journal.append(lineOf(2));
    covered.forEach((file) => rmSync(file));
    expect([covered.length, commits(journal)]).toEqual([1, [2]]);
  });

  it('loses no line that was being written when the backup began', async () => {
    const dir = join(tempDir(), 'journal');
    const other = made(dir);
    let covered: Promise<string[]> | undefined;
    const journal = made(dir, () => void (covered ??= other.seal()));
    await journal.append(lineOf(1));
    const files = (await covered)!;
    expect(files.flatMap((file) => readJournal(file, KEY).lines)).toHaveLength(1);
    files.forEach((file) => rmSync(file));
    expect(commits(journal)).toEqual([1]);
  });
});
