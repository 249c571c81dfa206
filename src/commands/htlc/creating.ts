/** Run of `htlc create`: an HTLC by flags and files, with a fresh preimage where none is given. */
import { choiceFlag, switchFlag, textFlag, chainFlags, homeFlags, type Values } from '../../lib/cli/flags.ts';
import { NETWORKS, type Network } from '../../lib/bitcoin/network.ts';
import { createHtlc, KEY_ORDERS, type PartyKey } from '../../lib/htlc/create.ts';
import { checkAhead, parseLock, type Lock } from '../../lib/htlc/lock.ts';
import { isBolt3, SCRIPT_TYPES, typesOf, VARIANTS } from '../../lib/htlc/scripts.ts';
import { hashFrom, hashOf, type Hash } from '../../lib/htlc/terms.ts';
import { documentOf } from '../../lib/htlc/view.ts';
import { Fields, pointIn } from '../../lib/protocol/document.ts';
import { parseJson } from '../../lib/protocol/json.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { bytesToHex } from '../../lib/signing/curve.ts';
import type { Home } from '../../lib/home/home.ts';
import { withHome } from '../../lib/cli/home.ts';
import { createInHome, type Created, type Parts } from './home.ts';
import { factsFor } from '../../lib/cli/chain.ts';
import { readInput } from '../../lib/cli/input.ts';
import { createFile, print } from '../../lib/cli/output.ts';
import { note } from '../../lib/engine/log.ts';
import { utf8 } from '../../lib/engine/sniff.ts';

const [SCRIPT, KEYS] = ['SCRIPT', 'KEYS'];
const keyFlag = (summary: string) => textFlag(summary, 'PUBKEY|FILE', KEYS);

export const createFlags = {
  network: choiceFlag(NETWORKS, 'For the address; with --home that of the home'),
  'claim-key': keyFlag('Who can claim with the preimage: a public key (33 bytes, hex), or the output of htlc key'),
  'refund-key': keyFlag('Who can take it back'),
  'revocation-key': keyFlag('BOLT3: who can take it from a revoked commitment'),
  hash: textFlag('Payment hash (SHA256, 32 bytes) or HASH160 (20 bytes); without it a preimage is drawn', 'HEX', KEYS),
  'secret-out': textFlag('Write the fresh preimage to this new file, for nobody else to read', 'FILE', {
    exclusive: ['hash'],
    helpGroup: KEYS,
  }),
  expires: textFlag(
    'When the refund becomes valid: a height, blocks from now, a date or Unix time, or counted from the funding',
    'HEIGHT|+BLOCKS|DATE|TIME|relative:BLOCKS|relative:SECONDSs',
    { required: true, helpGroup: SCRIPT },
  ),
  type: choiceFlag(SCRIPT_TYPES, 'Type of the output (default p2tr, or p2wsh where the variant has no leaves)', SCRIPT),
  variant: choiceFlag(VARIANTS, 'Form of the script', { default: 'standard', helpGroup: SCRIPT }),
  anchors: switchFlag('BOLT3: of a channel with anchors', SCRIPT),
  'internal-key': choiceFlag(
    ['nums', 'musig'],
    "p2tr: nobody's key (default), or both keys together, for a cooperative spend",
    SCRIPT,
  ),
  'same-hash': switchFlag('The hash is, or may be, in another HTLC of the home, and that is meant', {
    dependsOn: ['hash'],
    helpGroup: KEYS,
  }),
  'key-order': choiceFlag(KEY_ORDERS, 'Order of the two keys in the internal key (default sorted)', SCRIPT),
  ...homeFlags,
  ...chainFlags,
  'accept-anyone-can-claim': switchFlag(
    'Variant book: make a script that whoever sees the preimage can take',
    'SCRIPT',
  ),
};

type CreateValues = Values<typeof createFlags>;

/** Reads a payment hash or HASH160, known by its length. @throws Refusal `usage` */
export function hashFlag(text: string): Hash {
  if (!/^(?:[0-9a-f]{64}|[0-9a-f]{40})$/i.test(text))
    throw new Refusal('usage', `--hash of ${text.length} characters found, 32 or 20 bytes in hex expected`);
  return hashFrom(text.toLowerCase());
}

/**
 * Reads a public key, or the output of `htlc key` in a file.
 * @throws Refusal `usage`, `wrong-key`, `no-input`, `wrong-network`
 */
async function keyFrom(name: string, text: string, network: Network): Promise<PartyKey> {
  if (/^0[23][0-9a-f]{64}$/.test(text)) return { pubkey: text, auth: null };
  if (/^[0-9a-fA-F]{64,}$/.test(text))
    throw new Refusal(
      'usage',
      `--${name}: ${text.length / 2} bytes found, a compressed public key (33 bytes in lowercase hex) expected`,
    );
  const from = new Fields(parseJson(utf8(await readInput(text))), text);
  const of = from.text('network');
  if (of !== undefined && of !== network)
    throw new Refusal('wrong-network', `${text} is a key for ${of}, one for ${network} expected`);
  const auth = from.bytes('auth', 32);
  return { pubkey: bytesToHex(pointIn(from, 'pubkey')), auth: auth ? bytesToHex(auth) : null };
}

/** Created HTLC; without a home `reused` is not known. */
type Made = Omit<Created, 'reused'> & { reused: Created['reused'] | undefined };

