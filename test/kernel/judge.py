"""Bitcoin Core's consensus code as a judge of transactions: one JSON line in, one JSON line out.

  {"tx": hex, "prevouts": [{"sat": n, "script": hex}, ...]}
      Do all inputs satisfy the scripts that they spend, by every consensus rule?      {"valid": bool}
  {"chain": "new"}            begins a regtest chain of its own                          {"height": 0}
  {"mine": n, "to": script}   n blocks whose coinbase pays to the script                 {"height", "coins": [...]}
  {"block": [hex, ...]}       a block at the next height that holds these transactions    {"valid": bool, "height": n}

Anything that cannot be read is answered with {"error": "..."}. What the kernel itself prints goes to stderr.
"""

import hashlib
import json
import os
import struct
import sys
import tempfile

answers = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)

import pbk  # noqa: E402
from pbk.script import PrecomputedTransactionData, ScriptVerificationFlags, ScriptVerifyException  # noqa: E402

BITS = 0x207FFFFF
GENESIS_TIME = 1296688602
HALVING = 150


def sha256d(data):
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()


def compact(n):
    if n < 253:
        return bytes([n])
    return b"\xfd" + struct.pack("<H", n) if n < 65536 else b"\xfe" + struct.pack("<I", n)


def height_push(height):
    """BIP34: the height as the first push of the coinbase."""
    if height <= 16:
        return bytes([0x50 + height])
    data = height.to_bytes((height.bit_length() + 8) // 8, "little")
    return bytes([len(data)]) + data


def merkle_root(hashes):
    while len(hashes) > 1:
        if len(hashes) % 2:
            hashes = hashes + hashes[-1:]
        hashes = [sha256d(a + b) for a, b in zip(hashes[::2], hashes[1::2])]
    return hashes[0]


def coinbase(height, script, commitment):
    """Without and with its witness. Fees are not claimed."""
    outputs = [(5_000_000_000 >> (height // HALVING), script)]
    if commitment is not None:
        outputs.append((0, b"\x6a\x24\xaa\x21\xa9\xed" + commitment))
    script_sig = height_push(height) + b"\x00"
    body = b"\x01" + b"\x00" * 32 + b"\xff" * 4 + compact(len(script_sig)) + script_sig + b"\xff" * 4
    body += compact(len(outputs))
    for amount, output_script in outputs:
        body += struct.pack("<q", amount) + compact(len(output_script)) + output_script
    version, locktime = struct.pack("<i", 2), struct.pack("<I", 0)
    plain = version + body + locktime
    if commitment is None:
        return plain, plain
    return plain, version + b"\x00\x01" + body + b"\x01\x20" + b"\x00" * 32 + locktime


class RegtestChain:
    def __init__(self):
        self.directory = tempfile.TemporaryDirectory(prefix="spillway-kernel-")
        self.verdict = None
        self.callbacks = pbk.ValidationInterfaceCallbacks(block_checked=self.checked)
        self.chainman = pbk.load_chainman(self.directory.name, pbk.ChainType.REGTEST, self.callbacks)

    def checked(self, _, __, state):
        self.verdict = (state.validation_mode.name, state.block_validation_result.name)

    def height(self):
        return self.chainman.get_active_chain().height

    def add(self, transactions, script):
        """A block at the next height. Its coinbase's id, and the kernel's verdict."""
        chain = self.chainman.get_active_chain()
        height = chain.height + 1
        tip = bytes(chain.block_tree_entries[chain.height].block_hash)
        raw = [bytes.fromhex(tx) for tx in transactions]
        parsed = [pbk.Transaction(tx) for tx in raw]
        commitment = None
        if raw:
            root = merkle_root([b"\x00" * 32] + [sha256d(tx) for tx in raw])
            commitment = sha256d(root + b"\x00" * 32)
        plain, full = coinbase(height, script, commitment)
        root = merkle_root([sha256d(plain)] + [bytes(tx.txid) for tx in parsed])
        head = struct.pack("<i", 0x20000000) + tip + root + struct.pack("<II", GENESIS_TIME + 600 * height, BITS)
        nonce = 0
        while int.from_bytes(sha256d(head + struct.pack("<I", nonce)), "little") >> 255:
            nonce += 1
        block = head + struct.pack("<I", nonce) + compact(1 + len(raw)) + full + b"".join(raw)
        self.verdict = None
        try:
            self.chainman.process_block(pbk.Block(block))
        except pbk.ProcessBlockException:
            pass  # refused before its scripts were looked at: not final yet, for one; the verdict says why
        valid = self.height() == height
        return sha256d(plain)[::-1].hex(), valid, "" if valid else (self.verdict or ("", "not a block"))[1]


chains = []


def judge(question):
    if "tx" in question:
        tx = pbk.Transaction(bytes.fromhex(question["tx"]))
        spent = [(p["sat"], pbk.ScriptPubkey(bytes.fromhex(p["script"]))) for p in question["prevouts"]]
        if len(tx.inputs) != len(spent):
            return {"valid": False}
        outputs = [pbk.TransactionOutput(script, sat) for sat, script in spent]
        data = PrecomputedTransactionData(tx, outputs)
        flags = ScriptVerificationFlags.ALL
        try:
            return {"valid": all(script.verify(sat, tx, data, i, flags) for i, (sat, script) in enumerate(spent))}
        except ScriptVerifyException as refused:
            return {"error": str(refused)}
    if "chain" in question:
        chains[:] = [RegtestChain()]
        return {"height": 0}
    chain = chains[0]
    if "mine" in question:
        coins = []
        for _ in range(question["mine"]):
            txid, valid, why = chain.add([], bytes.fromhex(question["to"]))
            if not valid:
                return {"error": "an empty block was refused: " + why}
            height = chain.height()
            coins.append({"txid": txid, "vout": 0, "sat": 5_000_000_000 >> (height // HALVING), "height": height})
        return {"height": chain.height(), "coins": coins}
    _, valid, why = chain.add(question["block"], b"\x51")
    return {"valid": valid, "height": chain.height(), "why": why}


for line in sys.stdin:
    try:
        answer = judge(json.loads(line))
    except Exception as error:  # the line is at fault, not the judge
        answer = {"error": f"{type(error).__name__}: {error}"}
    answers.write(json.dumps(answer) + "\n")
