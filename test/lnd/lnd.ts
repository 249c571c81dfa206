/**
 * Nodes of lnd on a regtest bitcoind, with root keys that the test chooses, spoken to over REST.
 *
 * A node ends with the process that started it, and its directory goes with that of the bitcoind. LND names the program.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HDKey } from '@scure/bip32';
import { SWEEPER, type TestNode } from '../node/node.ts';
import { freePort } from '../support/port.ts';

/** Finds the lnd on PATH, or the one that LND names; undefined where there is none. @throws where LND names none */
export function findLnd(): { path: string; version: string } | undefined {
  const named = process.env['LND'];
  const path = named || 'lnd';
  try {
    const said = execFileSync(path, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return { path, version: /version (\S+)/.exec(said)?.[1] ?? said.trim() };
  } catch (error) {
    if (named) throw error;
    return undefined;
  }
}

const TESTNET = { private: 0x04358394, public: 0x043587cf };
const PASSWORD = 'spillway';
const hash = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Waits until `ask` gives something other than undefined and false. @throws where it does not within a minute */
export async function until<T>(what: string, ask: () => Promise<T | undefined | false>, seconds = 60): Promise<T> {
  const end = Date.now() + seconds * 1000;
  let last: unknown;
  while (Date.now() < end) {
    try {
      const found = await ask();
      if (found !== undefined && found !== false) return found;
    } catch (error) {
      last = error;
    }
    await sleep(100);
  }
  throw new Error(`${what}: not within ${seconds} s${last ? ` (${String(last)})` : ''}`);
}

/** Names of commitment types as lnd has them. `staging`: the scripts of taproot before they were final. */
export const COMMITMENT_TYPES = {
  anchors: 'ANCHORS',
  taproot: 'TAPROOT',
  static: 'STATIC_REMOTE_KEY',
  legacy: 'LEGACY',
  staging: 'SIMPLE_TAPROOT',
} as const;
export type LndFormat = keyof typeof COMMITMENT_TYPES;

export class Lnd {
  /** BIP32 text, as lnd takes it. */
  readonly rootKey: string;
  readonly name: string;
  id = '';
  readonly #node: TestNode;
  readonly #dir: string;
  readonly #flags: readonly string[];
  #rest = 0;
  #listen = 0;
  #shell: ChildProcess | undefined;

  private constructor(node: TestNode, name: string, flags: readonly string[]) {
    this.#node = node;
    this.name = name;
    this.#dir = join(node.dir, `lnd-${name}`);
    this.#flags = flags;
    this.rootKey = HDKey.fromMasterSeed(hash(`lnd ${name}`), TESTNET).privateExtendedKey;
  }

  /** Starts a node of this name, with a root key that follows from it and a coin of this amount. */
  static async start(node: TestNode, name: string, sat: bigint, flags: readonly string[] = []): Promise<Lnd> {
    const lnd = new Lnd(node, name, flags);
    await lnd.create({});
    if (sat > 0n) {
      await node.fund((await lnd.call('GET', '/v1/newaddress?type=TAPROOT_PUBKEY')).address, sat);
      await until(
        `${name} has coins`,
        async () => (await lnd.call('GET', '/v1/balance/blockchain')).confirmed_balance !== '0',
      );
    }
    return lnd;
  }

  /** Starts it with nothing on disk but its root key, and with the backup of all channels where one is given. */
  async create(backups: { multi_chan_backup?: object }): Promise<void> {
    mkdirSync(this.#dir);
    writeFileSync(join(this.#dir, 'password'), PASSWORD);
    this.id = '';
    await this.up();
    await until(`${this.name} opens its wallet`, () =>
      this.call('POST', '/v1/initwallet', {
        wallet_password: Buffer.from(PASSWORD).toString('base64'),
        extended_master_key: this.rootKey,
        extended_master_key_birthday_timestamp: '1',
        channel_backups: backups,
      }),
    );
    await this.#ready();
  }
  /** Starts it anew from its root key and a backup of all channels, as lnd restores a node. */
  restore(backup: Buffer): Promise<void> {
    return this.create({ multi_chan_backup: { multi_chan_backup: backup.toString('base64') } });
  }

  /** Starts the process again; with a wallet it is unlocked. `alone`: it neither listens nor connects to a peer. */
  async up(alone = false): Promise<void> {
    const { host, user, password } = this.#node.login();
    [this.#rest, this.#listen] = [await freePort(), await freePort()];
    const argv = [
      `--lnddir=${this.#dir}`,
      '--bitcoin.regtest',
      '--bitcoin.node=bitcoind',
      `--bitcoind.rpchost=${host}`,
      `--bitcoind.rpcuser=${user}`,
      `--bitcoind.rpcpass=${password}`,
      '--bitcoind.rpcpolling',
      '--bitcoind.blockpollinginterval=200ms',
      '--bitcoind.txpollinginterval=200ms',
      `--restlisten=127.0.0.1:${this.#rest}`,
      `--rpclisten=127.0.0.1:${await freePort()}`,
      ...(alone ? ['--nolisten'] : [`--listen=127.0.0.1:${this.#listen}`]),
      '--no-macaroons',
      '--no-rest-tls',
      '--nobootstrap',
      '--protocol.simple-taproot-chans',
      `--wallet-unlock-password-file=${join(this.#dir, 'password')}`,
      '--wallet-unlock-allow-create',
      '--maxpendingchannels=5',
      ...this.#flags,
    ];
    const path = findLnd()!.path;
    this.#shell = spawn('bash', ['-c', SWEEPER, join(this.#dir, 'nothing'), path, ...argv], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    await until(`${this.name} answers`, async () => (await this.call('GET', '/v1/state')).state);
    if (this.id !== '') await this.#ready();
  }
  async #ready(): Promise<void> {
    const info = await until(`${this.name} is ready`, async () => {
      const found = await this.call('GET', '/v1/getinfo');
      return found.synced_to_chain && found;
    });
    this.id = info.identity_pubkey;
  }
  /** Ends the process, in order. */
  async down(): Promise<void> {
    if (!this.#shell || this.#shell.exitCode !== null) return;
    const ended = new Promise((done) => this.#shell!.once('exit', done));
    this.#shell.stdin!.end();
    await ended;
  }
  /** Ends the process and deletes all it had. */
  async lose(): Promise<void> {
    await this.down();
    rmSync(this.#dir, { recursive: true });
  }
  /** Copies what it has on disk, of a process that has ended; gives what puts it back. */
  copied(): () => void {
    const copy = `${this.#dir}-copy`;
    cpSync(this.#dir, copy, { recursive: true });
    return () => {
      rmSync(this.#dir, { recursive: true });
      cpSync(copy, this.#dir, { recursive: true });
    };
  }
  /** The file `channel.backup`. */
  backupFile(): Buffer {
    return readFileSync(join(this.#dir, 'data/chain/bitcoin/regtest/channel.backup'));
  }

  /** @throws Error with lnd's words */
  async call(method: string, path: string, body?: object): Promise<any> {
    const answer = await fetch(`http://127.0.0.1:${this.#rest}${path}`, {
      method,
      ...(body && { body: JSON.stringify(body) }),
    });
    const said: any = await answer.json();
    if (!answer.ok) throw new Error(`${this.name} ${path}: ${said.message ?? JSON.stringify(said)}`);
    return said;
  }

  async connect(peer: Lnd): Promise<void> {
    const isConnected = async (): Promise<boolean> =>
      (await this.call('GET', '/v1/peers')).peers.some((p: any) => p.pub_key === peer.id);
    await until(`${this.name} reaches ${peer.name}`, async () => {
      if (await isConnected()) return true;
      await this.call('POST', '/v1/peers', {
        addr: { pubkey: peer.id, host: `127.0.0.1:${peer.#listen}` },
        timeout: '5',
      });
      return isConnected();
    });
  }

  /** Opens a private channel of a million satoshis to a peer, half of which is the peer's. */
  async open(peer: Lnd, format: LndFormat): Promise<string> {
    await this.connect(peer);
    const { funding_txid_bytes, output_index } = await until('the channel is opened', () =>
      this.call('POST', '/v1/channels', {
        node_pubkey: Buffer.from(peer.id, 'hex').toString('base64'),
        local_funding_amount: '1000000',
        push_sat: '500000',
        private: true,
        sat_per_vbyte: '10',
        commitment_type: COMMITMENT_TYPES[format],
      }),
    );
    const txid = Buffer.from(funding_txid_bytes, 'base64').reverse().toString('hex');
    const outpoint = `${txid}:${output_index}`;
    await this.#node.mine(6);
    for (const side of [this, peer])
      await until(`${side.name} has the channel`, async () => (await side.channel(outpoint))?.active);
    return outpoint;
  }
  /** What `listchannels` says of it. */
  async channel(outpoint: string): Promise<any> {
    const { channels } = await this.call('GET', '/v1/channels');
    return channels.find((c: any) => c.channel_point === outpoint);
  }

  /** Asks for an amount that it takes only once it is settled; the preimage follows from the label. */
  async hold(
    label: string,
    sat: number,
    cltv = 80,
  ): Promise<{ request: string; preimage: Buffer; paymentHash: Buffer }> {
    const preimage = hash(label);
    const paymentHash = createHash('sha256').update(preimage).digest();
    const { payment_request: request } = await this.call('POST', '/v2/invoices/hodl', {
      hash: paymentHash.toString('base64'),
      value: String(sat),
      cltv_expiry: String(cltv),
      private: true,
    });
    return { request, preimage, paymentHash };
  }
  /** Settles it, once its HTLC has come. */
  async settle(preimage: Buffer): Promise<void> {
    await until('the invoice is settled', () =>
      this.call('POST', '/v2/invoices/settle', { preimage: preimage.toString('base64') }),
    );
  }
  /** Starts a payment over one of its channels, and waits until the channel holds its HTLC. */
  async pay(request: string, outpoint: string): Promise<void> {
    const { chan_id } = await this.channel(outpoint);
    const { payment_hash } = await this.call('GET', `/v1/payreq/${request}`);
    const wanted = Buffer.from(payment_hash, 'hex').toString('base64');
    const body = {
      payment_request: request,
      timeout_seconds: 60,
      fee_limit_sat: '1000',
      outgoing_chan_ids: [chan_id],
      no_inflight_updates: true,
    };
    // A channel that has just become active is in the channel list before routes use it: the payment is tried again.
    let failed = true;
    await until('the HTLC is in the channel', async () => {
      if (failed) {
        failed = false;
        const retry = (): void => void (failed = true);
        this.call('POST', '/v2/router/send', body).then(({ result }) => result.status === 'FAILED' && retry(), retry);
      }
      const { pending_htlcs } = await this.channel(outpoint);
      return pending_htlcs.some((h: any) => h.hash_lock === wanted && h.locked_in);
    });
  }

  /** Makes it close a channel, without its peer where that is forced; gives the id of the commitment or close. */
  async close(outpoint: string, force: boolean): Promise<string> {
    const [txid, vout] = outpoint.split(':');
    const fee = force ? '' : '&sat_per_vbyte=5';
    const answer = await fetch(`http://127.0.0.1:${this.#rest}/v1/channels/${txid}/${vout}?force=${force}${fee}`, {
      method: 'DELETE',
    });
    for await (const bytes of answer.body!) {
      const said = JSON.parse(Buffer.from(bytes).toString().split('\n')[0]!);
      if (said.error) throw new Error(`${this.name} closes: ${said.error.message}`);
      const pending = said.result.close_pending;
      if (!pending) continue;
      return Buffer.from(pending.txid, 'base64').reverse().toString('hex');
    }
    throw new Error(`${this.name} did not close ${outpoint}`);
  }
  /** Packed backup of one channel, or of all. */
  async exported(outpoint?: string): Promise<Buffer> {
    if (outpoint === undefined) {
      const { multi_chan_backup } = await this.call('GET', '/v1/channels/backup');
      return Buffer.from(multi_chan_backup.multi_chan_backup, 'base64');
    }
    const [txid, vout] = outpoint.split(':');
    const { chan_backup } = await this.call('GET', `/v1/channels/backup/${txid}/${vout}`);
    return Buffer.from(chan_backup, 'base64');
  }
}
