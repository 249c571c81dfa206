/**
 * Large JSON documents as a stream: the rows of their top-level lists, in bounded memory.
 *
 * A scan of the bytes finds where rows end; the engine parses all that a piece of the stream holds.
 * Not here: documents of a usual size (`json.ts`), what rows mean.
 */
import { concatBytes, utf8Of } from '../bitcoin/bytes.ts';
import { allows, type Limits } from './limit.ts';
import { Refusal } from './refusal.ts';

export const ROWS_LIMITS = {
  /** Bytes of a row, and of all that is in no row. */
  row: { unit: 'bytes', most: 1_000_000 },
} satisfies Limits;

const PIECE = 65_536;
/** Begin and end of a string. */
const MARK = 0x22;
const BACKSLASH = 0x5c;
const BRACKET = 0x5b;
const [OPENS, CLOSES, OTHER] = [1, 2, 3];
/** Kinds of bytes outside strings; 0 for all that are of no interest. */
const KINDS = new Uint8Array(256);
for (const [bytes, kind] of [
  ['[{', OPENS],
  [']}', CLOSES],
  ['"', OTHER],
] as const)
  for (const byte of new TextEncoder().encode(bytes)) KINDS[byte] = kind;

const malformed = (text: string): never => {
  throw new Refusal('malformed-json', text);
};
function parse(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    return malformed(`${where}: ${(error as Error).message}`);
  }
}

/** Decodes UTF-8: quickly, and once more with care where that has replaced anything. */
function decoded(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();
  return text.includes('\ufffd') ? (utf8Of(bytes) ?? malformed('bytes found that are not UTF-8')) : text;
}

/** Reader of one document. */
export class JsonRows {
  readonly #take: (list: string, rows: readonly unknown[]) => void;
  /** Document without rows. */
  #frame: Uint8Array = new Uint8Array();
  /** Name of the current list; '' if the document itself is the list; undefined between lists. */
  #list: string | undefined;
  /** Depth of that list. */
  #base = 0;
  #depth = 0;
  #inString = false;
  /** 1 if the previous byte was a backslash, else 0. */
  #escaped = 0;
  /** True where the list has had rows. */
  #any = false;
  #held: Uint8Array = new Uint8Array();

  /** @param take gets the rows of a list, some at a time */
  constructor(take: (list: string, rows: readonly unknown[]) => void) {
    this.#take = take;
  }

  /** Reads a piece. @throws Refusal `malformed-json`; `too-large` for a long row or frame */
  push(piece: Uint8Array): void {
    for (let at = 0; at < piece.length; at += PIECE) this.#push(piece.subarray(at, at + PIECE));
  }

  #push(piece: Uint8Array): void {
    // A plain array each time, so that the engine sees one kind.
    const bytes = concatBytes(this.#held, piece);
    const kinds = KINDS;
    let [depth, inString] = [this.#depth, this.#inString];
    // The character behind a backslash may be in the next piece.
    let at = this.#held.length + this.#escaped;
    let from = 0;
    let end = 0;
    for (;;) {
      if (inString) {
        for (; at < bytes.length && bytes[at] !== MARK; at++) if (bytes[at] === BACKSLASH) at++;
        if (at >= bytes.length) break;
        inString = false;
        at++;
      }
      while (at < bytes.length && kinds[bytes[at]!] === 0) at++;
      if (at >= bytes.length) break;
      const byte = bytes[at++]!;
      if (byte === MARK) inString = true;
      else if (kinds[byte] === CLOSES) {
        depth -= 1;
        if (depth === this.#base) end = at;
        else if (depth < this.#base) {
          this.#rows(bytes.subarray(from, at - 1));
          [this.#list, this.#base, from] = [undefined, 0, at - 1];
        }
      } else {
        depth += 1;
        if (byte !== BRACKET || this.#list !== undefined || depth > 2) continue;
        this.#addFrame(bytes.subarray(from, at));
        this.#begin(depth);
        from = at;
      }
    }
    [this.#depth, this.#inString, this.#escaped] = [depth, inString, at - bytes.length];
    if (this.#list === undefined) {
      this.#addFrame(bytes.subarray(from));
      from = bytes.length;
    } else if (end > from) {
      this.#rows(bytes.subarray(from, end));
      from = end;
    }
    this.#held = bytes.subarray(from);
    this.#check(this.#held.length);
  }

  /** Ends the stream. Returns the document without its rows. @throws Refusal `malformed-json` */
  end(): unknown {
    if (this.#list !== undefined) malformed(`${this.#list}: the end found within a list`);
    return parse(decoded(this.#frame), 'the document');
  }

  #begin(depth: number): void {
    const name = /"((?:[^"\\]|\\.)*)"\s*:\s*\[$/.exec(decoded(this.#frame))?.[1];
    this.#list = depth === 1 ? '' : String(parse(`"${name}"`, 'a name'));
    this.#base = depth;
    this.#any = false;
  }

  /** Parses rows and hands them on. All but the first piece begin with a comma. */
  #rows(bytes: Uint8Array): void {
    const text = decoded(bytes);
    const rows = this.#any ? text.replace(/^[ \t\r\n]*,/, '') : text;
    if (/^[ \t\r\n]*$/.test(text)) return;
    if (this.#any && rows === text) malformed(`${this.#list}: a comma between rows expected`);
    this.#any = true;
    const made = parse(`[${rows}]`, this.#list || 'the list') as unknown[];
    if (made.length === 0) malformed(`${this.#list}: a comma without a row found`);
    this.#take(this.#list!, made);
  }

  #addFrame(bytes: Uint8Array): void {
    this.#frame = concatBytes(this.#frame, bytes);
    this.#check(this.#frame.length);
  }
  #check(size: number): void {
    if (!allows(ROWS_LIMITS.row, size))
      throw new Refusal('too-large', `more than ${ROWS_LIMITS.row.most} bytes found that are no row of a list`);
  }
}
