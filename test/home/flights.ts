/** Between a store and its PostgreSQL server: counts round trips, and spoils what is sent. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** So long is an answer on its way: longer than a client takes to send what it has. */
const FLIGHT_MS = 50;

export class Flights {
  /** Times that a client sent something on having an answer. */
  count = 0;
  /** Changes what the client sends, in place. */
  spoil: (bytes: Buffer) => void = () => {};
  readonly #server: Server;
  readonly #sockets: Socket[] = [];

  private constructor(port: number) {
    this.#server = createServer((client) => {
      const postgres = connect(port, '127.0.0.1');
      this.#sockets.push(client, postgres);
      let held: Buffer[] = [];
      let answered = true;
      client.on('data', (bytes) => {
        if (answered) this.count += 1;
        answered = false;
        this.spoil(bytes as Buffer);
        postgres.write(bytes);
      });
      postgres.on('data', (bytes) => {
        if (held.push(bytes as Buffer) > 1) return;
        setTimeout(() => {
          answered = true;
          client.write(Buffer.concat(held));
          held = [];
        }, FLIGHT_MS);
      });
      for (const [one, other] of [
        [client, postgres],
        [postgres, client],
      ] as const)
        one.on('error', () => {}).on('close', () => other.destroy());
    });
  }

  /** @returns it and the URL of the way through it */
  static async over(url: string): Promise<{ flights: Flights; through: string }> {
    const through = new URL(url);
    const flights = new Flights(Number(through.port));
    await new Promise<void>((done) => flights.#server.listen(0, '127.0.0.1', done));
    through.port = String((flights.#server.address() as AddressInfo).port);
    return { flights, through: through.href };
  }

  /** Round trips that the work takes. */
  async of(work: () => Promise<unknown>): Promise<number> {
    const before = this.count;
    await work();
    return this.count - before;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
