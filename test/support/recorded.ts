/** What the runs of the program within a runbook print: every document of it, with the command line that printed it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { freshDir } from '../cli/run.ts';
import { warm } from './host.ts';

export interface Recorded {
  argv: string[];
  /** One document: a line of JSON, a token, an address, a PSBT. */
  document: string;
}

/** Prints words for people, or text for other programs, which is no document. */
const isText = ([command = '', ...flags]: readonly string[]): boolean =>
  ['completion', 'errors', 'help', 'inspect', 'serve'].includes(command) ||
  ['notarize show', 'notarize merge'].includes(`${command} ${flags[0]}`) ||
  flags.some((flag) => /^--(?:help|version|graph|emit-missing|format|due|explain|trace)/.test(flag));

export class Recording {
  readonly #dir = freshDir();
  readonly env = {
    RECORD_STDOUT_IN: this.#dir,
    NODE_OPTIONS: `--import=${join(import.meta.dirname, 'recorder.mjs')}`,
  };
  /** Documents in no order. */
  documents(): Recorded[] {
    return readdirSync(this.#dir).flatMap((file) => {
      const { argv, stdout } = JSON.parse(readFileSync(join(this.#dir, file), 'utf8')) as {
        argv: string[];
        stdout: string;
      };
      if (isText(argv)) return [];
      const lines = stdout.split('\n').filter((line) => line !== '');
      return lines.map((document) => ({ argv, document }));
    });
  }
}

/** Recorded documents that `inspect` does not read, or in which it finds a check failed, and why: none. */
export async function refusedByInspect(recording: Recording): Promise<string[]> {
  const found = await Promise.all(
    recording.documents().map(async ({ argv, document }) => {
      const ran = await warm(['inspect'], { stdin: document });
      return ran.code === 0 && ran.stdout !== '' ? [] : [`${argv.join(' ')}\n${document}\n${ran.stderr}`];
    }),
  );
  return found.flat();
}
