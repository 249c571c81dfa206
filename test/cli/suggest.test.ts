/** The command that was probably meant by a misspelled one. */
import { expect, it } from 'vitest';
import { nearest } from '../../src/lib/cli/errors.ts';

const words = ['init', 'errors', 'open-credit', 'close-credit', 'sign-update'];

it.each([
  ['eror', 'errors'],
  ['open_credit', 'open-credit'],
  ['sign-updates', 'sign-update'],
  ['clse-credti', 'close-credit'],
  ['xyz', undefined],
  ['', undefined],
])('%o was meant to be %o', (word, meant) => expect(nearest(word, words)).toBe(meant));
