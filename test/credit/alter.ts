/**
 * What an attacker does to a message: fields taken out, changed, added, of another form; other PSBTs inside; and all of
 * it sealed anew with the counterparty's own key, for a malicious counterparty can. `attacks.test.ts` runs it all.
 */
import { messageHash } from '../../src/lib/signing/seal.ts';
import { verifies, xOnlyKey } from '../../src/lib/signing/bip340.ts';
import { readPsbt, templateOf, writePsbt } from '../../src/lib/bitcoin/psbt.ts';
import { toTransaction, type Template } from '../../src/lib/bitcoin/transaction.ts';
import { hexToBytes } from '../../src/lib/bitcoin/bytes.ts';
import type { Credit } from '../../src/lib/credit/records.ts';
import type { Path } from '../../src/lib/protocol/action.ts';
import { signedBy } from '../support/lies.ts';
import type { Message, TestParty } from '../support/party.ts';

export interface Altered {
  what: string;
  message: Message;
}

/** The secret with which this party sealed the message. */
export async function sealSecret(party: TestParty, message: Message): Promise<Uint8Array> {
  const keys = await party.home.keys();
  for (const { record } of await party.home.store.list()) {
    const { own } = record as unknown as Credit;
    if (!own) continue;
    const { path } = own;
    const secret = keys.auth(path as unknown as Path);
    if (verifies(message['auth'], messageHash(message), xOnlyKey(secret))) return secret;
  }
  throw new Error('this party did not seal that message');
}

/** The message as its sender would have sealed it. */
export const reseal = (message: Message, secret: Uint8Array): Message => {
  const { auth: _, ...rest } = message;
  return { ...rest, auth: signedBy(secret, xOnlyKey(secret), messageHash(rest)) };
};

const copy = (message: Message): Message => JSON.parse(JSON.stringify(message)) as Message;
const GENERATOR = '79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798';
const ADDRESS = 'bcrt1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqc8gma6';

type Step = string | number;
const at = (root: Message, path: readonly Step[]): any => path.reduce((value, key) => value[key], root as any);
const named = (path: readonly Step[]): string => path.map((p) => (typeof p === 'number' ? '0' : p)).join('.');

/** Every field below the envelope, parents before children. */
function* fields(value: unknown, path: Step[] = []): Generator<Step[]> {
  if (typeof value !== 'object' || value === null) return;
  const keys: Step[] = Array.isArray(value) ? value.slice(0, 1).map((_, i) => i) : Object.keys(value);
  for (const key of keys) {
    if (path.length === 0 && (key === 'auth' || key === 'checks')) continue;
    yield [...path, key];
    yield* fields((value as any)[key], [...path, key]);
  }
}

const OTHER_PARTY: Readonly<Record<string, string>> = {
  payer: 'payee',
  payee: 'payer',
  claimer: 'refunder',
  refunder: 'claimer',
};

/** Fields that may be null and mean something then. */
const NULLABLE = new Set(['receipt', 'change', 'asked', 'ecash', 'token', 'quote', 'mint_url', 'ecash_pubkey']);
const isNullable = (path: readonly Step[]): boolean =>
  NULLABLE.has(String(path.at(-1))) && (path.length === 1 || !['ecash', 'asked'].includes(String(path.at(-1))));
/** What stands there in place of null; nothing for what has another form at each step. */
const INSTEAD: Readonly<Record<string, unknown>> = {
  receipt: 'ab'.repeat(64),
  quote: 'another',
  mint_url: 'http://mint.example',
};

/** Another value of the same form. */
function another(value: unknown, key: Step): unknown {
  if (typeof value === 'number') return key === 'version' ? 2 : value + 1;
  if (value === null)
    return key === 'change'
      ? { address: ADDRESS, amount_sat: 1000 }
      : key === 'ecash_pubkey'
        ? '03' + GENERATOR
        : INSTEAD[key];
  if (key === 'mint_url') return 'http://mint.example';
  if (key === 'outputs') return [...(value as object[]), { ...(value as object[])[0], B_: '03' + GENERATOR }];
  if (key === 'promises' || key === 'found') return (value as unknown[]).slice(1);
  if (Array.isArray(value))
    return [...value, { txid: 'ee'.repeat(32), vout: 0, amount_sat: 5000, script: '5120' + GENERATOR }];
  if (typeof value !== 'string') return undefined;
  if (key === 'address') return ADDRESS;
  if (key === 'network') return 'mainnet';
  if (key === 'opener') return OTHER_PARTY[value];
  if (key === 'ecash') return value === 'home' ? 'signer' : 'home';
  if (String(key).endsWith('pubkey')) return '03' + GENERATOR;
  if (key === 'type') return value === 'sign-update' ? 'rollover' : 'sign-update';
  if (key === 'step') return 'elsewhere';
  if (/^[0-9a-f]+$/.test(value)) return value.slice(0, -1) + (value.endsWith('0') ? '1' : '0');
  return value.startsWith('cHNid') ? undefined : value + 'x';
}
const otherForm = (value: unknown): unknown =>
  value === null
    ? 7
    : typeof value === 'number'
      ? String(value)
      : typeof value === 'string'
        ? 7
        : typeof value === 'object'
          ? 'text'
          : value;

