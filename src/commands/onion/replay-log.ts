/**
 * The log of HMACs of packets that were peeled, a line each, so that no packet is peeled twice (BOLT4, Onion Decryption).
 * Runs may share a log: a line is appended first, and whose line came first is read back then.
 */
import { closeSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { Refusal } from '../../lib/protocol/refusal.ts';

export class ReplayLog {
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

  /** Takes in what was appended, also by others. The mark of the first line with this name. */
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
