/** Proofs that tests make step by step. */
import {
  addAttestation,
  addBranch,
  bitcoinAttestation,
  emptyTimestamp,
  type Attestation,
  type OtsOp,
  type OtsFile,
} from '../../src/lib/notary/ots.ts';

/** A proof of 32 zero bytes by these operations and an attestation. */
export function proofWith(steps: readonly OtsOp[], attestation: Attestation = bitcoinAttestation(7n)): OtsFile {
  const end = emptyTimestamp();
  addAttestation(end, attestation);
  const timestamp = steps.reduceRight((next, step) => {
    const made = emptyTimestamp();
    addBranch(made, step, next);
    return made;
  }, end);
  return { hash: 'sha256', digest: new Uint8Array(32), timestamp };
}
