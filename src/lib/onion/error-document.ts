/**
 * Documents of `onion-error`: build at a hop, wrap on the way back, unwrap at the origin.
 *
 * Not here: the packets (`error.ts`), the messages in them (`failure.ts`).
 */
import { bytesToHex, concatBytes, hexToBytes } from '../bitcoin/bytes.ts';
import { Fields } from '../protocol/document.ts';
import { allows } from '../protocol/limit.ts';
import { Refusal } from '../protocol/refusal.ts';
import { parsePoint, ecdh } from '../signing/curve.ts';
import { writeUint } from '../wire/bigsize.ts';
import { onionDigest } from './answer.ts';
import { buildError, ERROR_LIMITS, unwrapError, unwrapSuccess, wrapError, type ErrorOnion } from './error.ts';
import { failureNamed, FAILURES, isBadOnion, readFailure, writeFailure } from './failure.ts';

/** Returns the secret shared with the origin, as given or from the hop's packet and key. */
function secretOf(from: Fields, key: bigint | undefined, onion: Uint8Array | undefined): Uint8Array | undefined {
  const given = from.bytes('shared_secret', 32);
  if (given) return given;
  if (key === undefined || !onion) return undefined;
  const point = parsePoint(onion.subarray(1, 34));
  if (!point)
    throw new Refusal('onion-point', 'onion: its ephemeral key is no point, so nothing is shared with the origin');
  return ecdh(key, point);
}
const noSecret = (): never => {
  throw new Refusal('malformed-message', 'shared_secret: nothing found, 32 bytes expected', {
    hint: 'onion-peel --secrets prints it; or give the packet as onion and the key by --key-file',
  });
};

/** Reads the failure: a whole message in hex, or a name or code with its data. */
function messageIn(from: Fields, onion: Uint8Array | undefined): Uint8Array {
  const whole = from.bytes('failure_message');
  if (whole) {
    from.skip('failure', 'failure_code', 'data', 'flags', 'meaning');
    return whole;
  }
  const code = from.text('failure_code');
  const byCode = Object.entries(FAILURES).find(([, [known]]) => known === Number.parseInt(code ?? '', 16))?.[0];
  if (code !== undefined && !/^[0-9a-fA-F]{4}$/.test(code)) from.refuse('failure_code', 'four hex digits');
  const name = from.text('failure') ?? byCode;
  if (name === undefined) from.refuse('failure', 'the name of a failure of BOLT4');
  if (code !== undefined && byCode !== name) from.refuse('failure_code', `the code of ${name!.slice(0, 60)}`);
  const [number, parts] = failureNamed(name!);
  const json = from.json('data');
  if (typeof json === 'string') return concatBytes(writeUint(BigInt(number), 2), from.bytes('data')!);
  const named = typeof json === 'object' ? from.object('data')! : new Fields({}, from.path('data'), from.unread);
  const needsDigest = 'sha256_of_onion' in parts;
  if (needsDigest && onion && !named.has('sha256_of_onion'))
    return writeFailure(name!, new Fields({ sha256_of_onion: onionDigest(onion) }));
  return writeFailure(name!, named);
}

const onionDocument = ({ error, attribution }: ErrorOnion): object => ({
  error: bytesToHex(error),
  ...(attribution && { attribution_data: bytesToHex(attribution) }),
});

/**
 * Builds the error onion of the erring hop. Without a shared secret, a failure with BADONION has
 * only the fields of `update_fail_malformed_htlc`.
 * @throws Refusal `malformed-message`, `onion-point`, `error-size`
 */
