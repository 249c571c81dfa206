/** Line on stderr that shows what a long run does: only on a terminal, after half a second. */
import { visible } from '../engine/log.ts';

export interface Progress {
  /** Replaces the line. */
  say(text: string): void;
  /** Takes the line away. Must be called, also after a failure. */
  stop(): void;
}

const CLEAR = '\r\u001b[2K';

export function progress(text: string, stream: NodeJS.WriteStream = process.stderr, afterMs = 500): Progress {
  if (!stream.isTTY || process.env['CI'] || process.env['TERM'] === 'dumb') return { say() {}, stop() {} };
  let shown = false;
  const draw = (): void => {
    shown = true;
    stream.write(CLEAR + visible(text, stream.columns - 1));
  };
  const timer = setTimeout(draw, afterMs);
  timer.unref(); // a run that is done does not wait for its progress
  return {
    say(next) {
      text = next;
      if (shown) draw();
    },
    stop() {
      clearTimeout(timer);
      if (shown) stream.write(CLEAR);
    },
  };
}
