/**
 * Input of a decoder: one transaction, and the parents that came with it.
 *
 * Not here: where the bytes come from (`cli/`), PSBTs (`psbt.ts`).
 */
import { DecimalText, type Json } from '../protocol/json.ts';
import { Refusal } from '../protocol/refusal.ts';
import type { Parents } from './trace.ts';
import { bytesOfHex, type Tx } from './transaction.ts';

export interface DecodeSubject {
  tx: Tx;
  parents: Parents;
}

/**
 * Reads hex, or `{"tx":hex,"prev":{txid:hex}}`. @param unknown is told of each other field
 * @throws Refusal `malformed`, `malformed-transaction`, `parent-differs`
 */
export function subjectOfJson(json: Json, unknown: (field: string) => void, shared: Parents): DecodeSubject {
  if (typeof json === 'string') return { tx: shared.read(bytesOfHex(json)), parents: shared };
  const fields = objectOf(json, 'an object {"tx":hex,"prev":{txid:hex}}');
  for (const field of Object.keys(fields)) if (field !== 'tx' && field !== 'prev') unknown(field);
  if (typeof fields['tx'] !== 'string')
    throw new Refusal('malformed', 'a document without tx, a transaction in hex, found');
  const tx = shared.read(bytesOfHex(fields['tx']));
  if (fields['prev'] === undefined) return { tx, parents: shared };
  const parents = shared.layer();
  addParents(parents, fields['prev']);
  return { tx, parents };
}

/** Adds parents. @throws Refusal `malformed`, `malformed-transaction`, `parent-differs` */
function addParents(parents: Parents, json: Json): void {
  for (const [txid, hex] of Object.entries(objectOf(json, 'parents as {txid:hex}'))) {
    if (typeof hex !== 'string')
      throw new Refusal('malformed', `parent ${txid.slice(0, 70)}: a transaction in hex expected`);
    addHex(parents, hex, txid);
  }
}

/** Adds one line of parents: hex, `{"hex":…,"txid":…}` of `getrawtransaction`, or `{txid:hex}`. */
export function addParentLine(parents: Parents, json: Json): void {
  if (typeof json === 'string') return void addHex(parents, json);
  const { hex, txid } = objectOf(json, 'a parent') as { hex?: Json; txid?: Json };
  if (typeof hex === 'string') return void addHex(parents, hex, typeof txid === 'string' ? txid : undefined);
  addParents(parents, json);
}

function addHex(parents: Parents, hex: string, txid?: string): void {
  parents.add(bytesOfHex(hex), txid);
}

function objectOf(json: Json, expected: string): { readonly [key: string]: Json } {
  if (typeof json !== 'object' || json === null || Array.isArray(json) || json instanceof DecimalText)
    throw new Refusal('malformed', `${expected} expected`);
  return json as { readonly [key: string]: Json };
}
