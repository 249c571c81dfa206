/**
 * Signatures of gossip of version 2 (BIP340), made and verified, and the output that an announcement stands on.
 *
 * An announcement is signed by the MuSig2 aggregate of both nodes and both bitcoin keys, or of both nodes and the output's
 * own key where no bitcoin keys are named; keys are sorted. Source: https://github.com/lightning/bolts/pull/1059.
 * Not here: the records (`message-2.ts`).
 */
import { bytesToHex, hexToBytes } from '../bitcoin/bytes.ts';
import { Refusal } from '../protocol/refusal.ts';
import { signHash, verifies, xOnlyKey } from '../signing/bip340.ts';
import { evenSecret, mod, secretScalar, taggedHash, toBytes } from '../signing/curve.ts';
import { applyTweak, keyAgg, keyAggCoefficients, keySort, publicKey } from '../signing/musig2.ts';
import type { TlvRecord } from '../wire/tlv.ts';
import type { Problem } from './details.ts';
import { KINDS_2, signedRecords, type Message2 } from './message-2.ts';
import { fundingScript, type ChannelOutput, type Verdict, type Verifier } from './verify.ts';

type Records = readonly Pick<TlvRecord, 'type' | 'value'>[];

/** The hash that the signature of a message is over. */
const signedHash2 = (type: number, records: Records): Uint8Array =>
  taggedHash(`lightning${KINDS_2[type]!.kind}signature`, signedRecords(records));

const recordOf = (records: Records, type: bigint): Uint8Array | undefined =>
  records.find((record) => record.type === type)?.value;

/** Keys, sorted, whose aggregate signs an announcement; undefined where the output's own key is needed and not known. */
function signingKeys(records: Records, output?: ChannelOutput): Uint8Array[] | undefined {
  const keys = [8n, 10n, 12n, 14n].map((type) => recordOf(records, type));
  const [node1, node2, bitcoin1, bitcoin2] = keys;
  if (!node1 || !node2) throw new Refusal('malformed-gossip', 'node_id_1 or node_id_2 is missing');
  if ((bitcoin1 === undefined) !== (bitcoin2 === undefined))
    throw new Refusal('malformed-gossip', 'bitcoin_key_1 and bitcoin_key_2: both or none expected');
  if (bitcoin1 && bitcoin2) return keySort([node1, node2, bitcoin1, bitcoin2]);
  const own = /^5120([0-9a-f]{64})$/.exec(output?.script ?? '')?.[1];
  return own === undefined ? undefined : keySort([node1, node2, hexToBytes(`02${own}`)]);
}

/** The verdict over a message of version 2. @throws Refusal `malformed-gossip` for keys that are missing */
export function verifyMessage2(message: Message2, verifier: Verifier): Verdict {
  const problems: Problem[] = [];
  const checks: Verdict['checks'] = {};
  const key = keyOf(message, verifier, checks, problems);
  const signature = message.values['signature'];
  if (key === undefined) return { signatures: [], valid: problems.length > 0 ? false : null, checks, problems };
  const good = typeof signature === 'string' && verifies(signature, signedHash2(message.type, message.records), key);
  if (!good) problems.push({ code: 'signature-invalid', field: 'signature', text: 'missing, or does not verify' });
  const valid = problems.length === 0;
  if (message.type === 267 && valid) {
    const { node_id_1: one, node_id_2: two, short_channel_id: scid } = message.values;
    verifier.channel(String(scid), hexToBytes(String(one)), hexToBytes(String(two)));
  }
  return { signatures: [good], valid, checks, problems };
}

/** The x-only key (hex) that must have signed; undefined where it is not known. */
function keyOf(
  message: Message2,
  verifier: Verifier,
  checks: Verdict['checks'],
  problems: Problem[],
): string | undefined {
  const { type, values, records } = message;
  if (type === 269) return xOnly(values['node_id']);
  const scid = String(values['short_channel_id']);
  if (type === 271) {
    const nodes = verifier.nodesOf(scid);
    if (!nodes) checks['signature'] = 'not-checked';
    return nodes && bytesToHex(nodes[values['second_peer'] ? 1 : 0].subarray(1));
  }
  if (type !== 267) {
    checks['signature'] = 'not-checked';
    return undefined;
  }
  if (String(values['node_id_1']) >= String(values['node_id_2']))
    problems.push({ code: 'malformed-gossip', field: 'node_id_2', text: 'not above node_id_1' });
  const output = verifier.outputOf(scid);
  if (output === undefined) checks['output'] = 'not-checked';
  else checkOutput(records, scid, output, problems);
  const keys = signingKeys(records, output ?? undefined);
  if (!keys) checks['signature'] = 'not-checked';
  return keys && bytesToHex(keyAgg(keys).xQ);
}
const xOnly = (point: unknown): string | undefined => (typeof point === 'string' ? point.slice(2) : undefined);

