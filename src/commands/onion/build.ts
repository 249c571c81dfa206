import { door } from '../../lib/cli/door.ts';
import { arg, choiceFlag, countFlag, switchFlag } from '../../lib/cli/flags.ts';
import { secretFlags, readKey } from '../../lib/cli/secrets.ts';
import { batchFlag, runStateless } from '../../lib/cli/stateless.ts';
import { buildPacketDocument, parseBuild, type BuildInput, type GivenHop } from '../../lib/onion/build-document.ts';
import { PACKET_LIMITS, checkBudget } from '../../lib/onion/packet.ts';
import { Refusal } from '../../lib/protocol/refusal.ts';
import { bytesToHex } from '../../lib/bitcoin/bytes.ts';

const about = ({ fields, given }: GivenHop): string => {
  if (!fields) return `raw payload, length ${given}`;
  if (fields.encrypted_recipient_data !== undefined) return 'inside a blinded path';
  const what = `${fields.amt_to_forward} msat until ${fields.outgoing_cltv_value}`;
  return fields.short_channel_id === undefined ? `takes ${what}` : `forwards ${what} over ${fields.short_channel_id}`;
};

/** Draws what each hop sees of a packet, byte for byte. @throws Refusal `onion-overflow` */
export function drawLayers({ hops, size }: BuildInput): string {
  const used = checkBudget(
    hops.map(({ payload }) => payload),
    size,
  );
  const lines = [`packet of ${size + 66} bytes: version 1, ephemeral key 33, payloads ${size}, HMAC 32`];
  let at = 0;
  hops.forEach((hop, i) => {
    const end = at + hop.payload.length + 32;
    const bars = '│ '.repeat(i);
    lines.push(
      `${bars}┌ hop ${i} ${bytesToHex(hop.pubkey).slice(0, 12)}…  bytes ${at}–${end}: payload ${hop.payload.length}, HMAC 32${i === hops.length - 1 ? ' (zeros: final)' : ''}`,
      `${bars}│ ${about(hop)}`,
    );
    at = end;
  });
  lines.push(`${'│ '.repeat(hops.length)}${size - used} bytes of filler`);
  for (let i = hops.length - 1; i >= 0; i--) lines.push(`${'│ '.repeat(i)}└ encrypted for hop ${i}`);
  return lines.join('\n');
}

export default door({
  summary: 'Build a Sphinx onion packet from hops with public keys and payloads',
  description: `Reads {session_key?, associated_data, hops: [{pubkey, payload}]} as in the BOLT4 test files and Core Lightning's createonion. A payload is hex, with or without its length in front, or an object: amt_to_forward, outgoing_cltv_value, short_channel_id, payment_data, encrypted_recipient_data, current_path_key, payment_metadata, total_amount_msat, keysend, custom. The session key is random where none is given.`,
  examples: [
    'From a route to the first hop\nspillway onion-route < route.json | spillway onion-build | spillway onion-peel --key-file bob.key',
    'The published test vector\nspillway onion-build < onion-test.json | jq -r .onion',
  ],
  args: { file: arg('The hops (default: stdin)') },
  flags: {
    batch: batchFlag,
    ...secretFlags('session-key', 'The session key'),
    size: countFlag('Bytes of hop payloads (default 1300)', PACKET_LIMITS.size, { helpValue: 'BYTES' }),
    secrets: switchFlag('Also print shared secrets and ephemeral keys'),
    'reveal-session-key': switchFlag('Also print the session key'),
    legacy: switchFlag('Build historic frames of 65 bytes (realm 0)'),
    filler: choiceFlag(
      ['pad', 'zero'],
      'What fills the packet: a stream (BOLT4, the default), or zeros as in older packets',
    ),
    graph: switchFlag('Draw the layers instead', { exclusive: ['batch'] }),
  },
  exits: [0, 2, 65, 66, 70, 77],
  run: async (flags, { file }) => {
    const key = await readKey(flags, 'sessionKey');
    if (key && flags.batch)
      throw new Refusal('usage', 'one session key found for many packets: their shared secrets would be the same');
    const options = {
      ...flags,
      revealSessionKey: flags.revealSessionKey,
      filler: flags.filler ?? ('pad' as const),
    };
    await runStateless({ file, batch: flags.batch }, (document) => {
      const input = parseBuild(document, options);
      if (key && input.sessionKey)
        throw new Refusal('usage', 'a session key found in the document, and another by flag');
      if (flags.graph) return drawLayers(input);
      return buildPacketDocument(input, input.sessionKey ?? key ?? crypto.getRandomValues(new Uint8Array(32)), options);
    });
  },
});
