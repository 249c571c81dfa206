/** What decoders are given: a transaction, and parents in every form. */
import { describe, expect, it } from 'vitest';
import { addParentLine, subjectOfJson } from '../../src/lib/assets/subject.ts';
import { Parents } from '../../src/lib/assets/trace.ts';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { parseJson } from '../../src/lib/protocol/json.ts';
import { refusal } from '../support/refusal.ts';
import { P2PKH, readTxOf } from './make.ts';

const parent = readTxOf([{ txid: 'ee'.repeat(32), vout: 0 }], [{ sat: 9_000n, script: P2PKH }]);
const child = readTxOf([{ txid: parent.tx.txid, vout: 0 }], [{ sat: 8_000n, script: P2PKH }]);
const [tx, prev] = [bytesToHex(child.bytes), { [parent.tx.txid]: bytesToHex(parent.bytes) }];
const given = (json: unknown) => {
  const unknown: string[] = [];
  const shared = new Parents();
  return {
    ...subjectOfJson(parseJson(JSON.stringify(json)), (field) => void unknown.push(field), shared),
    unknown,
    shared,
  };
};

describe('a document', () => {
  it('has a transaction and its parents, and may have more', () => {
    const found = given({ tx, prev, text: 'of somebody', note: 1.5 });
    expect([found.tx.txid, found.parents.holds(parent.tx.txid)]).toEqual([child.tx.txid, true]);
    expect(found.unknown).toEqual(['text', 'note']);
    expect(found.shared.holds(parent.tx.txid)).toBe(false);
    expect(given(tx).tx.txid).toBe(child.tx.txid);
  });
  it.each<[string, unknown]>([
    ['null', null],
    ['a whole number', 5],
    ['a decimal', 1.5],
    ['true', true],
    ['a list', [tx]],
  ])('that is %s is none, nor are such parents', (_, json) => {
    const wrong = { code: 'malformed', exit: 65, message: expect.stringMatching(/expected$/) };
    expect(refusal(() => given(json))).toMatchObject(wrong);
    expect(refusal(() => given({ tx, prev: json }))).toMatchObject({
      ...wrong,
      message: 'parents as {txid:hex} expected',
    });
    const parents = new Parents();
    expect(refusal(() => addParentLine(parents, parseJson(JSON.stringify(json))))).toMatchObject(wrong);
    expect(parents.holds(parent.tx.txid)).toBe(false);
  });
  it.each<[string, unknown]>([
    ['null', null],
    ['a number', 5],
    ['an object', {}],
  ])('a parent that is %s is none', (_, hex) => {
    const wrong = { code: 'malformed', message: `parent ${parent.tx.txid}: a transaction in hex expected` };
    expect(refusal(() => given({ tx, prev: { [parent.tx.txid]: hex } }))).toMatchObject(wrong);
    expect(refusal(() => addParentLine(new Parents(), { [parent.tx.txid]: hex as never }))).toMatchObject(wrong);
  });
});
