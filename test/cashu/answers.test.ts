/** What a mint answers about a quote, byte by byte: read strictly and in bounds, and only the quote that was asked for. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mintQuote, newMintQuote } from '../../src/lib/cashu/quotes.ts';
import { at } from '../support/mint.ts';

const KEY = `02${'79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798'}`;
const QUOTE = { quote: 'q1', request: 'r', unit: 'sat', amount: null, pubkey: KEY, amount_paid: 3, amount_issued: 2 };
const FIGURES = { id: 'q1', request: 'r', amountSat: null, pubkey: KEY, paidSat: 3n, issuedSat: 2n, expiry: null };

let server: Server;
let mint: ReturnType<typeof at>;
let answer: { status: number; text: string };
beforeAll(async () => {
  server = createServer((_, response) => void response.writeHead(answer.status).end(answer.text));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  mint = at(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
afterAll(() => void server.close());
const says = (text: string, status = 200) => {
  answer = { status, text };
  return mintQuote(mint, 'q1');
};

describe('an answer about a quote', () => {
  it('is read whatever else stands in it', async () => {
    expect(await says(JSON.stringify({ ...QUOTE, method: 'credit', updated_at: 0 }))).toEqual(FIGURES);
    const { unit: _, amount: __, ...least } = QUOTE;
    expect(await says(JSON.stringify(least))).toEqual(FIGURES);
  });

  it.each([
    ['another unit', { unit: 'usd' }],
    ['another quote', { quote: 'q2' }],
    ['an id that no path can name', { quote: 'q/1' }],
    ['a sum below zero', { amount_paid: -1 }],
    ['a sum that is no whole number', { amount_issued: 0.5 }],
    ['no sum', { amount_paid: undefined }],
    ['a key that is none', { pubkey: 'ab' }],
    ['a request without end', { request: 'r'.repeat(20_001) }],
  ])('with %s is none: mint-unavailable', (_, lie) =>
    expect(says(JSON.stringify({ ...QUOTE, ...lie }))).rejects.toMatchObject({ code: 'mint-unavailable' }),
  );

  it('that is not JSON is none, whether it says that all is well or not', async () => {
    await expect(says('<html>')).rejects.toMatchObject({ code: 'mint-unavailable', message: /not JSON/ });
    await expect(newMintQuote(mint, KEY)).rejects.toMatchObject({ code: 'mint-unavailable' });
    await expect(says('<html>', 502)).rejects.toMatchObject({ code: 'mint-unavailable', message: /status 502/ });
    await expect(newMintQuote(mint, KEY)).rejects.toMatchObject({ code: 'mint-refused' });
  });

  it('counts as "unknown" only in the words of the mints', async () => {
    expect(await says('{"detail":"Unknown quote"}', 400)).toBe('unknown');
    expect(await says('{"detail":"quote not found"}', 404)).toBe('unknown');
    for (const text of ['{"detail":"not found"}', '{}', 'null', '"Unknown quote"'])
      await expect(says(text, 404)).rejects.toMatchObject({ code: 'mint-unavailable' });
  });

  // Bytes.
  it.each([
    [199_999, true],
    [200_000, true],
    [200_001, false],
  ])('of %i bytes is read: %s', async (bytes, read) => {
    const said = says(JSON.stringify(QUOTE).padEnd(bytes));
    if (read) expect(await said).toEqual(FIGURES);
    else await expect(said).rejects.toMatchObject({ code: 'mint-unavailable', message: /more than 200000 bytes/ });
  });
});
