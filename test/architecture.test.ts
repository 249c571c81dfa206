/** The rules of the house (`src/README.md`), kept by reading the sources: floors, pure rooms, sizes, words, error codes. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FAMILIES } from '../src/lib/families.ts';
import { ERRORS, type ErrorCode } from '../src/lib/protocol/refusal.ts';
import { ROOT } from './cli/run.ts';

const filesIn = (dir: string): string[] =>
  readdirSync(join(ROOT, dir), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .sort();
const textOf = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
/** Without comments and the texts in quotes, which may speak of anything. */
const codeOf = (file: string): string =>
  textOf(file)
    .replace(/\/\*[^]*?\*\//g, '')
    .replace(/^\s*\/\/.*$|\s\/\/ .*$/gm, '')
    .replace(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/g, "''");

const sources = filesIn('src');
const tests = [...filesIn('test'), ...filesIn('tools')].filter((file) => file !== 'test/architecture.test.ts');

/** From the ground up. What is on one floor may use what is on it or below it. */
const GROUND = ['bitcoin', 'signing', 'protocol'];
/** Messages of Lightning, as several families write them: between the ground and the families. */
const WIRE = ['wire'];
/** What the contracts of all families share. */
const SHARED = ['contract'];
/** Rooms of families, each with the rooms of other families that its protocol builds on. */
const ROOMS: Record<string, readonly string[]> = Object.assign({}, ...FAMILIES.map(({ rooms }) => rooms));
/** `lib` is `families.ts`, the one list. */
const FLOORS = [
  GROUND,
  WIRE,
  SHARED,
  Object.keys(ROOMS),
  ['home', 'chain', 'cashu'],
  ['lib'],
  ['engine'],
  ['cli', 'serve'],
  ['cdk'],
  ['commands'],
  ['program'],
];
const roomOf = (file: string): string => /^src\/(?:lib\/)?([a-z]+)\//.exec(file)?.[1] ?? 'program';
const floorOf = (room: string): number => FLOORS.findIndex((rooms) => rooms.includes(room));
const isPure = (file: string): boolean => [...GROUND, ...WIRE, ...SHARED, ...Object.keys(ROOMS)].includes(roomOf(file));

interface Import {
  from: string;
  to: string;
  /** Not single names. */
  whole: boolean;
}
const IMPORT =
  /(?:^|\n)\s*(import|export)(\s+type)?\s[^'"();]*?\sfrom\s+'([^']+)'|\b(?:import|require)\(\s*'([^']+)'\s*\)|(?:^|\n)import\s+'([^']+)'/g;
const importsOf = (file: string): Import[] =>
  [
    ...textOf(file)
      .replace(/\/\*[^]*?\*\//g, '')
      .matchAll(IMPORT),
  ].map((found) => ({
    from: file,
    to: found[3] ?? found[4] ?? found[5]!,
    whole: /^\s*(?:import|export)\s+\*/.test(found[0]),
  }));
const imports = sources.flatMap(importsOf);
const targetOf = ({ from, to }: Import): string => relative(ROOT, join(ROOT, dirname(from), to)).replaceAll('\\', '/');
const inside = imports.filter(({ to }) => to.startsWith('.'));

describe('floors', () => {
  it('every room has its floor', () => {
    expect([...new Set(sources.map(roomOf))].filter((room) => floorOf(room) < 0)).toEqual([]);
  });
  it('every import is of a file that is there, with its ending', () => {
    expect(inside.filter((i) => !sources.includes(targetOf(i))).map((i) => `${i.from} ${i.to}`)).toEqual([]);
    expect(inside.length).toBeGreaterThan(200);
  });
  it('nothing reaches up', () => {
    const up = inside.filter((i) => floorOf(roomOf(targetOf(i))) > floorOf(roomOf(i.from)));
    expect(up.map((i) => `${i.from} uses ${targetOf(i)}`)).toEqual([]);
  });
  it('a family uses itself, the floors below and what its protocol builds on', () => {
    const others = inside.filter((i) => {
      const [here, there] = [roomOf(i.from), roomOf(targetOf(i))];
      return (
        Object.hasOwn(ROOMS, here) &&
        there !== here &&
        ![...GROUND, ...WIRE, ...SHARED, ...ROOMS[here]!].includes(there)
      );
    });
    expect(others.map((i) => `${i.from} uses ${targetOf(i)}`)).toEqual([]);
  });
  it('the library brings no room that does I/O', () => {
    const reached = new Set(['src/index.ts']);
    for (const file of reached) for (const i of inside.filter(({ from }) => from === file)) reached.add(targetOf(i));
    const impure = [...reached].filter((file) => roomOf(file) !== 'program' && roomOf(file) !== 'lib' && !isPure(file));
    expect(impure).toEqual([]);
  });
  it('no file comes back to itself', () => {
    const next = Map.groupBy(inside, ({ from }) => from);
    const cycles: string[] = [];
    const state = new Map<string, 'open' | 'done'>();
    const visit = (file: string, way: readonly string[]): void => {
      if (state.get(file) === 'done') return;
      if (state.get(file) === 'open') return void cycles.push([...way.slice(way.indexOf(file)), file].join(' → '));
      state.set(file, 'open');
      for (const i of next.get(file) ?? []) visit(targetOf(i), [...way, file]);
      state.set(file, 'done');
    };
    sources.forEach((file) => visit(file, []));
    expect(cycles).toEqual([]);
  });
});

describe('the map of the source', () => {
  const map = textOf('src/README.md');
  it('has every room, and no other', () => {
    const rooms = sources.map(roomOf).filter((room) => !['lib', 'commands', 'program'].includes(room));
    const listed = [...map.matchAll(/^\|[^|]*\| `lib\/([a-z]+)` +\|/gm)].map(([, room]) => room!);
    expect(listed.sort()).toEqual([...new Set(rooms)].sort());
  });
  it('has each word of the house once, in order', () => {
    const words = map
      .slice(map.indexOf('## Words of the house'))
      .match(/^\| [a-z ]+(?= \|)/gm)!
      .slice(1);
    expect(words.length).toBeGreaterThan(30);
    expect(words).toEqual([...new Set(words)].sort());
  });
});

describe('exports', () => {
  /** Files that are handed out whole: by src/index.ts, or to the program that starts. */
  const whole = new Set([...inside.filter(({ whole }) => whole).map(targetOf), 'src/cli.ts']);
  it('each value is used by another file, or by a test', () => {
    const users = [...inside, ...tests.flatMap(importsOf).filter(({ to }) => to.startsWith('.'))];
    const readBy = Map.groupBy(users, targetOf);
    const codes = new Map([...sources, ...tests].map((file) => [file, codeOf(file)]));
    const unused = sources
      .filter((file) => !whole.has(file))
      .flatMap((file) => {
        const readers = [...new Set((readBy.get(file) ?? []).map(({ from }) => from))].map((from) => codes.get(from)!);
        return [...textOf(file).matchAll(/^export (?:async )?(?:const|function\*?|(?:abstract )?class) (\w+)/gm)]
          .map(([, name]) => name!)
          .filter((name) => !readers.some((code) => new RegExp(`\\b${name}\\b`).test(code)))
          .map((name) => `${file}: ${name}`);
      });
    expect(unused).toEqual([]);
  });
});

describe('families and the ground floor', () => {
  /** Draws numbers that no result depends on: they hide a secret from whoever measures time. */
  const HIDES = 'src/lib/signing/libsecp256k1.ts';
  const pure = sources.filter(isPure);
  it('are there', () => expect(pure.length).toBeGreaterThan(35));
  it('use no built-in module of Node.js', () => {
    const builtIn = imports.filter(
      ({ from, to }) => isPure(from) && /^node:|^(fs|net|http|https|os|crypto|child_process)$/.test(to),
    );
    expect(builtIn.map(({ from, to }) => `${from} uses ${to}`)).toEqual([`${HIDES} uses node:crypto`]);
  });
  it('of the ground floor and the schema know nothing of a mint, its quotes and keysets', () => {
    const ground = sources.filter((file) => roomOf(file) === 'protocol' || file === 'src/lib/home/schema.ts');
    const found = ground.filter((file) => /\b(?:mint|ecash|cashu)\b|quote(?!d)|keyset/i.test(codeOf(file)));
    expect(found).toEqual([]);
  });
  it('of a contract hold no word of what rides along with its payments', () => {
    const said = ['update', 'rollover', 'close'].map((name) => `src/lib/credit/${name}.ts`);
    const found = said.flatMap((file) =>
      (textOf(file).match(/ecash|keyset|token|blinded/gi) ?? []).map((word) => `${file}: ${word}`),
    );
    expect(found).toEqual([]);
  });
  it('read no clock, no environment, no network, and draw nothing', () => {
    const WORDS =
      /Date\.now|new Date\(\)|\bDate\(\)|Math\.random|\bprocess\.|randomBytes|getRandomValues|randomSecretKey|randomUUID|performance\.|setTimeout|setInterval|\bfetch\(|console\.|import\.meta|globalThis/g;
    const found = pure.flatMap((file) => (codeOf(file).match(WORDS) ?? []).map((word) => `${file}: ${word}`));
    expect([...new Set(found)]).toEqual([`${HIDES}: randomBytes`]);
  });
});

describe('the engine', () => {
  it('knows neither the terminal nor the parser of command lines', () => {
    const used = sources.filter((file) => roomOf(file) === 'engine').flatMap(importsOf);
    const found = used.filter(({ to }) => /^(?:@oclif|inquirer|chalk)/.test(to));
    expect(found.map(({ from, to }) => `${from} uses ${to}`)).toEqual([]);
    expect(used.length).toBeGreaterThan(100);
  });
});

describe('doors', () => {
  /** Family of the door, by its folder or its file; undefined for those of homes and tools, which serve every family. */
  const familyOf = (file: string) => {
    const [, folder] = /^src\/commands\/([a-z]+)/.exec(file) ?? [];
    return FAMILIES.find(
      ({ name, others = [], rooms }) => rooms && (name === folder || others.some((id) => id.startsWith(`${folder}:`))),
    );
  };
  it('share with those of another family only what their rooms build on, or the rider of their payments', () => {
    const across = inside.flatMap((i) => {
      const [own, other] = [familyOf(i.from), familyOf(targetOf(i))];
      if (!own || !other || own === other) return [];
      const builds = Object.values(own.rooms!).flat();
      return Object.keys(other.rooms!).some((room) => builds.includes(room)) ? [] : [`${own.name} uses ${other.name}`];
    });
    // The tables of credit have the ecash of their payments along.
    expect([...new Set(across)]).toEqual(['credit uses ecash']);
  });
});

/** Commands that a file holds: one, or those of a small topic. */
const doorsIn = (file: string): number =>
  textOf(file).match(/^export (?:default|const \w+ =) (?:door|contractDoor)\(/gm)?.length ?? 0;
/** A command. Beside the doors of a family lies what they share. */
const isDoor = (file: string): boolean => file.startsWith('src/commands/') && doorsIn(file) > 0;

describe('files', () => {
  it('begin with a block that says what they are', () => {
    const bare = sources.filter((file) => !isDoor(file) && !/^\/\*\*[^]*?\*\/\n/.test(textOf(file)));
    expect(bare).toEqual([]);
  });
  it('are no longer than 400 lines', () => {
    const long = sources
      .map((file) => [file, textOf(file).split('\n').length - 1] as const)
      .filter(([, lines]) => lines >= 400);
    expect(long).toEqual([]);
  });
  it('of commands are doors: at most 160 lines, with what one command alone does', () => {
    expect(
      sources.filter((file) => isDoor(file) && textOf(file).split('\n').length > 120 + 40 * doorsIn(file)),
    ).toEqual([]);
  });
  it('write sats as bigint or integers, never as a fraction of a coin', () => {
    expect(sources.filter((file) => isPure(file) && /parseFloat|1e8|toFixed/.test(codeOf(file)))).toEqual([]);
  });
});

describe('tests', () => {
  it('none stands alone, is left out or is a plan', () => {
    const WORDS = /\b(?:it|test|describe|suite)(?:\.\w+)*\.(?:only|skip|todo)\b/;
    expect(tests.filter((file) => WORDS.test(textOf(file)))).toEqual([]);
  });
});

describe('the error table', () => {
  /** Codes that no test can assert, with the reason. */
  const UNTESTED: Partial<Record<ErrorCode, string>> = {};
  /** Codes that are thrown elsewhere than in src, with the place. */
  const ELSEWHERE: Partial<Record<ErrorCode, string>> = { 'node-too-old': 'bin/run.js' };

  const codes = Object.keys(ERRORS) as ErrorCode[];
  const thrown = sources
    .filter((file) => file !== 'src/lib/protocol/refusal.ts' && !/^export const \w+_ERRORS = /m.test(textOf(file)))
    .map(textOf)
    .join('\n');
  const asserted = tests.map(textOf).join('\n');

  it.each(codes)('%s is thrown', (code) => {
    const text = ELSEWHERE[code] === undefined ? thrown : textOf(ELSEWHERE[code]);
    expect(text.includes(`'${code}'`)).toBe(true);
  });
  it.each(codes)('%s is asserted by a test', (code) => {
    const found = new RegExp(`['"\`[/(|]${code}['"\`\\]\\\\/|)]`).test(asserted);
    expect(found).toBe(UNTESTED[code] === undefined);
  });
  it('no code is thrown that the table does not know', () => {
    const used = [...thrown.matchAll(/new Refusal\(\s*'([a-z-]+)'/g)].map(([, code]) => code!);
    expect(used.filter((code) => !Object.hasOwn(ERRORS, code))).toEqual([]);
    expect(used.length).toBeGreaterThan(100);
  });
});