/** Fields taken out, changed, of another form or added; `reseal` is the counterparty's. */
export function* alterFields(message: Message, secret: Uint8Array): Generator<Altered> {
  for (const path of fields(message)) {
    const name = named(path);
    const parent = path.slice(0, -1);
    const key = path.at(-1)!;
    const edit = (change: (owner: any) => void): Message => {
      const made = copy(message);
      change(at(made, parent));
      return made;
    };
    const value = at(message, path);
    if (typeof key === 'string') {
      yield { what: `${name} removed`, message: edit((o) => delete o[key]) };
      if (!isNullable(path)) yield { what: `${name} null`, message: edit((o) => (o[key] = value === null ? 0 : null)) };
    }
    yield { what: `${name} of another form`, message: edit((o) => (o[key] = otherForm(value))) };
    if (typeof value === 'number') {
      yield { what: `${name} negative`, message: edit((o) => (o[key] = -1)) };
      yield { what: `${name} largest`, message: edit((o) => (o[key] = Number.MAX_SAFE_INTEGER)) };
    }
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      yield { what: `${name} with another field`, message: edit((o) => (o[key]['extra'] = 1)) };
    const put = (to: unknown): Message =>
      reseal(
        edit((o) => (o[key] = to)),
        secret,
      );
    if (isNullable(path) && value !== null) yield { what: `${name} null, resealed`, message: put(null) };
    const changed = another(value, key);
    if (changed === undefined) continue;
    yield { what: `${name} changed`, message: edit((o) => (o[key] = changed)) };
    yield { what: `${name} changed, resealed`, message: put(changed) };
    if (key !== 'version' && typeof value === 'number' && value !== 0)
      yield { what: `${name} zero, resealed`, message: put(0) };
    if (String(key).endsWith('pubkey') && value !== null)
      yield { what: `${name} no point, resealed`, message: put('02' + 'ff'.repeat(32)) };
  }
  yield { what: 'another field', message: reseal({ ...copy(message), extra: 1 }, secret) };
}

/** The seal itself, and whose it is. */
export function* alterSeal(message: Message, victim: Uint8Array): Generator<Altered> {
  const { auth, ...rest } = message;
  yield { what: 'seal removed', message: rest };
  yield { what: 'seal null', message: { ...message, auth: null } };
  yield { what: 'seal altered', message: { ...message, auth: another(auth, 'auth') } };
  yield { what: 'seal of zeros', message: { ...message, auth: '00'.repeat(64) } };
  yield { what: 'sealed by a stranger', message: reseal(message, new Uint8Array(32).fill(9)) };
  yield { what: 'sealed by the victim itself', message: reseal(message, victim) };
}

const INFINITY = new Uint8Array(66);
const NO_POINT = hexToBytes('02' + 'ff'.repeat(32) + '03' + 'ff'.repeat(32));
const G2 = hexToBytes(('02' + GENERATOR).repeat(2));

type Row = [{ participantPubkey: Uint8Array; aggregatePubkey: Uint8Array }, Uint8Array];
type Fields = Record<string, any>;

/** A PSBT with another transaction and the same fields beside it, or the same transaction and other fields. */
export function rewrite(
  psbt: string,
  change: { template?: (t: Template) => Template; fields?: (f: Fields, index: number) => Fields },
): string {
  const from = readPsbt(psbt);
  const template = templateOf(from);
  const made = toTransaction((change.template ?? ((t) => t))(template));
  template.inputs.slice(0, made.inputsLength).forEach((_, i) => {
    const { txid: _t, index: _i, sequence: _s, witnessUtxo: _w, ...kept } = from.getInput(i) as Fields;
    made.updateInput(i, change.fields ? change.fields(kept, i) : kept, true);
  });
  return writePsbt(made);
}

