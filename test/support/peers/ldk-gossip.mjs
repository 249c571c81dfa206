/**
 * Gossip judged by LDK (lightningdevkit, WASM), a line of JSON for a line of JSON; a process of its own, because what LDK
 * leaves behind keeps a process alive. {announcements, updates, nodes} in hex in, {ok: […]} out; {snapshots} in hex in, the
 * channels that LDK knows then out.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const require = createRequire(import.meta.url);
const dir = require.resolve('lightningdevkit/package.json').replace(/package\.json$/, '');
const raw = await import(`${dir}bindings.mjs`);
await raw.initializeWasmFromUint8Array(readFileSync(`${dir}liblightningjs.wasm`));
const ldk = await import(`${dir}index.mjs`);

const bytes = (text) => Uint8Array.from(Buffer.from(text, 'hex'));
const hex = (data) => Buffer.from(data).toString('hex');
const logger = ldk.Logger.new_impl({ log() {} });
const none = ldk.Option_UtxoLookupZ.constructor_none();

/** Reads with LDK, checks the signatures, and adds to the graph. */
function judged({ announcements, updates, nodes }) {
  const graph = ldk.NetworkGraph.constructor_new(ldk.Network.LDKNetwork_Bitcoin, logger);
  const take = (list, Kind, add) =>
    list.map((text) => {
      const read = Kind.constructor_read(bytes(text).subarray(2));
      return Boolean(read.is_ok() && hex(read.res.write()) === text.slice(4) && add(read.res).is_ok());
    });
  return {
    announcements: take(announcements, ldk.ChannelAnnouncement, (m) => graph.update_channel_from_announcement(m, none)),
    updates: take(updates, ldk.ChannelUpdate, (m) => graph.update_channel(m)),
    nodes: take(nodes, ldk.NodeAnnouncement, (m) => graph.update_node_from_announcement(m)),
  };
}

/** A direction as text; null where it is not known. */
function direction(info) {
  const told = info && info.get_last_update() > 0;
  if (!told) return null;
  const fees = info.get_fees();
  return [
    info.get_last_update(),
    Boolean(info.get_enabled()),
    info.get_cltv_expiry_delta(),
    info.get_htlc_minimum_msat(),
    info.get_htlc_maximum_msat(),
    fees.get_base_msat(),
    fees.get_proportional_millionths(),
  ].join();
}

function synced(snapshots) {
  const graph = ldk.NetworkGraph.constructor_new(ldk.Network.LDKNetwork_Bitcoin, logger);
  const sync = ldk.RapidGossipSync.constructor_new(graph, logger);
  const ok = snapshots.map((text) =>
    sync.update_network_graph_no_std(bytes(text), ldk.Option_u64Z.constructor_none()).is_ok(),
  );
  const known = graph.read_only();
  const channels = known.list_channels().map((scid) => {
    const channel = known.channel(scid);
    return [
      String(scid),
      hex(channel.get_node_one().write()),
      hex(channel.get_node_two().write()),
      direction(channel.get_one_to_two()),
      direction(channel.get_two_to_one()),
    ];
  });
  return { ok, channels };
}

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  console.log(JSON.stringify(asked.snapshots ? synced(asked.snapshots) : judged(asked)));
}
process.exit(0);
