"""Reads proofs, a line of hex each, with the reference library: what it writes again, and who attests to which message.
With `make N` it makes N proofs of its own, with branches and attestations in any order."""
import io
import json
import random
import sys

from opentimestamps.core.notary import BitcoinBlockHeaderAttestation, PendingAttestation, UnknownAttestation
from opentimestamps.core.op import OpAppend, OpHexlify, OpKECCAK256, OpPrepend, OpReverse, OpRIPEMD160, OpSHA1, OpSHA256
from opentimestamps.core.serialize import BytesSerializationContext, StreamDeserializationContext
from opentimestamps.core.timestamp import DetachedTimestampFile, Timestamp


def written(proof):
    context = BytesSerializationContext()
    proof.serialize(context)
    return context.getbytes().hex()


def attestation(draw):
    kind = draw.randrange(3)
    if kind == 0:
        return BitcoinBlockHeaderAttestation(draw.choice([0, 127, 128, 300, 912095, 2**40]))
    if kind == 1:
        return PendingAttestation("https://" + "abc"[draw.randrange(3)] * draw.randrange(1, 200))
    return UnknownAttestation(bytes([draw.randrange(4)] * 8), bytes(draw.randrange(256) for _ in range(draw.randrange(9))))


def grow(stamp, draw, depth):
    for _ in range(draw.randrange(3) if depth else 2):
        stamp.attestations.add(attestation(draw))
    count = draw.randrange(3) if 0 < depth < 6 else (3 if depth == 0 else 0)
    for _ in range(count):
        argument = bytes(draw.randrange(256) for _ in range(draw.randrange(1, 5)))
        op = draw.choice([OpAppend(argument), OpPrepend(argument), OpReverse(), OpHexlify(), OpSHA1(), OpSHA256(), OpRIPEMD160(), OpKECCAK256()])
        grow(stamp.ops.add(op), draw, depth + 1)
    if not stamp.attestations and not stamp.ops:
        stamp.attestations.add(attestation(draw))


if len(sys.argv) > 1:
    draw = random.Random(1)
    for _ in range(int(sys.argv[2])):
        stamp = Timestamp(bytes(draw.randrange(256) for _ in range(32)))
        grow(stamp, draw, 0)
        print(written(DetachedTimestampFile(OpSHA256(), stamp)))
else:
    for line in sys.stdin:
        try:
            read = DetachedTimestampFile.deserialize(StreamDeserializationContext(io.BytesIO(bytes.fromhex(line))))
        except Exception as error:
            print(json.dumps({"refused": type(error).__name__}))
            continue
        found = [[a.height, m.hex()] for m, a in read.timestamp.all_attestations() if isinstance(a, BitcoinBlockHeaderAttestation)]
        print(json.dumps({"written": written(read), "bitcoin": sorted(found)}))
