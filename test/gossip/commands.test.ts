/** The gossip commands: dumps in, lines and graphs out, exit codes, and the pipeline down to a packet. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import GossipDecode from '../../src/commands/gossip/decode.ts';
import GossipGraph from '../../src/commands/gossip/graph.ts';
import GossipPath from '../../src/commands/gossip/path.ts';
import GossipVerify from '../../src/commands/gossip/verify.ts';
import OnionRoute from '../../src/commands/onion/route.ts';
import { bytesToHex } from '../../src/lib/bitcoin/bytes.ts';
import { command, refusedCommand } from '../support/command.ts';
import {
  announcement,
  capacities,
  gossmap,
  makeNetwork,
  messages,
  scriptOf,
  storeOf,
  update,
} from '../support/gossip.ts';

const dir = mkdtempSync(join(tmpdir(), 'gossip-'));
const file = (name: string, data: string | Uint8Array): string => {
  writeFileSync(join(dir, name), data);
  return join(dir, name);
};
const network = makeNetwork(8, 16, 11);
const [channel] = network.channels;
const store = file('gossip_store', storeOf(messages(network), capacities(network)));
const hex = (...all: Uint8Array[]): string => all.map((message) => `${bytesToHex(message)}\n`).join('');
const parsed = (stdout: string): any[] =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('gossip decode', () => {
  it('prints a line a message, also of what is zipped', async () => {
    const plain = await command(GossipDecode, [store]);
    expect(parsed(plain.stdout)).toHaveLength(16 * 4 + 8);
    const zipped = await command(GossipDecode, [
      file('store.gz', gzipSync(storeOf(messages(network), capacities(network)))),
    ]);
    expect(zipped.stdout).toBe(plain.stdout);
  });
  it('refuses what holds no messages, and what is nothing known', async () => {
    await refusedCommand(GossipDecode, [file('map.gz', gzipSync(gossmap(network)))], 'malformed-dump');
    await refusedCommand(GossipDecode, [file('what', 'what is this?')], 'malformed-dump');
    await refusedCommand(GossipDecode, [file('broken.gz', gzipSync('0100').subarray(0, 12))], 'malformed-dump');
    await refusedCommand(GossipDecode, ['--dump', 'messages', file('odd', '0100zz')], 'malformed-gossip');
  });
});

describe('gossip verify', () => {
  it('ends with 0 where all is valid', async () => {
    const ended = await command(GossipVerify, [store]);
    expect(ended.exit).toBe(0);
    expect(
      parsed(ended.stdout)
        .filter(({ kind }) => !kind.startsWith('store_'))
        .every(({ valid }) => valid),
    ).toBe(true);
  });
  it('ends with 76 where a signature is wrong, and prints every line', async () => {
    const forged = update(network, channel!, 0);
    forged[107]! ^= 1;
    const ended = await command(GossipVerify, [
      file('forged', hex(announcement(network, channel!), forged, update(network, channel!, 1))),
    ]);
    expect(ended.exit).toBe(76);
    expect(parsed(ended.stdout).map(({ valid }) => valid)).toEqual([true, false, true]);
  });
  it('ends with 3 where an announcement is missing, unless a graph has it', async () => {
    const alone = file('alone', hex(update(network, channel!, 0)));
    expect((await command(GossipVerify, [alone])).exit).toBe(3);
    expect((await command(GossipVerify, ['--graph', store, alone])).exit).toBe(0);
  });
  it('compares the outputs of a file', async () => {
    const script = scriptOf(announcement(network, channel!));
    const outputs = (text: string): string =>
      file('outputs.json', JSON.stringify({ [channel!.scid]: { script: text, amount_sat: 5 } }));
    const line = file('line', hex(announcement(network, channel!)));
    expect((await command(GossipVerify, ['--outputs', outputs(script), line])).exit).toBe(0);
    const other = await command(GossipVerify, ['--outputs', outputs('0014'.padEnd(44, '0')), line]);
    expect(other.exit).toBe(76);
    expect(other.stdout).toContain('output-differs');
  });
});

describe('from a dump to a packet', () => {
  it('graph, path and route fit together', async () => {
    const graph = await command(GossipGraph, [store]);
    const { nodes, channels } = JSON.parse(graph.stdout);
    expect([nodes.length, channels.length]).toEqual([8, 16]);
    const again = await command(GossipGraph, [file('graph.json', graph.stdout)]);
    expect(again.stdout).toBe(graph.stdout);
    const ends = ['--payer', nodes[0].node_id, '--payee', nodes[5].node_id, '--amount-msat', '2000000'];
    const path = await command(GossipPath, [...ends, '--height', '800000', join(dir, 'graph.json')]);
    expect(JSON.parse(path.stdout).found).toBe(true);
    const route = await command(OnionRoute, [file('path.json', path.stdout)]);
    expect(JSON.parse(route.stdout).htlcs.at(-1)).toEqual({ amount_msat: 2_000_000, cltv_expiry: 800_018 });
  });
  it('a gossmap gives routes over numbers', async () => {
    const map = file('numbers.gz', gzipSync(gossmap(network)));
    const path = await command(GossipPath, ['--payer', '0', '--payee', '5', '--amount-msat', '2000000', map]);
    const document = JSON.parse(path.stdout);
    expect(document.found).toBe(true);
    expect(document.hops.at(-1).pubkey).toBe(5);
  });
  it('a limit on input holds after gzip too', async () => {
    await refusedCommand(
      GossipGraph,
      ['--max-input', '1000', file('large.gz', gzipSync(storeOf(messages(network), capacities(network))))],
      'too-large',
    );
    await refusedCommand(GossipGraph, ['--max-input', '1000', store], 'too-large');
  });
  it('an incremental snapshot without its base is told', async () => {
    const { snapshots } = (await import('../support/vectors.ts')).fixture('gossip/rapid-sync.json');
    const changes = snapshots.find((each: any) => each.name.startsWith('single_direction')).hex;
    const ended = await command(GossipGraph, [file('changes.rgs', Buffer.from(changes, 'hex'))]);
    expect(ended.stderr).toContain('--base');
  });
});
