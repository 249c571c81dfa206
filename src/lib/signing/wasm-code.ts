/**
 * Code of libsecp256k1 as WebAssembly, from @bitauth/libauth. A file of its own, because the bundle
 * loads it only for runs that compute with points (`rolldown.config.ts`).
 */
import { secp256k1Base64Bytes } from '@bitauth/libauth/build/lib/bin/secp256k1/secp256k1.base64.js';

export const wasmCode = (): Uint8Array => Buffer.from(secp256k1Base64Bytes, 'base64');
