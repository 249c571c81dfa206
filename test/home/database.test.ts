/** Pieces of a store's logic, told apart from any database. */
import { expect, it } from 'vitest';
import { all, get, put, together, type Sql } from '../../src/lib/home/database.ts';

/** Runs it: what is sent at once, and the result. Each statement is answered with its own text. */
function ran<T>(work: Sql<T>): { sent: string[][]; result: T } {
  const sent: string[][] = [];
  for (let step = work.next([]); ;) {
    if (step.done) return { sent, result: step.value };
    sent.push(step.value.map(({ sql }) => sql));
    step = work.next(step.value.map(({ sql }) => [{ sql }]));
  }
}

it('asks one statement at a time', () => {
  const work = function* (): Sql<unknown> {
    const rows = yield* all('a');
    yield* put('b');
    return [...rows, yield* get('c')];
  };
  expect(ran(work())).toEqual({ sent: [['a'], ['b'], ['c']], result: [{ sql: 'a' }, { sql: 'c' }] });
});

it('asks together what needs none of each other, however deep and however long each is', () => {
  const two = function* (name: string): Sql<string> {
    const first = yield* get(`${name}1`);
    return `${String(first!['sql'])} ${String((yield* get(`${name}2`))!['sql'])}`;
  };
  const work = together(two('a'), together(get('b'), together(), two('c')), put('d'));
  expect(ran(work)).toEqual({
    sent: [
      ['a1', 'b', 'c1', 'd'],
      ['a2', 'c2'],
    ],
    result: ['a1 a2', [{ sql: 'b' }, [], 'c1 c2'], undefined],
  });
});

it('sends nothing for nothing', () => {
  expect(ran(together())).toEqual({ sent: [], result: [] });
});
