/**
 * The home that a command works on: where it is, and open for as long as the command needs it.
 * Not here: what a home is (`home/home.ts`).
 */
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Network } from '../bitcoin/network.ts';
import { allKinds } from '../families.ts';
import type { Home } from '../home/home.ts';
import { Refusal } from '../protocol/refusal.ts';
import { note } from '../engine/log.ts';
import type { homeFlags, Values } from './flags.ts';
import { readPassphrase } from './secrets.ts';

/** The values of `homeFlags`. */
export type HomeValues = Partial<Values<typeof homeFlags>>;

/** Returns the default data directory. @throws Refusal `no-home` for a user without one */
function defaultHome(platform: NodeJS.Platform = process.platform, env: NodeJS.ProcessEnv = process.env): string {
  if (platform === 'darwin') return join(userDir(), 'Library', 'Application Support', 'spillway');
  if (platform === 'win32') return join(env['LOCALAPPDATA'] || join(userDir(), 'AppData', 'Local'), 'spillway');
  return join(env['XDG_DATA_HOME'] || join(userDir(), '.local', 'share'), 'spillway');
}

function userDir(): string {
  try {
    return homedir();
  } catch {
    throw new Refusal('no-home', 'this user has no entry in the system and no HOME, so there is no default place', {
      hint: 'give --home DIR, or set SPILLWAY_HOME',
    });
  }
}

const homeDir = (flags: HomeValues): string => flags.home ?? defaultHome();

/** Returns the options of `initHome` and `openHome` by the flags. */
export async function homeOptions(
  flags: HomeValues,
): Promise<{ dir: string; refundsDir?: string; journalDir?: string; store?: string; insecureSeed?: Uint8Array }> {
  const { refunds, journalDir: journal, store, insecureSeed: seed } = flags;
  return {
    dir: homeDir(flags),
    ...(refunds !== undefined && { refundsDir: refunds }),
    ...(journal !== undefined && { journalDir: journal }),
    ...(store !== undefined && { store }),
    ...(seed !== undefined && { insecureSeed: (await import('../home/random.ts')).parseInsecureSeed(seed) }),
  };
}

/**
 * Opens the home for `use` and always closes it. `point`: labelled points where tests interrupt a
 * run. `passphrase`: its source, if other than the flags.
 */
export async function withHome<T>(
  flags: HomeValues,
  use: (home: Home) => Promise<T>,
  point?: (label: string) => void,
  passphrase = (): Promise<string> => readPassphrase(flags),
): Promise<T> {
  const { openHome } = await import('../home/home.ts');
  const home = await openHome({ ...(await homeOptions(flags)), passphrase, kinds: allKinds, point, tell: note });
  try {
    return await use(home);
  } finally {
    home.close();
  }
}

/** Runs with the home that the flags name, or with none. @throws Refusal `wrong-network` */
export const withOwnHome = <T>(
  flags: HomeValues,
  network: Network | undefined,
  use: (home: Home | undefined) => Promise<T>,
): Promise<T> =>
  flags.home === undefined
    ? use(undefined)
    : withHome(flags, (home) => {
        if ((network ?? home.network) !== home.network)
          throw new Refusal('wrong-network', `a home of ${home.network} found, one of ${network} expected`);
        return use(home);
      });
