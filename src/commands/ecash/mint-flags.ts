/**
 * Flags of the commands around a mint: named mints, texts that may also be files, the program of
 * --notify, the backend of `serve --cdk`.
 */
import { repeated, textFlag } from '../../lib/cli/flags.ts';
import { stopAt, type AskRemote } from '../../lib/cli/contract.ts';
import { readInput } from '../../lib/cli/input.ts';
import { utf8 } from '../../lib/engine/sniff.ts';
import type { Endpoint } from '../../lib/serve/http.ts';
import type { ServeOptions } from '../../lib/serve/serve.ts';

/** Flags of commands that ask the mint of a contract. */
export const askFlags = {
  'private-mint': textFlag(
    'A mint that may be asked although its address is private or local; may be given often',
    'URL',
    {
      env: 'SPILLWAY_PRIVATE_MINT',
      ...repeated,
      helpGroup: 'MINT',
      parse: async (text: string) => (await import('../../lib/cashu/quotes.ts')).mintUrlOf(text),
    },
  ),
};

/** Values of `askFlags`, and of --mint, which names a mint too. */
interface AskValues {
  /** Private mints; the variable gives one, not a list. */
  privateMint?: string[] | string | undefined;
  mint?: string | undefined;
}

/**
 * Returns the test whether the user of this command named the mint, by --private-mint or --mint.
 * @throws Refusal `usage` where --mint is none
 */
export async function namedMints(flags: AskValues): Promise<(mint: string) => boolean> {
  const { mintUrlOf } = await import('../../lib/cashu/quotes.ts');
  const named = new Set([flags.privateMint ?? [], flags.mint === undefined ? [] : mintUrlOf(flags.mint)].flat());
  return (mint) => named.has(mint);
}

/** Returns what asks the mint of a contract for a quote's figures. */
export const remoteOf =
  (flags: AskValues): AskRemote =>
  async ({ at, id }) => {
    const [{ mintQuote }, isNamed] = await Promise.all([import('../../lib/cashu/quotes.ts'), namedMints(flags)]);
    return mintQuote({ url: at, named: isNamed(at) }, id);
  };

/** Returns the reporter of payments to --notify, also of earlier runs; undefined without it. */
export const notifyingOf = ({ notify }: { notify?: string | undefined }): ServeOptions['after'] =>
  notify === undefined ? undefined : async (home) => (await import('../../lib/cdk/notify.ts')).notifyPaid(home, notify);

export const mintFlag = (summary: string) => textFlag(summary, 'URL', 'MINT');

/** Returns a line given as itself (JSON) or as a file that holds it. @throws Refusal `no-input` */
export const lineOrFile = async (text: string): Promise<string> =>
  (text.trimStart().startsWith('{') ? text : utf8(await readInput(text, 20_000))).trim();

/** Returns the quote of a payment request. @throws Refusal `malformed-request`, `no-input` */
export async function quoteIn(text: string): Promise<string> {
  const { parseRequest } = await import('../../lib/ecash/request.ts');
  return parseRequest(await lineOrFile(text)).quote;
}

/** Values of the flags of `serve` around a running mint. */
interface BackendValues {
  cdk?: Endpoint | undefined;
  mint?: string | undefined;
  cdkTlsDir?: string | undefined;
  cdkClient?: string | undefined;
  cdkInsecure?: boolean;
}
/** Returns what starts the payment backend of `serve --cdk`; undefined without the flag. */
export const backendFrom = ({ cdk: address, mint, ...tls }: BackendValues): ServeOptions['further'] =>
  address &&
  (async (home, source) => {
    const { cdkListener } = await import('../../lib/cdk/backend.ts');
    const { cdkTlsDir: tlsDir, cdkClient: client, cdkInsecure: insecure = false } = tls;
    return cdkListener({ home, source, address, mint: mint!, tlsDir, client, insecure, point: stopAt });
  });
