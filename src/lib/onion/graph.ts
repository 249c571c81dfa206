/** A packet's layers as a drawing: what each hop sees of it, and where its bytes go. */
import { bytesToHex } from '../bitcoin/bytes.ts';
import type { BuildInput, GivenHop } from './build-document.ts';
import { checkBudget } from './packet.ts';

const about = ({ fields, given }: GivenHop): string => {
  if (!fields) return `raw payload, length ${given}`;
  if (fields.encrypted_recipient_data !== undefined) return 'inside a blinded path';
  const what = `${fields.amt_to_forward} msat until ${fields.outgoing_cltv_value}`;
  return fields.short_channel_id === undefined ? `takes ${what}` : `forwards ${what} over ${fields.short_channel_id}`;
};

/** Lines of text. @throws Refusal `onion-overflow` */
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
