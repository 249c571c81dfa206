/** The words of the sources: doc comments begin with a verb or a noun phrase, and are short; a name means one thing. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from './cli/run.ts';

/** Words that begin no doc comment: prepositions, pronouns, question words, conjunctions, bare verbs. */
const WEAK = new Set(
  `of to for from with without by in on at as about after before between against over under until till since through than
  like per upon into behind beside what which who whom whose when where why how whether if unless because while although
  though so and or but nor either neither also then it its this that these those they their them he his she her we our you
  your i me my nobody somebody nothing something anything anyone is are was were be has have had do did can may must
  shall should will would could here there not`.split(/\s+/),
);
const MOST_WORDS = 25;
const MOST_COLUMNS = 100;

const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  .map((file) => file.replaceAll('\\', '/'))
  .filter((file) => file.endsWith('.ts'))
  .sort();

interface Comment {
  at: string;
  text: string;
  /** Length of its longest line, with what stands before it. */
  columns: number;
}
const comments: Comment[] = sources.flatMap((file) => {
  const source = readFileSync(join(ROOT, 'src', file), 'utf8');
  return [...source.matchAll(/\/\*\*([^]*?)\*\//g)].map(({ 0: whole, 1: text, index }) => ({
    at: `src/${file}:${source.slice(0, index).split('\n').length}`,
    text: text!.replace(/^\s*\* ?/gm, ''),
    columns: Math.max(...`${/.*$/.exec(source.slice(0, index))![0]}${whole}`.split('\n').map((line) => line.length)),
  }));
});
const firstWord = (text: string): string => /^\s*[`'"(]?([A-Za-z]+)/.exec(text)?.[1]?.toLowerCase() ?? '';
/** Sentences of running text: rows of tables, items of lists, tags and code count by themselves. */
const sentences = (text: string): string[] =>
  text
    .replace(/\n(?= {2}|[-*] |@|\n)/g, '. ')
    .replace(/`[^`]*`/g, 'x')
    .replace(/ @\w+| ·|\s\d+\. /g, '. ')
    .split(/[.!?:;](?:\s|$)/)
    .map((sentence) => sentence.replace(/\s+/g, ' ').trim());

describe('doc comments', () => {
  it('are there', () => expect(comments.length).toBeGreaterThan(1_500));
  it('begin with a verb or a noun phrase', () => {
    expect(comments.filter(({ text }) => WEAK.has(firstWord(text))).map(({ at, text }) => `${at}: ${text}`)).toEqual(
      [],
    );
  });
  it(`have sentences of at most ${MOST_WORDS} words`, () => {
    const long = comments.flatMap(({ at, text }) =>
      sentences(text)
        .filter((sentence) => sentence.split(' ').length > MOST_WORDS)
        .map((sentence) => `${at}: ${sentence}`),
    );
    expect(long).toEqual([]);
  });
  it(`have lines of at most ${MOST_COLUMNS} columns`, () => {
    const wide = comments.filter(({ columns }) => columns > MOST_COLUMNS);
    expect(wide.map(({ at, columns }) => `${at}: ${columns}`)).toEqual([]);
  });
  it('stand at every export of the library', () => {
    const bare = exportsOf('src/index.ts').filter(({ file, name }) => !isDocumented(file, name));
    expect(bare.map(({ file, name }) => `${file}: ${name}`)).toEqual([]);
    expect(exportsOf('src/index.ts').length).toBeGreaterThan(400);
  });
});

const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

/** Names that a file exports, each with the file in which it is declared. */
function exportsOf(file: string): { file: string; name: string }[] {
  const source = read(file);
  const from = (path: string): string => join(dirname(file), path);
  const declared = [...source.matchAll(/^export (?:abstract |async )?(?:\w+\*?) (\w+)/gm)].map(({ 1: name }) => ({
    file,
    name: name!,
  }));
  const all = [...source.matchAll(/^export \* from '(.+)'/gm)].flatMap(({ 1: path }) => exportsOf(from(path!)));
  const some = [...source.matchAll(/^export (?:type )?\{([^}]*)\} from '(.+)'/gm)].flatMap(({ 1: names, 2: path }) => {
    const wanted = new Set(names!.split(',').map((one) => one.trim().replace(/^type |(?<=\w) as .*$/g, '')));
    return exportsOf(from(path!)).filter(({ name }) => wanted.has(name));
  });
  return [...declared, ...all, ...some];
}
const isDocumented = (file: string, name: string): boolean =>
  new RegExp(`\\*/\\nexport [a-z* ]+ ${name}\\b`).test(read(file));

/** Rooms that every family builds on or is played by. */
const SHARED = /^lib\/(?:bitcoin|signing|protocol|wire|contract|home|chain|engine|cli|serve)\//;
/** One interface for two kinds of signatures, and the flag that gives a field of a message. */
const TWINS = ['presign', 'verifyPre', 'adapt', 'extract', 'isFinished', 'sat', 'text'];

describe('names', () => {
  it('that shared rooms export mean one thing in all rooms', () => {
    const files = new Map<string, Set<string>>();
    for (const file of sources.filter((file) => file.startsWith('lib/')))
      for (const [, name] of read(`src/${file}`).matchAll(/^export (?:abstract |async )?(?:\w+\*?) (\w+)/gm))
        files.set(name!, (files.get(name!) ?? new Set()).add(file));
    const twice = [...files].filter(([name, { size }]) => size > 1 && !TWINS.includes(name));
    expect(twice.filter(([, places]) => [...places].some((file) => SHARED.test(file)))).toEqual([]);
    expect(files.size).toBeGreaterThan(2_000);
  });
  it('of the glossary are types of one thing', () => {
    const glossary = read('src/README.md').split('## Words of the house')[1]!;
    const words = [...glossary.matchAll(/^\| ([a-z ]+) \|/gm)].map(([, word]) =>
      word!.replace(/(?:^| )([a-z])/g, (_, letter: string) => letter.toUpperCase()),
    );
    const types = sources.flatMap((file) =>
      [...read(`src/${file}`).matchAll(/^(?:export )?(?:abstract )?(?:interface|type|class) (\w+)/gm)].map(
        ([, name]) => name!,
      ),
    );
    expect(words.filter((word) => types.filter((type) => type === word).length > 1)).toEqual([]);
    expect(words.length).toBeGreaterThan(40);
  });
});
