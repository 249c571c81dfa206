/**
 * Foreign text made safe to print: a message, file name or node's answer must not move the cursor, change
 * colours or reorder text.
 */

/** C0 and C1 controls, line and paragraph separators, direction marks, zero-width characters, lone surrogates. */
const UNSAFE =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\p{Surrogate}/gu;

const hex = (char: string): string => char.charCodeAt(0).toString(16).padStart(4, '0');

/** One line of visible text, cut at `limit` characters. */
export function visible(text: string, limit = Infinity): string {
  const safe = text.replace(UNSAFE, (char) => `\\u${hex(char)}`);
  return safe.length > limit ? `${safe.slice(0, limit - 1)}…` : safe;
}
