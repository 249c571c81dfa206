/** Clients that have paid nothing and want the server's time, memory, disk, coins or calls; each a loop until it is told to end. */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { openCredit } from '../../src/lib/credit/open.ts';
import { rollover, signUpdate } from '../../src/lib/ecash/credit.ts';
import { ownCoin } from '../support/credit.ts';
import { TestParty, type Message } from '../support/party.ts';
import type { Replied, Server } from '../support/server.ts';

export interface Crowd {
  /** How the server answered them: a status, or `closed`. */
  answers: Map<string, number>;
}
/** The server that there is now: it may have been killed and started again. */
export type Now = () => Server;
type Loop = (server: Now, crowd: Crowd, isOver: () => boolean) => Promise<void>;

const count = (crowd: Crowd, answer: string | number): void =>
  void crowd.answers.set(String(answer), (crowd.answers.get(String(answer)) ?? 0) + 1);

async function post(server: Now, crowd: Crowd, body: string): Promise<Replied | undefined> {
  const reply = await server()
    .post(body)
    .catch(() => undefined);
  count(crowd, reply?.status ?? 'closed');
  // What is refused for a while is asked for again at once, but for a moment in which the customers of this process live.
  if (!reply || reply.status >= 400) await sleep(20);
  return reply;
}

/** Opens a contract over coins that are not there; undefined where the server lets nobody in. */
async function openUnfunded(stranger: TestParty, server: Now, crowd: Crowd): Promise<Message | undefined> {
  const asked = await stranger.run(openCredit, { input: { as: 'payer' } });
  const offered = await post(server, crowd, asked.text);
  if (offered?.message['step'] !== 'offered') return undefined;
  const input = { utxo: [await ownCoin(stranger, 1_100_000n)], amount: 1_000_000n, expires: { blocks: 4_320 } };
  const proposed = await stranger.run(openCredit, { on: offered.text, input });
  const accepted = await post(server, crowd, proposed.text);
  if (accepted?.message['step'] !== 'accepted') return undefined;
  return (await stranger.run(openCredit, { on: accepted.text })).message;
}

async function withStranger(work: (stranger: TestParty) => Promise<void>): Promise<void> {
  const stranger = await TestParty.make();
  try {
    await work(stranger);
  } finally {
    stranger.close();
  }
}

/** Contracts that nobody funds, as many as it can get. */
const offers: Loop = (server, crowd, isOver) =>
  withStranger(async (stranger) => {
    while (!isOver()) await openUnfunded(stranger, server, crowd);
  });

/** One unfunded contract, and every question over it that a customer may ask, again and again. */
const questions: Loop = (server, crowd, isOver) =>
  withStranger(async (stranger) => {
    let contract: string | undefined;
    while (!isOver()) {
      contract ??= (await openUnfunded(stranger, server, crowd))?.['contract'].id as string | undefined;
      if (contract === undefined) continue;
      for (const [table, input] of [
        [signUpdate, { contract, amount: 1_000n }],
        [rollover, { contract }],
      ] as const) {
        const asked = await stranger.run(table, { input }).catch(() => undefined);
        if (asked) await post(server, crowd, asked.text);
      }
    }
  });

/** Bytes that are no message, and messages that are nearly one. */
const rubbish: Loop = (server, crowd, isOver) =>
  withStranger(async (stranger) => {
    const true_ = (await stranger.run(openCredit, { input: { as: 'payer' } })).text;
    while (!isOver()) {
      await post(server, crowd, randomBytes(1_000).toString('latin1'));
      await post(server, crowd, '['.repeat(60_000));
      await post(server, crowd, true_.slice(0, -7));
      await post(server, crowd, true_.replace('open-credit', 'open-credits'));
    }
  });

/** A connection that is opened again as soon as it is closed. */
async function hold(server: Now, crowd: Crowd, isOver: () => boolean, talk: (socket: Socket) => void): Promise<void> {
  while (!isOver()) {
    const socket = connect(Number(new URL(server().url).port), '127.0.0.1');
    const closed = new Promise<void>((done) => socket.on('close', () => done()).on('error', () => done()));
    talk(socket);
    while (!isOver() && !socket.destroyed) await Promise.race([closed, sleep(100)]);
    socket.destroy();
    count(crowd, 'closed');
    await sleep(20);
  }
}
const several =
  (times: number, loop: Loop): Loop =>
  async (...args) =>
    void (await Promise.all(Array.from({ length: times }, () => loop(...args))));

/** Connections on which nobody says anything. */
const silent: Loop = several(40, (server, crowd, isOver) => hold(server, crowd, isOver, () => {}));
/** Heads and bodies of which only a part comes. */
const halves: Loop = several(10, (server, crowd, isOver) =>
  hold(server, crowd, isOver, (socket) => {
    const head = 'POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n';
    socket.write(Math.random() < 0.5 ? head : `${head}content-length: 900000\r\n\r\n{"type":"${'x'.repeat(500_000)}`);
  }),
);
/** Requests in one piece, without waiting for an answer. */
const pipelined: Loop = (server, crowd, isOver) =>
  hold(server, crowd, isOver, (socket) => {
    socket.on('data', () => {});
    socket.write('GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(5_000));
  });

/** Whoever comes to a scene: each stranger plays its loops at once. */
export const SCENES = {
  offers: [offers],
  questions: [questions],
  rubbish: [rubbish],
  silent: [silent],
  halves: [halves],
  pipelined: [pipelined],
  all: [offers, questions, rubbish, silent, halves, pipelined],
} satisfies Record<string, readonly Loop[]>;
export type Scene = keyof typeof SCENES;

/** Strangers play a scene until they are told to end. */
export function comeIn(server: Now, scene: Scene, strangers: number): { end(): Promise<Crowd> } {
  const crowd: Crowd = { answers: new Map() };
  let over = false;
  const loops = Array.from({ length: strangers }, (_, n) => SCENES[scene][n % SCENES[scene].length]!);
  const ended = Promise.all(loops.map((loop) => loop(server, crowd, () => over)));
  return {
    async end() {
      over = true;
      await ended;
      return crowd;
    },
  };
}
