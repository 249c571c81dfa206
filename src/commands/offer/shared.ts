/** Parts of all commands of offers: input as string, hex or document, files, time, answers. */
import { choiceFlag, flagOf, wholeFlag } from '../../lib/cli/flags.ts';
import { scriptOf } from '../../lib/bitcoin/address.ts';
import { bytesToHex, hexToBytes } from '../../lib/bitcoin/bytes.ts';
import { CHAIN_HASHES, NETWORKS, type Network } from '../../lib/bitcoin/network.ts';
import { openProof, type GivenProof } from '../../lib/names/bip353.ts';
import type { DelegatedKey } from '../../lib/names/dnssec.ts';
import { versionOf } from '../../lib/offer/bolt11-fields.ts';
import { signWith } from '../../lib/offer/build.ts';
import { needPoint } from '../../lib/signing/curve.ts';
import { messageIn, offerDocument, signingOf } from '../../lib/offer/document.ts';
import { PAYINFO, type FallbackJson, type PayinfoJson } from '../../lib/offer/codecs.ts';
import type { OfferMessage } from '../../lib/offer/message.ts';
import { NO_FEES } from '../../lib/wire/fees.ts';
import { blindedPaths, type BlindedPath } from '../../lib/wire/path.ts';
import { parseStruct } from '../../lib/wire/struct.ts';
import { OFFER_KINDS } from '../../lib/offer/string.ts';
import { Fields } from '../../lib/protocol/document.ts';
import { parseJson, type Json } from '../../lib/protocol/json.ts';
import { MESSAGE_LIMIT } from '../../lib/protocol/message.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { readInput } from '../../lib/cli/input.ts';
import { utf8 } from '../../lib/engine/sniff.ts';
import { Unfinished } from '../../lib/cli/stateless.ts';

export const kindFlag = choiceFlag(OFFER_KINDS, 'What the hex is that is read');
export const networkFlag = choiceFlag(NETWORKS, 'The Bitcoin network (default mainnet)');
export const atFlag = wholeFlag('Time in Unix seconds (default: now)', { helpValue: 'UNIX' });
/** Flag of another DNS root, as a DS record: key tag, algorithm, digest type, digest. */
export const anchorFlag = flagOf('"TAG ALGORITHM TYPE HEX"', (input): { anchors: DelegatedKey[] } => {
  const [, tag, algorithm, digestType, digest] = /^(\d{1,5}) (\d{1,3}) (\d{1,3}) ([0-9a-f]{40,96})$/.exec(input) ?? [];
  if (digest === undefined) throw new Refusal('usage', 'a DS record expected: tag, algorithm, type, digest in hex');
  return { anchors: [{ tag: Number(tag), algorithm: Number(algorithm), digestType: Number(digestType), digest }] };
})("A key of another root than the internet's, as its DS record");
export const now = (): bigint => BigInt(Math.floor(Date.now() / 1000));
/** Returns the flag without which a proposal of this project is refused. */
export const proposalFlag = <N extends string>(name: N, what: string) =>
  choiceFlag([name], `${what}: a proposal of this project, in no BOLT or BIP`);

/** Checks that the flag of a proposal is given. @throws Refusal `usage` */
export function needProposal(given: string | undefined, name: string): void {
  if (given !== name)
    throw new Refusal('usage', 'a proposal of this project, in no BOLT or BIP', { hint: `give --proposal ${name}` });
}

/** Reads text that is no JSON: hex of a kind, else a string. */
export const rawOffer =
  (kind?: string) =>
  (text: string): Json | undefined => {
    if (text.startsWith('{')) return undefined;
    if (kind !== undefined && /^(?:[0-9a-fA-F]{2})+$/.test(text)) return { hex: text, kind };
    return { string: text };
  };

/** Reads a file as a document: as `raw`, else as JSON. @throws Refusal as `readInput` */
async function fileDocument(file: string, raw: (text: string) => Json | undefined = () => undefined): Promise<Json> {
  const text = utf8(await readInput(file, MESSAGE_LIMIT)).trim();
  return raw(text) ?? parseJson(text);
}

/** Reads the message in a file, a string or a document. @throws Refusal as `messageIn` */
export const messageFile = async (file: string): Promise<OfferMessage> =>
  messageIn(new Fields(await fileDocument(file, rawOffer())));

/** Returns the document of a message; exit 3 where its signature is missing. */
export function answerOffer(message: OfferMessage, options: { records?: boolean } = {}): object {
  const document = offerDocument(message, options);
  return signingOf(message) ? new Unfinished(document) : document;
}

/** Signs a message where the key is given; otherwise it is printed without signature, exit 3. */
export const signedOr = (message: OfferMessage, key: Uint8Array | undefined): object =>
  answerOffer(key ? signWith(message, key) : message);

/** Returns the public key of a flag. @throws Refusal `wrong-key` */
export const pointOfFlag = (bytes: Uint8Array, name: string): string => {
  needPoint(bytes, `--${name}`);
  return bytesToHex(bytes);
};

/**
 * Reads paths from a file, as `onion-blind make` prints them, one or a list. Without payinfo a path
 * charges nothing and carries any amount.
 */
export async function pathsFile(file: string): Promise<{ paths: BlindedPath[]; payinfos: PayinfoJson[] }> {
  const json = await fileDocument(file);
  const list = new Fields({ paths: Array.isArray(json) ? json : [json] });
  const missing = {
    ...NO_FEES,
    htlc_minimum_msat: 0n,
    // The largest number that every reader of JSON keeps: 90,000 bitcoin.
    htlc_maximum_msat: BigInt(Number.MAX_SAFE_INTEGER),
    features: '',
  };
  const payinfos = list.objects('paths', (path) =>
    parseStruct(PAYINFO, path.object('payinfo') ?? new Fields({}), missing),
  )!;
  return { paths: blindedPaths.parse(list, 'paths'), payinfos };
}

/** Returns the witness programs of addresses. @throws Refusal `usage`, and as `scriptOf` */
export function fallbacksOf(
  addresses: readonly string[] = [],
  network: Network = 'mainnet',
): FallbackJson[] | undefined {
  if (addresses.length === 0) return undefined;
  return addresses.map((address) => {
    const [version, program] = versionOf(scriptOf(address, network)) ?? [17];
    if (version > 16) throw new Refusal('usage', `${address} found, an address of a witness program expected`);
    return { version: BigInt(version), program: program! };
  });
}

/** Returns the hash of a network's chain; undefined for mainnet, which messages leave out. */
export const chainHashOf = (network: Network = 'mainnet'): string | undefined =>
  network === 'mainnet' ? undefined : CHAIN_HASHES[network];

/** Refuses a message for other chains than a network's. @throws Refusal `wrong-network` */
export function checkNetwork({ kind, fields: f }: OfferMessage, network: Network): void {
  const chains =
    kind === 'offer' ? (f.offer_chains ?? [CHAIN_HASHES.mainnet]) : [f.invreq_chain ?? CHAIN_HASHES.mainnet];
  if (!chains.includes(CHAIN_HASHES[network]))
    throw new Refusal('wrong-network', `chains ${chains.join(', ')} found, ${network} expected`);
}

/** Reads a DNSSEC proof in hex. @throws Refusal `malformed-dns`, `no-input` */
export async function proofFile(file: string | undefined): Promise<GivenProof> {
  const text = utf8(await readInput(file, MESSAGE_LIMIT)).replace(/\s+/g, '');
  if (!/^(?:[0-9a-fA-F]{2})+$/.test(text)) throw new Refusal('malformed-dns', 'records in hex expected');
  return openProof(hexToBytes(text));
}
