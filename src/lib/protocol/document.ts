/**
 * JSON documents as stateless commands read them: a field at a time, each checked. Unread fields
 * are ignored with a warning; contract messages with unknown fields are refused (`message.ts`). Not
 * here: parsing JSON (`json.ts`), what the fields mean.
 */
import { hexToBytes, MAX_U64 } from '../bitcoin/bytes.ts';
import { needPoint } from '../signing/curve.ts';
import { DecimalText, type Json } from './json.ts';
import { Refusal } from './refusal.ts';

const KINDS: Record<string, string> = { string: 'text', number: 'a number', boolean: 'true or false' };
const kind = (value: Json | undefined): string =>
  value === undefined
    ? 'nothing'
    : value === null
      ? 'null'
      : Array.isArray(value)
        ? 'a list'
        : (KINDS[typeof value] ?? (value instanceof DecimalText ? 'a number' : 'an object'));

/** Fields of one object. `where` is its place in the document; `unread` collects unknown names. */
export class Fields {
  readonly #json: { readonly [key: string]: Json };
  readonly #left: Set<string>;
  readonly where: string;
  readonly unread: string[];

  /** @throws Refusal `malformed-message` for anything but an object */
  constructor(json: Json | undefined, where = '', unread: string[] = []) {
    if (typeof json !== 'object' || json === null || Array.isArray(json) || json instanceof DecimalText)
      throw new Refusal('malformed-message', `${where || 'the document'}: ${kind(json)} found, an object expected`);
    this.#json = json as { readonly [key: string]: Json };
    this.#left = new Set(Object.keys(this.#json));
    this.where = where;
    this.unread = unread;
  }

  path(name: string): string {
    return this.where ? `${this.where}.${name}` : name;
  }
  refuse(name: string, expected: string): never {
    const value = this.#json[name];
    const found = typeof value === 'string' ? `text of ${value.length} characters` : kind(value);
    throw new Refusal('malformed-message', `${this.path(name)}: ${found} found, ${expected} expected`);
  }
  has(name: string): boolean {
    return Object.hasOwn(this.#json, name) && this.#json[name] !== null;
  }
  names(): string[] {
    return Object.keys(this.#json);
  }
  /** Returns the value unchanged; `null` counts as absent. */
  json(name: string): Json | undefined {
    this.#left.delete(name);
    return this.has(name) ? this.#json[name] : undefined;
  }
  /** Bytes in hex. */
  bytes(name: string, length?: number): Uint8Array | undefined {
    const value = this.json(name);
    if (value === undefined) return undefined;
    const digits = length === undefined ? '*' : `{${length}}`;
    if (typeof value !== 'string' || !new RegExp(`^(?:[0-9a-fA-F]{2})${digits}$`).test(value))
      this.refuse(name, length === undefined ? 'hex' : `${length} bytes in hex`);
    return hexToBytes(value as string);
  }
  /** A whole number from 0 to `most`; also as text, since it may be above 2^53. */
  whole(name: string, most = MAX_U64): bigint | undefined {
    const value = this.json(name);
    if (value === undefined) return undefined;
    const text = value instanceof DecimalText ? value.text : typeof value === 'object' ? '' : String(value);
    if (!/^(?:0|[1-9][0-9]{0,19})$/.test(text) || BigInt(text) > most)
      this.refuse(name, `a whole number up to ${most}`);
    return BigInt(text);
  }
  text(name: string): string | undefined {
    const value = this.json(name);
    if (value !== undefined && typeof value !== 'string') this.refuse(name, 'text');
    return value as string | undefined;
  }
  flag(name: string): boolean {
    const value = this.json(name);
    if (value !== undefined && typeof value !== 'boolean') this.refuse(name, 'true or false');
    return value === true;
  }
  object(name: string): Fields | undefined {
    const value = this.json(name);
    return value === undefined ? undefined : new Fields(value, this.path(name), this.unread);
  }
  list<T>(name: string, read: (value: Json, where: string) => T): T[] | undefined {
    const value = this.json(name);
    if (value === undefined) return undefined;
    if (!Array.isArray(value)) this.refuse(name, 'a list');
    return (value as Json[]).map((item, i) => read(item, `${this.path(name)}[${i}]`));
  }
  objects<T>(name: string, read: (fields: Fields) => T): T[] | undefined {
    return this.list(name, (item, where) => {
      const fields = new Fields(item, where, this.unread);
      const made = read(fields);
      fields.end();
      return made;
    });
  }
  /** Takes note of fields that are known and not needed. */
  skip(...names: string[]): void {
    for (const name of names) this.#left.delete(name);
  }
  /** Marks all fields of this object as read. */
  end(): void {
    for (const name of this.#left) this.unread.push(this.path(name));
    this.#left.clear();
  }
  /**
   * Returns the value.
   * @throws Refusal that names the field where there is none
   */
  need<T>(name: string, value: T | undefined, expected = 'a value'): T {
    if (value === undefined) this.refuse(name, expected);
    return value as T;
  }
}

/** A compressed public key of a document. @throws Refusal `malformed-message`, `wrong-key` */
export function pointIn(from: Fields, name: string): Uint8Array {
  const bytes = from.need(name, from.bytes(name, 33), 'a compressed public key in hex');
  needPoint(bytes, from.path(name));
  return bytes;
}
