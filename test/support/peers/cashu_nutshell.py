"""nutshell's code as a filter, a line of JSON for a line of JSON.
{"decode": token, "keys": {amount: pubkey}}: what it reads, and whether each proof's DLEQ holds for these keys;
{"keyset": {"keys", "unit", "input_fee_ppk"?, "final_expiry"?}}: ids of version 00 and 01;
{"make": [[amount, secret], ...], "seed": hex, "unit", "mint", "memo"?, "format": "V3"|"V4"}: a token by a mint of its own."""
import hashlib
import json
import sys

from cashu.core.base import DLEQWallet, Proof, TokenV3, TokenV3Token, TokenV4
from cashu.core.crypto import b_dhke
from cashu.core.crypto.keys import derive_keyset_id, derive_keyset_id_v2, derive_keyset_short_id
from cashu.core.crypto.secp import PrivateKey, PublicKey


def scalar(*parts):
    return PrivateKey(hashlib.sha256("/".join(map(str, parts)).encode()).digest())


def point(text):
    return PublicKey(bytes.fromhex(text))


def holds(proof, keys):
    if proof.dleq is None:
        return None
    e, s, r = (PrivateKey(bytes.fromhex(x)) for x in (proof.dleq.e, proof.dleq.s, proof.dleq.r))
    return b_dhke.carol_verify_dleq(proof.secret, r, point(proof.C), e, s, point(keys[str(proof.amount)]))


def decode(job):
    text = job["decode"]
    token = (TokenV4 if text.startswith("cashuB") else TokenV3).deserialize(text)
    proofs = token.proofs
    return {
        "mint": token.mint,
        "unit": token.unit,
        "memo": token.memo,
        "amount": token.amount,
        "proofs": [
            {"id": p.id, "amount": p.amount, "secret": p.secret, "C": p.C, "witness": p.witness, "dleq": holds(p, job["keys"])}
            for p in proofs
        ],
    }


def keyset(job):
    given = job["keyset"]
    keys = {int(a): point(k) for a, k in given["keys"].items()}
    v2 = derive_keyset_id_v2(keys, given["unit"], given.get("final_expiry"), given.get("input_fee_ppk", 0))
    return {"v1": derive_keyset_id(keys), "v2": v2, "short": derive_keyset_short_id(v2)}


def make(job):
    secret_keys = {2**i: scalar(job["seed"], i) for i in range(16)}
    keys = {amount: key.public_key for amount, key in secret_keys.items()}
    full = derive_keyset_id_v2(keys, job["unit"])
    proofs = []
    for amount, secret in job["make"]:
        B_, r = b_dhke.step1_alice(secret, scalar(job["seed"], secret))
        C_, e, s = b_dhke.step2_bob(B_, secret_keys[amount])
        C = b_dhke.step3_alice(C_, r, keys[amount])
        dleq = DLEQWallet(e=e.to_hex(), s=s.to_hex(), r=r.to_hex())
        proofs.append(Proof(id=full, amount=amount, secret=secret, C=C.format().hex(), dleq=dleq))
    token = TokenV3(token=[TokenV3Token(mint=job["mint"], proofs=proofs)], _memo=job.get("memo"), _unit=job["unit"])
    if job["format"] == "V4":
        short = derive_keyset_short_id(full)
        for proof in proofs:
            proof.id = short
        token = TokenV4.from_tokenv3(token)
    return {
        "token": token.serialize(include_dleq=True),
        "keyset": {"id": full, "unit": job["unit"], "keys": {str(a): k.format().hex() for a, k in keys.items()}},
    }


for line in sys.stdin:
    job = json.loads(line)
    try:
        out = decode(job) if "decode" in job else keyset(job) if "keyset" in job else make(job)
    except Exception as error:
        out = {"error": type(error).__name__, "text": str(error)[:200]}
    print(json.dumps(out), flush=True)
