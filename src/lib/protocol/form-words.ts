/**
 * Faults in the form of a document, in the words of its author: the field, the value found and the value
 * expected. Valibot's own messages name types of the program and regular expressions. Not here: the forms
 * (`message.ts` and each family), when a reader refuses.
 */
import * as v from 'valibot';
import { DecimalText } from './json.ts';

type Issue = v.BaseIssue<unknown>;

/** Returns one sentence on an issue of a form. `document`: name of the whole document. */
export function inWords(issue: Issue, document = 'the message'): string {
  const field = v.getDotPath(issue);
  if (field === null) return `${document}: ${found(issue)} found, ${expected(issue)} expected`;
  if (issue.expected === 'never') return `${field} found, which ${document} does not have here`;
  // `received` is 'undefined' for a missing field that is required.
  if (issue.received === 'undefined') return `${field} is missing`;
  return `${field}: ${found(issue)} found, ${expected(issue)} expected`;
}

/** Longer text is cut: it may be a whole message. */
const LONGEST = 40;

function found({ type, input, received }: Issue): string {
  if (type.endsWith('_length')) return `${received} ${unitOf(input)}`;
  if (input instanceof DecimalText) return input.text;
  if (typeof input === 'string') return `"${input.length > LONGEST ? `${input.slice(0, LONGEST)}…` : input}"`;
  if (Array.isArray(input)) return 'a list';
  return typeof input === 'object' && input !== null ? 'an object' : String(input);
}

const unitOf = (input: unknown): string => (typeof input === 'string' ? 'characters' : 'entries');

const TYPES: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a whole number',
  bigint: 'a whole number',
  integer: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  strict_tuple: 'a list',
  record: 'an object',
  object: 'an object',
  strict_object: 'an object',
};

function expected({ type, expected: wanted, message, input }: Issue): string {
  const own = message.startsWith('Invalid ') ? undefined : message;
  const [, bound, limit] = /^([<>]=)(.*)$/.exec(wanted ?? '') ?? [];
  if (limit !== undefined)
    return `${bound === '<=' ? 'at most' : 'at least'} ${limit}${type.endsWith('_length') ? ` ${unitOf(input)}` : ''}`;
  if (type === 'picklist' && wanted) return `one of ${wanted.replace(/[()"]/g, '').split(' | ').join(', ')}`;
  return own ?? TYPES[type] ?? wanted ?? 'another form';
}
