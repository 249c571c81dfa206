"""Electrum's onion module as a filter, a line of JSON for a line of JSON.
{"peel": hex, "key": hex, "associated_data": hex} or {"build": [{"pubkey", "amt_to_forward", "outgoing_cltv_value",
"short_channel_id"}], "session_key", "associated_data"}; legacy frames only when building."""
import json
import sys

from electrum import lnonion

for line in sys.stdin:
    job = json.loads(line)
    data = bytes.fromhex(job["associated_data"])
    try:
        if "peel" in job:
            packet = lnonion.OnionPacket.from_bytes(bytes.fromhex(job["peel"]))
            done = lnonion.process_onion_packet(packet, data, bytes.fromhex(job["key"]))
            hop = done.hop_data
            out = {
                "legacy": not hop.is_tlv_payload,
                "amt_to_forward": hop.payload["amt_to_forward"]["amt_to_forward"],
                "outgoing_cltv_value": hop.payload["outgoing_cltv_value"]["outgoing_cltv_value"],
                "next": None if done.are_we_final else done.next_packet.to_bytes().hex(),
            }
        else:
            hops = [
                lnonion.OnionHopsDataSingle(
                    is_tlv_payload=False,
                    payload={
                        "amt_to_forward": {"amt_to_forward": h["amt_to_forward"]},
                        "outgoing_cltv_value": {"outgoing_cltv_value": h["outgoing_cltv_value"]},
                        "short_channel_id": {"short_channel_id": bytes.fromhex(h["short_channel_id"])},
                    },
                )
                for h in job["build"]
            ]
            keys = [bytes.fromhex(h["pubkey"]) for h in job["build"]]
            out = {"onion": lnonion.new_onion_packet(keys, bytes.fromhex(job["session_key"]), hops, data).to_bytes().hex()}
    except Exception as error:
        out = {"error": type(error).__name__}
    print(json.dumps(out), flush=True)
