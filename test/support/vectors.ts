/**
 * Published vectors: a selection in `fixtures/`, in the project's own form, and the bulk beside the checkout
 * (`SPILLWAY_VECTORS`, else `../shared/vectors`), which a lone clone does not have.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');
const bulk = process.env['SPILLWAY_VECTORS'] ?? join(root, '../shared/vectors');

/** A file of `fixtures/`. */
export const fixture = <T = any>(name: string): T =>
  JSON.parse(readFileSync(join(root, 'fixtures', name), 'utf8')) as T;

/** The name of a bulk file; undefined, and one line that says so, where it is not there. */
export function bulkFile(name: string): string | undefined {
  const file = join(bulk, name);
  if (bulk !== '' && existsSync(file)) return file;
  console.log(`skipped: ${name} (no such file in ${bulk || 'SPILLWAY_VECTORS, which is empty'})`);
  return undefined;
}

/** A bulk file: JSON parsed, CSV as one object a row. Undefined, and one line that says so, where it is not there. */
export function vectors<T = any>(name: string): T | undefined {
  const file = bulkFile(name);
  if (file === undefined) return undefined;
  const text = readFileSync(file, 'utf8');
  return (name.endsWith('.csv') ? rows(text) : JSON.parse(text)) as T;
}

function rows(text: string): Record<string, string>[] {
  const [head, ...lines] = text.trim().split(/\r?\n/);
  const names = head!.split(',');
  return lines.map((line) => {
    const cells = line.split(',');
    const last = names.length - 1;
    return Object.fromEntries(names.map((name, i) => [name, i < last ? cells[i]! : cells.slice(last).join(',')]));
  });
}
