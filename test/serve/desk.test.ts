/** What a desk tells: refusals in full, own faults by their code only; and which messages follow each other. */
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { openCredit } from '../../src/lib/credit/open.ts';
import { signUpdate } from '../../src/lib/ecash/credit.ts';
import { printJson } from '../../src/lib/protocol/json.ts';
import { ERRORS, HOME_FAULTS, Refusal, type ErrorCode } from '../../src/lib/protocol/refusal.ts';
import { codeOf, desk, errorLine, receiveMessage, type LogEntry } from '../../src/lib/serve/desk.ts';
import { httpStatus } from '../../src/lib/serve/http.ts';
import { served, workHere } from '../../src/lib/serve/work.ts';
import { openMessages, pair, payMessages, rollMessages, type Pair } from '../support/credit.ts';

let both: Pair;
beforeAll(async () => void (both = await pair(240)));
afterAll(() => both.close());

const said: string[] = [];
const stderr = vi.spyOn(process.stderr, 'write').mockImplementation((text) => (said.push(String(text)), true));
afterEach(() => said.splice(0));
afterAll(() => stderr.mockRestore());

describe('a refusal', () => {
  it('is told in full where it is about the message', () => {
    const line = errorLine(new Refusal('state-moved-on', 'from 7 sat', { hint: 'ask again', blame: 'payer' }));
    expect(JSON.parse(line)).toEqual({
      error: { code: 'state-moved-on', exit: 75, message: 'from 7 sat', hint: 'ask again', blame: 'payer' },
    });
    expect(said).toEqual([]);
  });

  it('is told by its code where it is about the server: the words go to stderr', () => {
    for (const error of [
      new Refusal('store-unavailable', '/home/mint/store.db: disk I/O error', { hint: 'look at /home/mint' }),
      new Refusal('cannot-write', '/home/mint.refunds: ENOSPC'),
      new TypeError('cannot read /home/mint'),
    ]) {
      const line = errorLine(error);
      expect(line).not.toContain('/home');
      expect(said.splice(0).join()).toContain('/home');
    }
  });

  it('what is wrong with its home is told by its code, as a fault of the server that does not pass', () => {
    for (const code of HOME_FAULTS) {
      const line = errorLine(new Refusal(code, '/home/mint/store.db', { hint: 'look at /home/mint' }));
      expect([line.includes('/home'), httpStatus(line)]).toEqual([false, 500]);
      expect(said.splice(0).join()).toContain('/home');
    }
  });

  it('a refusal that is sent to it is no answer of anybody: it is not busy because a stranger says so', async () => {
    const line = await desk(
      () => Promise.reject(new Error('no work')),
      () => {},
    )('{"error":{"code":"busy","exit":69,"message":"x"}}', 'test');
    expect([codeOf(line), httpStatus(line)]).toEqual(['peer-refused', 422]);
  });

  it('has a status for every code of the table, none of them a success', () => {
    const statuses = (Object.keys(ERRORS) as ErrorCode[]).map((code) => httpStatus(errorLine(new Refusal(code, 'x'))));
    expect(new Set(statuses)).toEqual(new Set([400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 500, 503]));
  });

  it('is no answer, and an answer that waits for another wallet is no success either', () => {
    const waiting = printJson({ type: 'open-credit', version: 1, step: 'waiting', for: 'accepted' });
    const answer = printJson({ type: 'open-credit', version: 1, step: 'accepted', note: '"step":"waiting"' });
    expect([codeOf(waiting), httpStatus(waiting)]).toEqual(['waits', 202]);
    expect([codeOf(answer), httpStatus(answer)]).toEqual([undefined, 200]);
  });
});

describe('order', () => {
  it('is that of the record: by payee key while there is no id, then by id', async () => {
    const opening = await openMessages(both);
    const { id } = opening[3]!['contract'];
    const keyOf = async (message: object) => (await receiveMessage(printJson(message))).key;
    expect(await Promise.all(opening.map(keyOf))).toEqual(opening.map(() => `key:${opening[0]!['offer'].pubkey}`));
    const asked = await both.payer.run(openCredit, { input: { as: 'payer' } });
    expect(await keyOf(asked.message)).toMatch(/^[0-9a-f]{64}$/);
    const more = [...(await payMessages(both, id, 1_000n)), ...(await rollMessages(both, id))];
    expect(await Promise.all(more.map(keyOf))).toEqual(more.map(() => `id:${id}`));
  });
});

describe('a desk', () => {
  it('asks nobody: what a row would have agreed to waits for a person', async () => {
    const contract = (await openMessages(both))[3]!['contract'].id as string;
    const requested = await both.payee.run(signUpdate, { input: { contract, amount: 2_100n } });
    const before = await both.payer.state();
    const ports = served(both.payer.ports());
    const entries: LogEntry[] = [];
    const answer = desk(workHere(ports, {}, 256), (entry) => entries.push(entry));
    const line = await answer(requested.text, 'test');
    expect(JSON.parse(line)).toMatchObject({
      error: { code: 'not-agreed', message: expect.stringMatching(/^waits for a person: Pay 2100 sat over contract/) },
    });
    expect(entries).toMatchObject([{ from: 'test', code: 'not-agreed' }]);
    expect(await both.payer.state()).toEqual(before);
  });

  it('gives an action no standing orders of another: the ecash of an offer is not the ecash of a payment', async () => {
    const contract = (await openMessages(both))[3]!['contract'].id as string;
    const asked = await both.payer.run(signUpdate, { input: { contract, amount: 500n } });
    const requested = await both.payee.run(signUpdate, { on: asked.message });
    const work = workHere(served(both.payer.ports()), { 'open-credit': { ecash: 'home' } }, 256);
    const line = await desk(work, () => {})(requested.text, 'test');
    expect(JSON.parse(line)).toMatchObject({ step: 'signed', amount_sat: 500, ecash: null });
  });
});