/**
 * The scripts that two bitcoin keys may stand for: P2TR of their aggregate, tweaked over the root where there is one. Without
 * a root also the aggregate tweaked over none (BIP86), and P2WSH.
 */
function scriptsOf(bitcoin1: Uint8Array, bitcoin2: Uint8Array, root: Uint8Array | undefined): string[] {
  const aggregate = keyAgg(keySort([bitcoin1, bitcoin2]));
  const over = (tree: Uint8Array): string =>
    bytesToHex(applyTweak(aggregate, { tweak: taggedHash('TapTweak', aggregate.xQ, tree), xOnly: true }).xQ);
  if (root) return [`5120${over(root)}`];
  const outputs = [bytesToHex(aggregate.xQ), over(new Uint8Array())].map((key) => `5120${key}`);
  return [...outputs, bytesToHex(fundingScript(bitcoin1, bitcoin2))];
}

function checkOutput(records: Records, scid: string, output: ChannelOutput | null, problems: Problem[]): void {
  const differs = (text: string): unknown => problems.push({ code: 'output-differs', field: 'short_channel_id', text });
  if (!output) return void differs(`no output found at ${scid}`);
  const [bitcoin1, bitcoin2, root] = [12n, 14n, 16n].map((type) => recordOf(records, type));
  const scripts = bitcoin1 && bitcoin2 ? scriptsOf(bitcoin1, bitcoin2, root) : [];
  const fits = scripts.length === 0 ? /^5120[0-9a-f]{64}$/.test(output.script) : scripts.includes(output.script);
  if (!fits) differs(`script ${output.script} found at ${scid}, ${scripts.join(' or ') || 'P2TR'} expected`);
}

/**
 * Signs the records of a message with the secrets of all keys: one for an update or a node, those of both nodes and both
 * bitcoin keys (or of the output's own key) for an announcement.
 * @throws Refusal `wrong-key` where the secrets are not those of the keys
 */
export function signMessage2(type: number, records: Records, secrets: readonly Uint8Array[]): string {
  const hash = signedHash2(type, records);
  if (type !== 267) {
    const [secret] = secrets;
    const named = type === 269 ? recordOf(records, 4n) : undefined;
    if (secrets.length !== 1 || (named && xOnlyKey(secret!) !== bytesToHex(named.subarray(1))))
      throw new Refusal('wrong-key', `${secrets.length} keys found, the one of the node expected`);
    return signHash(hash, secret!);
  }
  const keys = recordOf(records, 12n) ? signingKeys(records)! : withOutputKey(records, secrets);
  const ordered = keys.map((key) => secrets.find((secret) => sameKey(publicKey(secret), key, keys.length === 3)));
  if (ordered.includes(undefined) || secrets.length !== keys.length)
    throw new Refusal('wrong-key', `${secrets.length} keys found, those of the ${keys.length} that sign expected`);
  return signHash(hash, aggregateSecret(ordered as Uint8Array[], keys));
}

const sameKey = (found: Uint8Array, key: Uint8Array, anyParity: boolean): boolean =>
  bytesToHex(anyParity ? found.subarray(1) : found) === bytesToHex(anyParity ? key.subarray(1) : key);

/** Both nodes and the key that is none of theirs, with even y: the output's own. */
function withOutputKey(records: Records, secrets: readonly Uint8Array[]): Uint8Array[] {
  const nodes = [8n, 10n].map((type) => bytesToHex(recordOf(records, type) ?? new Uint8Array()));
  const own = secrets.map(publicKey).find((key) => !nodes.includes(bytesToHex(key)));
  return signingKeys(records, own && { script: `5120${bytesToHex(own.subarray(1))}`, amountSat: 0n }) ?? [];
}

/** The secret of a MuSig2 aggregate, for somebody who has all secrets. */
function aggregateSecret(secrets: readonly Uint8Array[], keys: readonly Uint8Array[]): Uint8Array {
  const coefficients = keyAggCoefficients(keys);
  const scalars = secrets.map((secret, i) => {
    const own = bytesToHex(publicKey(secret)) === bytesToHex(keys[i]!) ? secret : evenSecret(secret);
    return mod(secretScalar(own) * coefficients[i]!);
  });
  return toBytes(mod(scalars.reduce((sum, scalar) => sum + scalar, 0n)));
}

/** What somebody else must sign: the hash, and the x-only key where it is known. */
export function signingOf(type: number, records: Records): { message: string; key?: string } {
  const message = bytesToHex(signedHash2(type, records));
  const node = type === 269 ? recordOf(records, 4n) : undefined;
  const keys = type === 267 ? signingKeys(records) : undefined;
  const key = node ? node.subarray(1) : keys && keyAgg(keys).xQ;
  return { message, ...(key && { key: bytesToHex(key) }) };
}

/** The records with this signature (hex) in place of any other. */
export const withSignature = (records: Records, signature: string): Records => [
  ...records.filter(({ type }) => type !== 160n),
  { type: 160n, value: hexToBytes(signature) },
];
