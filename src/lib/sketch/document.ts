/** Sketches, extensions and sets of elements as JSON documents. */
import { bytesToHex } from '../bitcoin/bytes.ts';
import { Fields } from '../protocol/document.ts';
import { DecimalText, parseJson, type Json } from '../protocol/json.ts';
import { allows } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { FIELD_LIMITS } from './field.ts';
import {
  appendSketch,
  capacityOf,
  decodeSketch,
  makeSketch,
  maxElements,
  mergeSketches,
  readSketch,
  SKETCH_LIMITS,
  sketchBytes,
  type Sketch,
} from './sketch.ts';

/** Reads a bare list of numbers: a JSON list, or words separated by white space. */
export function rawElements(text: string): Json | undefined {
  if (text.startsWith('[')) return { elements: parseJson(text) };
  if (text === '') return { elements: [] };
  const words = text.split(/\s+/);
  return words.every((word) => ELEMENT.test(word)) ? { elements: words } : undefined;
}

const ELEMENT = /^(?:0x[0-9a-fA-F]{1,32}|0|[1-9]\d{0,38})$/;

/**
 * Reads a set. An element is a number, decimal digits as text, or `0x` and hex digits.
 * @returns the elements that occur an odd number of times, and how many pairs cancelled
 * @throws Refusal `malformed-message`
 */
export function parseElements(from: Fields): { elements: bigint[]; cancelled: number } {
  const all = from.list('elements', (item, where) => {
    const text = item instanceof DecimalText ? item.text : typeof item === 'object' ? '' : String(item);
    if (!ELEMENT.test(text))
      throw new Refusal('malformed-message', `${where}: a number, decimal digits or 0x and hex digits expected`);
    return BigInt(text);
  });
  const odd = new Set<bigint>();
  for (const element of from.need('elements', all, 'a list')) if (!odd.delete(element)) odd.add(element);
  from.skip('type', 'version', 'bits', 'decoded');
  from.end();
  return { elements: [...odd], cancelled: (all!.length - odd.size) / 2 };
}

/** Returns the document of a sketch; an extension lacks its first `from` syndromes. */
const document = (sketch: Sketch, from: number) => ({
  type: 'sketch' as const,
  version: 1 as const,
  bits: sketch.bits,
  capacity: from + capacityOf(sketch),
  ...(from > 0 && { from }),
  sketch: bytesToHex(sketchBytes(sketch)),
});

/** Makes a sketch. @throws Refusal `element-range`, `usage` if `from` is not below the capacity */
export function makeDocument(elements: readonly bigint[], bits: number, capacity: number, from = 0) {
  if (from >= capacity) throw new Refusal('usage', `--from ${from} found, a number below ${capacity} expected`);
  return document(makeSketch(elements, bits, capacity, from), from);
}

const whole = (from: Fields, name: string, { least, most }: { least: number; most: number }): number => {
  const found = Number(from.need(name, from.whole(name, BigInt(most)), 'a whole number'));
  return allows({ least }, found) ? found : from.refuse(name, `at least ${least}`);
};

/** Reads a sketch or an extension. @throws Refusal `malformed-message` */
export function parseSketch(from: Fields): { sketch: Sketch; from: number } {
  const bits = whole(from, 'bits', FIELD_LIMITS.bits);
  const capacity = whole(from, 'capacity', SKETCH_LIMITS.capacity);
  const start = Number(from.whole('from', BigInt(capacity - 1)) ?? 0n);
  const bytes = from.need('sketch', from.bytes('sketch'), 'hex');
  from.skip('type', 'version');
  from.end();
  return { sketch: readSketch(bytes, bits, capacity - start), from: start };
}

/**
 * Merges two sketches into that of their difference, or a sketch with the extension that follows
 * it.
 * @throws Refusal `malformed-message` if their bits differ or the second does not follow the first
 */
export function mergeDocuments(first: Fields, second: Fields) {
  const [a, b] = [parseSketch(first), parseSketch(second)];
  if (a.sketch.bits !== b.sketch.bits)
    throw new Refusal('malformed-message', `bits: ${a.sketch.bits} and ${b.sketch.bits} found, one number expected`);
  if (a.from === b.from) return document(mergeSketches(a.sketch, b.sketch), a.from);
  const end = a.from + capacityOf(a.sketch);
  if (b.from !== end)
    throw new Refusal(
      'malformed-message',
      `from: ${b.from} found, ${a.from} for a difference or ${end} to extend expected`,
    );
  return document(appendSketch(a.sketch, b.sketch), a.from);
}

/**
 * Decodes a sketch; elements above 53 bits are text, so that no JSON reader rounds them.
 * @throws Refusal `malformed-message`
 */
export function decodeSketchDocument(from: Fields, falsePositiveBits: number, most = Infinity) {
  const { sketch, from: start } = parseSketch(from);
  if (start > 0) throw new Refusal('malformed-message', `from: ${start} found, a sketch from 0 on expected`);
  const elements = decodeSketch(sketch, falsePositiveBits, most);
  const shown = sketch.bits > 53 ? elements?.map(String) : elements;
  return {
    type: 'sketch-elements' as const,
    version: 1 as const,
    bits: sketch.bits,
    decoded: elements !== undefined,
    ...(shown && { elements: shown }),
    // The number of elements that the sketch could decode.
    ...(!elements && {
      most_elements: Math.min(most, maxElements(sketch.bits, capacityOf(sketch), falsePositiveBits)),
    }),
  };
}
