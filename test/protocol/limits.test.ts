/** The limits of what messages are made of. */
import * as v from 'valibot';
import { describe } from 'vitest';
import { JsonRows, ROWS_LIMITS } from '../../src/lib/protocol/json-rows.ts';
import { JSON_LIMITS, parseJson } from '../../src/lib/protocol/json.ts';
import {
  descriptor,
  FORM_LIMITS,
  height,
  hexText,
  MESSAGE_LIMIT,
  outpoint,
  parseAs,
  psbt,
  sat,
  text,
} from '../../src/lib/protocol/message.ts';
import { readAll } from '../../src/lib/engine/files.ts';
import { Readable } from 'node:stream';
import { limits } from '../support/limits.ts';

const as = (schema: v.GenericSchema<unknown, unknown>, made: (n: number) => unknown = (n) => n) => ({
  takes: (n: number) => parseAs(schema, made(n)),
});
const malformed = { below: 'malformed-message', above: 'malformed-message' } as const;
const { below: _, ...long } = malformed;

describe('the fields of messages', () => {
  limits(FORM_LIMITS, {
    message: {
      takes: (n: number) => readAll(Readable.from([Buffer.alloc(n)]), MESSAGE_LIMIT, 'stdin'),
      above: 'too-large',
    },
    // A byte is two characters: the next above the limit are two more.
    hex: {
      takes: (n: number) => parseAs(hexText, '0'.repeat(n + (n % 2))),
      ...long,
    },
    sat: { ...as(sat), ...malformed },
    height: { ...as(height), ...malformed },
    psbt: { ...as(psbt, (n) => 'cHNid'.padEnd(n, 'A')), ...long },
    text: { ...as(text, (n) => 'x'.repeat(n)), ...long },
    vout: { ...as(outpoint, (vout) => ({ txid: 'ab'.repeat(32), vout })), ...malformed },
    descriptor: { ...as(descriptor, (n) => 'x'.repeat(n)), ...long },
  });
});

describe('JSON', () => {
  limits(JSON_LIMITS, {
    // The outermost value is level 0.
    depth: { takes: (n: number) => parseJson('['.repeat(n) + '0' + ']'.repeat(n)), above: 'malformed-json' },
  });
});

describe('a large document', () => {
  limits(ROWS_LIMITS, {
    row: {
      takes: (n: number) => new JsonRows(() => {}).push(new TextEncoder().encode(`[${'x'.repeat(n)}`)),
      above: 'too-large',
    },
  });
});