export async function runCreate(flags: CreateValues): Promise<void> {
  checkFlags(flags);
  const make = async (network: Network, from: (parts: Parts, secretOut: string | undefined) => Promise<Made>) => {
    const { facts, checks } = await factsFor(flags, network);
    const lock = parseLock(flags.expires, facts.tip);
    const expiry = checkAhead(lock, facts.tip, facts.now);
    await show(await from(await partsOf(flags, network, lock), flags.secretOut), { tip: checks['tip']!, expiry });
  };
  if (flags.home === undefined) {
    if (flags.network === undefined)
      throw new Refusal('usage', 'no network', {
        hint: `give --network, one of ${NETWORKS.join(', ')}, or --home DIR`,
      });
    return make(flags.network, withoutHome);
  }
  return withHome(flags, (home) => {
    if (flags.network !== undefined && flags.network !== home.network)
      throw new Refusal('wrong-network', `--network ${flags.network} found, the home is for ${home.network}`);
    return make(home.network, (parts, secretOut) => fromHome(home, parts, secretOut, flags.sameHash ?? false));
  });
}

/** Refuses flags that contradict each other. @throws Refusal `usage` */
function checkFlags(flags: CreateValues): void {
  const { variant, type = typesOf(variant)[0], internalKey: internal, keyOrder: order } = flags;
  const refuse = (text: string): never => {
    throw new Refusal('usage', text);
  };
  if (internal && type !== 'p2tr') refuse(`--internal-key found, and an output of type ${type}, which has none`);
  if (order && internal !== 'musig') refuse('--key-order found without --internal-key musig');
  if (isBolt3(variant) !== (flags.revocationKey !== undefined))
    refuse(`variant ${variant} ${isBolt3(variant) ? 'needs' : 'takes no'} --revocation-key`);
  if (variant === 'book' && flags.claimKey !== undefined)
    refuse('variant book takes no --claim-key: whoever has the preimage can claim');
}

async function partsOf(flags: CreateValues, network: Network, lock: Lock): Promise<Parts> {
  const key = async (name: 'claim' | 'refund' | 'revocation') => {
    const text = flags[`${name}Key`];
    return text === undefined ? undefined : keyFrom(`${name}-key`, text, network);
  };
  return {
    network,
    variant: flags.variant,
    type: flags.type,
    lock,
    revocation: (await key('revocation'))?.pubkey,
    anchors: flags.anchors ?? false,
    cooperative: flags.internalKey === 'musig',
    order: flags.keyOrder ?? 'sorted',
    acceptAnyone: flags.acceptAnyoneCanClaim ?? false,
    claim: flags.variant === 'book' ? null : await key('claim'),
    refund: await key('refund'),
    hash: flags.hash === undefined ? undefined : hashFlag(flags.hash),
  };
}

async function withoutHome(parts: Parts, secretOut: string | undefined): Promise<Made> {
  const { claim, refund, hash } = parts;
  if (claim === undefined || !refund)
    throw new Refusal('usage', `no ${claim === undefined ? 'claim' : 'refund'} key`, {
      hint: 'give --claim-key and --refund-key, or --home DIR for the own one',
    });
  if (hash) return { htlc: createHtlc({ ...parts, claim, refund, hash }), reused: undefined };
  if (secretOut === undefined)
    throw new Refusal('usage', 'no hash', {
      hint: 'give --hash HEX, --secret-out FILE for a fresh preimage, or --home DIR',
    });
  const preimage = freshPreimage();
  const htlc = createHtlc({ ...parts, claim, refund, hash: hashOf(preimage) });
  await writePreimage(secretOut, preimage);
  return { htlc, reused: false };
}

async function fromHome(home: Home, parts: Parts, secretOut: string | undefined, sameHash: boolean): Promise<Made> {
  if (parts.claim === undefined && !parts.refund)
    throw new Refusal('usage', 'no key of the counterparty', { hint: 'give --claim-key or --refund-key' });
  if (secretOut === undefined) return createInHome(home, parts, sameHash);
  const preimage = freshPreimage();
  // Nobody can have met the hash of a preimage that was drawn just now.
  const { htlc } = await createInHome(home, { ...parts, hash: hashOf(preimage) }, true);
  await writePreimage(secretOut, preimage);
  return { htlc, reused: false };
}

const freshPreimage = (): Uint8Array => crypto.getRandomValues(new Uint8Array(32));
const writePreimage = (file: string, preimage: Uint8Array): Promise<void> =>
  createFile(file, `${bytesToHex(preimage)}\n`);

const HASH_WORDS = { true: 'reused', false: 'fresh', unknown: 'not-known' } as const;

async function show({ htlc, reused }: Made, checks: Record<string, string>): Promise<void> {
  if (htlc.variant === 'book') note('whoever sees the preimage can take this coin, also from a claim in the mempool');
  if (htlc.variant === 'boltz-submarine')
    note('this script takes a preimage of any length; spillway claims with 32 bytes only');
  if (reused === true) note('this hash was in another HTLC before: whoever claims that one can claim this one');
  if (reused === 'unknown')
    note(
      'this home was restored: this hash may have been in another HTLC, and whoever claims that one can claim this one',
    );
  const hash = reused === undefined ? 'not-checked' : HASH_WORDS[`${reused}`];
  await print({ ...documentOf(htlc), checks: { ...checks, hash } });
}
