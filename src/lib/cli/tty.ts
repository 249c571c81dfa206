/**
 * Terminal of the person who runs this, also if stdin and stdout are pipes. A run that nobody
 * watches has none: a service, a container, or any run with CI set.
 */
import { openSync } from 'node:fs';
import { ReadStream, WriteStream } from 'node:tty';

export interface Terminal extends Disposable {
  input: ReadStream;
  output: WriteStream;
}

export function openTerminal(): Terminal | undefined {
  if (process.env['CI']) return undefined;
  try {
    const [from, to] = process.platform === 'win32' ? ['\\\\.\\CONIN$', '\\\\.\\CONOUT$'] : ['/dev/tty', '/dev/tty'];
    const input = new ReadStream(openSync(from, 'r+'));
    const output = new WriteStream(openSync(to, 'r+'));
    return {
      input,
      output,
      [Symbol.dispose]() {
        input.destroy(); // or the process would wait for more keys
        output.destroy();
      },
    };
  } catch {
    return undefined;
  }
}
