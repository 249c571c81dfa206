/**
 * Files of a home: private (0600 in 0700), on a disk of this machine. A crash leaves the old one or
 * the new one.
 *
 * Windows has no mode bits to read: nothing is refused there for being readable. Not here: what is
 * in the files.
 */
import {
  closeSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { Refusal } from '../protocol/refusal.ts';

const POSIX = process.platform !== 'win32';

/** statfs types of file systems on which SQLite's locks and shared memory do not hold. */
const NETWORK_DISKS: ReadonlyMap<number, string> = new Map([
  [0x6969, 'nfs'],
  [0x517b, 'smb'],
  [0xff534d42, 'cifs'],
  [0xfe534d42, 'smb2'],
  [0x01021997, '9p'],
  [0x5346414f, 'afs'],
  [0x00c36400, 'ceph'],
  [0x0bd00bd0, 'lustre'],
]);
const FUSE = 0x65735546;
/** Types of network mounts among those of FUSE, which also carries local disks. */
const NETWORK_FUSE = /^fuse\.(sshfs|rclone|s3fs|goofys|davfs|davfs2|glusterfs|gcsfuse|ceph|cephfs|curlftpfs)$/;

/** Checks a secret's mode. @throws Refusal `secret-exposed` where group or world has any access */
export function refuseExposed(path: string, mode = statSync(path).mode): void {
  if (!POSIX || (mode & 0o077) === 0) return;
  throw new Refusal(
    'secret-exposed',
    `${path} has mode ${(mode & 0o777).toString(8)}, access for its owner only expected`,
    {
      hint: `chmod go= ${JSON.stringify(path)}`,
    },
  );
}

/**
 * Refuses a folder where others may replace this program's files. Reading them is allowed.
 * @throws Refusal `secret-exposed`
 */
export function refuseWritable(dir: string): void {
  const { mode } = statSync(dir);
  if (!POSIX || (mode & 0o022) === 0) return;
  throw new Refusal(
    'secret-exposed',
    `${dir} has mode ${(mode & 0o777).toString(8)}, a folder that only its owner may write to expected`,
    { hint: `chmod go-w ${JSON.stringify(dir)}` },
  );
}

/**
 * Checks that a directory is on a disk of this machine (Linux only).
 * @param typeOf returns the statfs type of a path
 * @throws Refusal `network-disk`
 */
export function refuseNetworkDisk(dir: string, typeOf: (dir: string) => number = (at) => statfsSync(at).type): void {
  if (process.platform !== 'linux') return;
  const type = typeOf(dir) >>> 0;
  const name = type === FUSE ? fuseMount(dir) : NETWORK_DISKS.get(type);
  if (name === undefined) return;
  throw new Refusal('network-disk', `${dir} is on a network file system (${name}), a disk of this machine expected`, {
    hint: 'locks do not hold there, and two machines could sign with one nonce; put the home on a local disk',
  });
}

/** Returns the type of the deepest mount over `dir` if it is a network FUSE. */
function fuseMount(dir: string): string | undefined {
  const at = resolve(dir);
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => ({ point: line.split(' ')[4] ?? '', type: line.split(' - ')[1]?.split(' ')[0] ?? '' }))
    .filter(({ point }) => point === '/' || at === point || at.startsWith(`${point}/`))
    .sort((a, b) => b.point.length - a.point.length);
  const type = mounts[0]?.type ?? '';
  return NETWORK_FUSE.test(type) ? type : undefined;
}

/** Writes and syncs a new file; on a full disk, none. `syncDirectory` syncs its directory. */
export function writePrivate(path: string, content: string | Uint8Array, mode = 0o600): void {
  const file = openSync(path, 'wx', mode);
  try {
    writeFileSync(file, content);
    fsyncSync(file);
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
}

/** Resolves symlinks, even of a missing path: by each name a home has the same sibling folders. */
export function realPath(path: string): string {
  const whole = resolve(path);
  try {
    return realpathSync(whole);
  } catch (error) {
    const parent = dirname(whole);
    if (!isMissing(error) || parent === whole) return whole;
    return join(realPath(parent), basename(whole));
  }
}

/** Replaces or creates a file atomically: even after a crash, readers see old or new content. */
export function replacePrivate(path: string, content: string | Uint8Array, mode = 0o600): void {
  // An import of it would cost each start of a command 12 ms.
  const { randomBytes } = process.getBuiltinModule('node:crypto');
  const made = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    writePrivate(made, content, mode);
    renameSync(made, path);
  } catch (error) {
    rmSync(made, { force: true });
    throw error;
  }
}

/**
 * Reads a whole file that others may have replaced, but no pipe, socket or device: they never end.
 * @throws as `readFileSync` does
 */
export function readPlain(path: string, encoding: 'utf8' | 'latin1'): string {
  if (!statSync(path).isFile()) throw new Error(`${path} is no file`);
  return readFileSync(path, encoding);
}

/** Overwrites, syncs and removes a file, if there is one. The medium may keep old blocks. */
export function destroyFile(path: string): void {
  unlessMissing(() => {
    const file = openSync(path, 'r+');
    try {
      writeSync(file, new Uint8Array(fstatSync(file).size), 0, undefined, 0);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    rmSync(path);
  });
}

/** Syncs a file to the disk, so that its bytes outlast a power cut. */
export function syncFile(path: string): void {
  const file = openSync(path, 'r+');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Syncs a directory, so that the names in it outlast a power cut. */
export function syncDirectory(dir: string): void {
  if (!POSIX) return;
  const handle = openSync(dir, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** Syncs the directory that holds `path`. */
export const syncParent = (path: string): void => syncDirectory(dirname(resolve(path)));

export const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT';

/** Runs `work`; undefined if its file is missing: another process may have sealed or removed it. */
export function unlessMissing<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
