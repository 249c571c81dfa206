import { door } from '../../lib/cli/door.ts';
import { arg, countFlag, hexFlag, switchFlag, textFlag, wholeFlag } from '../../lib/cli/flags.ts';
import { batchFlag, nodeKeyFlags, runStateless, secretsFlag } from '../../lib/cli/stateless.ts';
import { PACKET_LIMITS } from '../../lib/onion/packet.ts';
import { layerDocument, parsePacket, peelPath, refusalDocument } from '../../lib/onion/peel.ts';
import { peelKeys, rawPacket, throwRefused } from './shared.ts';
import { closeSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { Refusal } from '../../lib/protocol/refusal.ts';

export default door({
  summary: 'Peel one layer of an onion packet: the payload for this node, and the packet for the next',
  description: `Reads {onion, associated_data}, what onion-build or onion-peel printed, or a packet in hex or base64. Checks everything that BOLT4 makes a node check: the packet, its HMAC, the payload, its place in the route, blinded data, and with the HTLC's amount and expiry these too.`,
  examples: [
    'Two hops\nspillway onion-build < hops.json | spillway onion-peel --key-file bob.key | spillway onion-peel --key-file carol.key',
    'Why is it refused, and what must the node answer?\nspillway onion-peel --key-file bob.key --failure --explain < onion.json | jq -r .failure',
  ],
  args: { file: arg('The packet (default: stdin)') },
  flags: {
    batch: batchFlag,
    ...nodeKeyFlags,
    all: textFlag('Peel the whole path with the keys in this file: a line each, or a JSON list', 'KEYS', {
      exclusive: ['key-file', 'key-fd'],
    }),
    'associated-data': hexFlag('Outdoes that of the document'),
    'path-key': hexFlag('The path key that came with the packet (blinded paths)'),
    size: countFlag('Bytes of hop payloads (default 1300)', PACKET_LIMITS.size, { helpValue: 'BYTES' }),
    'amount-msat': wholeFlag('Amount of the HTLC that carries the packet', { dependsOn: ['cltv-expiry'] }),
    'cltv-expiry': wholeFlag('Expiry of that HTLC', { dependsOn: ['amount-msat'] }),
    'replay-log': textFlag('Refuse packets whose HMAC is in this file, and add those that are not', 'FILE'),
    'known-type': wholeFlag('Accept this even type of custom record', { multiple: true }),
    legacy: switchFlag('Read historic frames (realm 0)'),
    failure: switchFlag('Where refused, print the failure code and what the node must answer'),
    explain: switchFlag('Where refused, say why in words'),
    secrets: secretsFlag,
  },
  exits: [0, 2, 65, 66, 70, 73, 75, 76, 77],
  run: async (flags, { file }) => {
    const keys = await peelKeys(flags);
    const log = flags.replayLog === undefined ? undefined : new ReplayLog(flags.replayLog);
    const given = {
      size: flags.size,
      associatedData: flags.associatedData,
      pathKey: flags.pathKey,
      amountMsat: flags.amountMsat,
      cltvExpiry: flags.cltvExpiry,
    };
    const options = { legacy: flags.legacy ?? false, known: flags.knownType ?? [] };
    await runStateless({ file, batch: flags.batch, raw: rawPacket }, (document) => {
      const found = peelPath(parsePacket(document, given), keys, options, (hmac) => log?.before(hmac) ?? false);
      if ('refusal' in found) {
        throwRefused(found, flags);
        return refusalDocument(found);
      }
      const layers = found.layers.map((layer) => layerDocument(layer, flags.secrets ?? false));
      const envelope = { type: 'onion-peel', version: 1 };
      if (flags.all === undefined) return { ...envelope, ...layers[0] };
      const { next } = layers.at(-1) as { next: object | null };
      return { ...envelope, layers: layers.map(({ next: _, ...layer }: { next?: unknown }) => layer), next };
    });
    log?.close();
  },
});

/**
 * Log of the HMACs of peeled packets, a line each, so that no packet is peeled twice (BOLT4).
 * Runs may share a log: a line is appended first, and whose line came first is read back then.
 */
class ReplayLog {
  readonly #file: string;
  readonly #fd: number;
  readonly #seen = new Set<string>();
  #read = 0;
  #rest = '';
  #count = 0;

  /** @throws Refusal `cannot-write`, `malformed` */
  constructor(file: string) {
    this.#file = file;
    try {
      this.#fd = openSync(file, 'a+', 0o600);
    } catch (error) {
      throw new Refusal('cannot-write', `${file}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`);
    }
    this.#readOn();
  }

  /**
   * Returns whether a packet with this HMAC was peeled before. If not, it is from now on, also
   * after a crash.
   */
  before(hmac: Uint8Array): boolean {
    const name = Buffer.from(hmac).toString('hex');
    if (this.#seen.has(name)) return true;
    const mark = `${process.pid}-${process.hrtime.bigint().toString(36)}-${this.#count++}`;
    writeSync(this.#fd, `${name} ${mark}\n`);
    fsyncSync(this.#fd);
    return this.#readOn(name) !== mark;
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Reads appended lines, also of other runs. Returns the mark of the first with this name. */
  #readOn(name?: string): string | undefined {
    let first: string | undefined;
    const buffer = Buffer.alloc(65536);
    for (;;) {
      const length = readSync(this.#fd, buffer, 0, buffer.length, this.#read);
      if (length === 0) return first;
      this.#read += length;
      const lines = (this.#rest + buffer.toString('latin1', 0, length)).split('\n');
      this.#rest = lines.pop()!;
      for (const line of lines) {
        const [hmac = '', mark = ''] = line.split(' ');
        if (!/^[0-9a-f]{64}$/.test(hmac))
          throw new Refusal('malformed', `${this.#file}: no log of HMACs`, {
            hint: 'name another file, or an empty one',
          });
        if (hmac === name) first ??= mark;
        this.#seen.add(hmac);
      }
    }
  }
}