const script = '5120' + GENERATOR;
const inputs = (t: Template, edit: (i: Template['inputs'][number]) => object): Template => ({
  ...t,
  inputs: t.inputs.map((i) => ({ ...i, ...edit(i) })),
});
const outputs = (t: Template, edit: (o: Template['outputs'][number], i: number) => object): Template => ({
  ...t,
  outputs: t.outputs.map((o, i) => ({ ...o, ...edit(o, i) })),
});
export const TEMPLATES: Record<string, (t: Template) => Template> = {
  'one sat more': (t) => outputs(t, (o, i) => (i === 0 ? { sat: o.sat + 1n } : {})),
  'one sat less': (t) => outputs(t, (o, i) => (i === t.outputs.length - 1 ? { sat: o.sat - 1n } : {})),
  'another script': (t) => outputs(t, (_, i) => (i === t.outputs.length - 1 ? { script } : {})),
  'another output': (t) => ({ ...t, outputs: [...t.outputs, { sat: 330n, script }] }),
  'an output less': (t) => ({ ...t, outputs: t.outputs.slice(1) }),
  'outputs in another order': (t) => ({ ...t, outputs: [...t.outputs].reverse() }),
  'another input': (t) => ({
    ...t,
    inputs: [...t.inputs, { txid: 'ee'.repeat(32), vout: 1, sat: 1000n, script, sequence: 0xfffffffd }],
  }),
  'another outpoint': (t) => inputs(t, ({ vout }) => ({ vout: vout + 1 })),
  'sequence final': (t) => inputs(t, () => ({ sequence: 0xffffffff })),
  'sequence 0': (t) => inputs(t, () => ({ sequence: 0 })),
  'sequence with a relative lock': (t) => inputs(t, () => ({ sequence: 144 })),
  'nLockTime sooner': (t) => ({ ...t, locktime: t.locktime === 0 ? 1 : t.locktime - 1 }),
  'nLockTime none': (t) => ({ ...t, locktime: t.locktime === 0 ? 500_000_001 : 0 }),
  'version 1': (t) => ({ ...t, version: 1 as never }),
  'version 2': (t) => ({ ...t, version: 2 }),
};

const rows = (name: string, edit: (row: Row, i: number, all: Row[]) => Row | undefined) => (f: Fields) =>
  f[name] ? { ...f, [name]: (f[name] as Row[]).map(edit).filter((r) => r !== undefined) } : f;
const values = (name: string, edit: (bytes: Uint8Array, i: number, all: Row[]) => Uint8Array) =>
  rows(name, ([k, v], i, all) => [k, edit(v, i, all)]);
const flipParity = (key: Uint8Array): Uint8Array => Uint8Array.of(key[0]! ^ 1, ...key.subarray(1));

/** Alterations of the MuSig2 fields. */
export const FIELDS: Record<string, (f: Fields) => Fields> = {
  'sighash ALL': (f) => ({ ...f, sighashType: 1 }),
  'sighash NONE': (f) => ({ ...f, sighashType: 2 }),
  'sighash SINGLE|ANYONECANPAY': (f) => ({ ...f, sighashType: 0x83 }),
  'no nonce': rows('musig2PubNonce', () => undefined),
  'nonces swapped': values('musig2PubNonce', (_, i, all) => all[all.length - 1 - i]![1]),
  'nonces under the other keys': rows('musig2PubNonce', ([k, v], i, all) => [
    all.length > 1 ? { ...k, participantPubkey: all[all.length - 1 - i]![0].participantPubkey } : k,
    v,
  ]),
  'nonce for the other parity of the aggregate': rows('musig2PubNonce', ([k, v]) => [
    { ...k, aggregatePubkey: flipParity(k.aggregatePubkey) },
    v,
  ]),
  'nonce at infinity': values('musig2PubNonce', () => INFINITY),
  'nonce no points': values('musig2PubNonce', () => NO_POINT),
  'nonce another': values('musig2PubNonce', () => G2),
  'partial flipped': values('musig2PartialSig', (v) => v.map((b, i) => (i === 31 ? b ^ 1 : b))),
  'partial zero': values('musig2PartialSig', (v) => new Uint8Array(v.length)),
  'partial above the order': values('musig2PartialSig', (v) => new Uint8Array(v.length).fill(0xff)),
  'partial for the other parity of the aggregate': rows('musig2PartialSig', ([k, v]) => [
    { ...k, aggregatePubkey: flipParity(k.aggregatePubkey) },
    v,
  ]),
  'no partial': rows('musig2PartialSig', () => undefined),
};

/** The PSBTs of a message, each altered, and sealed by the counterparty. */
export function* alterPsbts(message: Message, secret: Uint8Array): Generator<Altered> {
  const psbts = (message['psbt'] ?? {}) as Record<string, string>;
  for (const [name, psbt] of Object.entries(psbts)) {
    // Bytes that another encoder writes differently are no alteration.
    const plain = rewrite(psbt, {});
    const put = (what: string, made: string): Altered | undefined =>
      made === plain
        ? undefined
        : { what: `${name}: ${what}`, message: reseal({ ...message, psbt: { ...psbts, [name]: made } }, secret) };
    const all = [
      put('not a PSBT', 'cHNidP8AAAA='),
      put('cut short', psbt.slice(0, -8)),
      ...Object.entries(TEMPLATES).map(([what, template]) => put(what, rewrite(psbt, { template }))),
      ...Object.entries(FIELDS).flatMap(([what, fields]) => {
        try {
          return [put(what, rewrite(psbt, { fields }))];
        } catch {
          // The library cannot be made to write it: nobody can send it in a PSBT that it reads.
          return [];
        }
      }),
    ];
    for (const altered of all) if (altered) yield altered;
  }
}
