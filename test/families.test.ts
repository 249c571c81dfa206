/** The list of families: what a new one is found in, and that no file outside its rooms names one. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import * as v from 'valibot';
import { beforeAll, describe, expect, it } from 'vitest';
import Errors from '../src/commands/tools/errors.ts';
import { inspect } from '../src/commands/tools/inspection.ts';
import * as library from '../src/index.ts';
import { SHELLS, completionScript } from '../src/lib/cli/completion.ts';
import { codesOf } from '../src/lib/cli/errors.ts';
import { familyPage, frontPage } from '../src/lib/cli/front.ts';
import { sendable } from '../src/lib/engine/documents.ts';
import { failureOf } from '../src/lib/engine/failure.ts';
import { statusLines } from '../src/lib/engine/status.ts';
import { allKinds, allTables, FAMILIES, register, type Family } from '../src/lib/families.ts';
import { table, type Kind } from '../src/lib/protocol/action.ts';
import { parseAs } from '../src/lib/protocol/message.ts';
import { Refusal, type ErrorCode } from '../src/lib/protocol/refusal.ts';
import { ROOT } from './cli/run.ts';
import { command } from './support/command.ts';
import { TestParty } from './support/party.ts';

interface Tower {
  id: string;
  bricks: number;
}
const ID = 'ab'.repeat(32);
const towerKind: Kind<Tower> = {
  name: 'tower',
  parse: (json) => json as Tower,
  claims: ({ id }) => [`id:${id}`],
  row: ({ id }) => ({ name: id, state: 'built', highSat: 0n, limitSat: 0n, left: false }),
  restored: (record) => record,
};
const buildTower = table<{ step: 'built'; network: string; bricks: number }, { tower: Tower }, { bricks?: number }>(
  {
    type: 'tower-build',
    kinds: { tower: towerKind },
    parse: (json) =>
      parseAs(v.looseObject({ step: v.literal('built'), network: v.string(), bricks: v.number() }), json),
    find: () => ({}),
    party: () => 'builder',
    peer: () => null,
    sealWith: () => null,
  },
  (row) => [
    row({
      name: 'built',
      after: null,
      by: 'builder',
      does: 'builds a tower',
      asks: ['bricks'],
      take({ input: { bricks }, network }) {
        if (bricks > 3) throw new Refusal('tower-falls' as ErrorCode, `${bricks} bricks found, at most 3 expected`);
        return { message: { step: 'built', network, bricks }, writes: { tower: { id: ID, bricks } } };
      },
    }),
    row({ name: 'built', after: 'built', by: 'neighbour', does: 'looks at it', take: () => ({}) as never }),
  ],
);
const TX =
  '01000000010000000000000000000000000000000000000000000000000000000000000001000000000000000000010000000000000000016a00000000';
const TOY: Family = {
  name: 'tower',
  summary: 'bricks upon bricks',
  errors: { 'tower-falls': [77, 'a tower of too many bricks'] },
  actions: { 'tower-build': async () => buildTower },
  kinds: async () => [towerKind],
  describe: async () => (message) => ({ facts: [['bricks', String(message['bricks'])]], checks: [] }),
  carries: async () => (document) =>
    document['type'] === 'tower-build' ? { network: 'regtest', hex: TX, spends: [] } : undefined,
  status: {
    tower: async () => ({
      kind: towerKind,
      line: (contract, { bricks }) => ({
        type: 'status',
        version: 1,
        contract,
        role: 'builder',
        state: 'built',
        notes: [`${bricks} bricks`],
      }),
    }),
  },
};

describe('a family that is registered in one line', () => {
  beforeAll(() => register(TOY));

  it('stands on the front page, and has a page of its commands', () => {
    expect(frontPage('1')).toMatch(/^ {2}tower +bricks upon bricks$/m);
    expect(familyPage(TOY, [{ id: 'tower:build', summary: 'Build one' }])).toBe(
      'tower: bricks upon bricks\n\n  tower build  Build one\n',
    );
  });
  it.each(SHELLS)('is completed by %s', (shell) => {
    expect(completionScript(shell, 'p', [])).toMatch(/\btower\b/);
  });
  it('has its errors in the table, with their exit code', async () => {
    const { stdout } = await command(Errors, []);
    expect(stdout).toContain('{"code":"tower-falls","exit":77,"meaning":"a tower of too many bricks"}');
    expect(codesOf(77)).toContain('tower-falls');
    expect(failureOf(new Refusal('tower-falls' as ErrorCode, 'x'))).toMatchObject({ code: 'tower-falls', exit: 77 });
  });
  it('is played, kept, shown by status, and read again by inspect and broadcast', async () => {
    const party = await TestParty.make(7);
    const { message } = await party.run(buildTower, { input: { bricks: 2 } });
    expect(message).toMatchObject({ type: 'tower-build', step: 'built', bricks: 2 });
    const { source } = party.ports();
    expect(await statusLines(party.home, source, undefined)).toEqual([
      expect.objectContaining({ contract: ID, notes: ['2 bricks'] }),
    ]);
    expect(await statusLines(party.home, source, ID)).toHaveLength(1);
    expect(await inspect({ document: message }, undefined)).toMatchObject({
      of: "tower-build at 'built' on regtest",
      facts: [['bricks', '2']],
      next: ['neighbour: built: looks at it'],
    });
    expect(await sendable({ document: message })).toEqual({ network: 'regtest', txs: [TX] });
    await expect(party.run(buildTower, { input: { bricks: 4 } })).rejects.toMatchObject({
      code: 'tower-falls',
      exit: 77,
    });
    party.home.close();
  });
});

describe('error codes of a family', () => {
  it('are exported with the library', () => {
    const exported = Object.entries(library).flatMap(([name, rows]) =>
      /^[A-Z]+_ERRORS$/.test(name) ? Object.keys(rows) : [],
    );
    const own = FAMILIES.filter((family) => family !== TOY).flatMap(({ errors = {} }) => Object.keys(errors));
    expect(own.filter((code) => !exported.includes(code))).toEqual([]);
  });
});

describe('lines of status', () => {
  it('are listed by the kind of their records', async () => {
    const listed = FAMILIES.flatMap(({ status = {} }) => Object.entries(status));
    for (const [kind, load] of listed) expect((await load()).kind.name).toBe(kind);
  });
});

describe('files outside the rooms of a family', () => {
  /** Where each family is named by design; its rooms and its folder of doors are its own. */
  const LISTS = ['src/lib/families.ts', 'src/cli.ts', 'src/index.ts'];
  /** The pages of help that belong to no command. */
  const HELP = 'src/lib/cli/front.ts';
  /** Rooms that serve one family alone: they do I/O, so they are none of its pure rooms. */
  const SERVICES = ['cashu', 'cdk'];
  it('name none', async () => {
    const rooms = FAMILIES.flatMap(({ rooms = {} }) => Object.keys(rooms));
    const folders = FAMILIES.filter(({ rooms }) => rooms !== undefined).map(({ name }) => name);
    const words = [
      ...(await allTables()).map(({ type }) => type),
      ...(await allKinds()).map(({ name }) => name).filter((name) => name.includes('-')),
      ...FAMILIES.flatMap(({ rooms, others = [] }) => (rooms === undefined ? [] : others)),
    ].filter((word) => /[-:]/.test(word));
    const own = [...rooms, ...SERVICES, 'wire'].map((room) => `src/lib/${room}/`);
    const named = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
      .map((file) => `src/${file.replaceAll('\\', '/')}`)
      .filter((file) => file.endsWith('.ts') && !LISTS.includes(file))
      .filter(
        (file) =>
          !own.some((room) => file.startsWith(room)) &&
          ![...folders, 'invoice'].some(
            (f) => file === `src/commands/${f}.ts` || file.startsWith(`src/commands/${f}/`),
          ),
      )
      .filter((file) => {
        const code = readFileSync(join(ROOT, file), 'utf8').replace(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, '');
        const imported = [...code.matchAll(/'(\.\.?\/[^'\n]+\.ts)'/g)].map(([, to]) =>
          relative(ROOT, join(ROOT, dirname(file), to!)),
        );
        // Examples of other commands are help, which names whatever goes well together; so does a topic of help.
        const texts =
          file.startsWith('src/commands/') || file === HELP
            ? ''
            : [...code.matchAll(/'(?:[^'\\\n]|\\.)*'|`[^`]*`/g)].map(([text]) => text).join('\n');
        return (
          imported.some((to) => own.some((room) => to.startsWith(room) && room !== 'src/lib/wire/')) ||
          words.some((word) => new RegExp(`(?<![\\w-])${word.replace(':', '[: ]')}(?![\\w-])`).test(texts))
        );
      })
      .sort();
    expect(named).toEqual([]);
  });
});