export function buildErrorDocument(from: Fields, key?: bigint): object {
  const onion = from.bytes('onion');
  const message = messageIn(from, onion);
  const failure = readFailure(message);
  const { least, most } = ERROR_LIMITS.padded;
  const padTo = Number(from.whole('pad_to', BigInt(most)) ?? least);
  if (!allows(ERROR_LIMITS.padded, padTo)) from.refuse('pad_to', `a number from ${least}`);
  const holdTime = from.whole('hold_time', ERROR_LIMITS.holdTime.most);
  const malformed = isBadOnion(Number.parseInt(failure.failure_code, 16));
  const digest = failure.data['sha256_of_onion'];
  const unparsable = onion && !parsePoint(onion.subarray(1, 34));
  const secret = malformed && unparsable ? from.bytes('shared_secret', 32) : secretOf(from, key, onion);
  if (!secret && !malformed) noSecret();
  from.skip('type', 'version', 'associated_data', 'size', 'used', 'payload_lengths');
  from.end();
  return {
    type: 'onion-error',
    version: 1,
    ...(secret && onionDocument(buildError(secret, message, { padTo, holdTime }))),
    failure_code: failure.failure_code,
    failure: failure.failure,
    failure_message: bytesToHex(message),
    ...(malformed && { sha256_of_onion: digest }),
  };
}

function onionIn(from: Fields): ErrorOnion {
  const name = from.has('error') ? 'error' : 'reason';
  return {
    error: from.need(name, from.bytes(name), 'an error onion in hex'),
    attribution: from.bytes('attribution_data'),
  };
}

/** Wraps an error onion on its way back. @throws Refusal `malformed-message`, `error-size` */
export function wrapErrorDocument(from: Fields, key?: bigint): object {
  const onion = onionIn(from);
  const secret = secretOf(from, key, from.bytes('onion')) ?? noSecret();
  const holdTime = from.whole('hold_time', ERROR_LIMITS.holdTime.most);
  from.skip(
    'type',
    'version',
    'failure',
    'failure_code',
    'failure_message',
    'sha256_of_onion',
    'associated_data',
    'size',
  );
  from.end();
  return { type: 'onion-error', version: 1, ...onionDocument(wrapError(secret, onion, holdTime)) };
}

/**
 * Unwraps an error onion at the origin. Without `error` it reads the attribution data of a payment
 * that succeeded.
 * @throws Refusal `malformed-message`, `error-size`; `error-unreadable` if nothing tells who failed
 */
export function unwrapErrorDocument(from: Fields): object {
  const secrets = from.list('shared_secrets', (value, where) => {
    if (typeof value !== 'string' || !/^[0-9a-fA-F]{64}$/.test(value))
      throw new Refusal('malformed-message', `${where}: 32 bytes in hex expected`);
    return hexToBytes(value);
  });
  if (!secrets?.length) from.refuse('shared_secrets', 'a list of 32 bytes in hex each, one for each hop');
  const attribution = from.bytes('attribution_data');
  const failed = from.has('error') || from.has('reason');
  if (!failed && !attribution) from.refuse('error', 'an error onion in hex');
  const onion = failed ? onionIn(from) : undefined;
  from.skip('type', 'version', 'onion', 'associated_data', 'size', 'used', 'payload_lengths', 'ephemeral_keys');
  from.skip(
    'failure',
    'failure_code',
    'failure_message',
    'sha256_of_onion',
    'session_key',
    'amount_msat',
    'cltv_expiry',
  );
  from.end();
  const found = onion
    ? unwrapError(secrets!, onion)
    : { hop: undefined, message: undefined, ...unwrapSuccess(secrets!, attribution!) };
  if (onion && found.hop === undefined && found.blamed === undefined)
    throw new Refusal('error-unreadable', `none of ${secrets!.length} hops has made this error onion`, {
      hint: 'it was altered on the way, or belongs to another route; attribution_data would say by whom',
    });
  return {
    type: 'onion-error',
    version: 1,
    hop: found.hop ?? null,
    ...(found.message && { ...readFailure(found.message), failure_message: bytesToHex(found.message) }),
    ...(attribution && {
      hold_times: found.holdTimes,
      blame:
        found.blamed === undefined
          ? null
          : { hop: found.blamed, or_before: found.blamed > 0 ? found.blamed - 1 : null },
    }),
  };
}
