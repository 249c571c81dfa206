/**
 * The code of libsecp256k1 as WebAssembly, from @bitauth/libauth. Alone in its file: in the program it lies beside the
 * bundle, to be read by runs that compute with points (`rolldown.config.ts`).
 */
import { secp256k1Base64Bytes } from '@bitauth/libauth/build/lib/bin/secp256k1/secp256k1.base64.js';

export const wasmCode = (): Uint8Array => Buffer.from(secp256k1Base64Bytes, 'base64');
