/** The store in PostgreSQL: the suite of every store, and what only a server can do to it. */
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Connection } from '../../src/lib/home/connection.ts';
import { initHome, openHome, type Home } from '../../src/lib/home/home.ts';
import { homeKeys } from '../../src/lib/home/keys.ts';
import { createPostgres, openPostgres } from '../../src/lib/home/postgres.ts';
import { MIGRATIONS } from '../../src/lib/home/schema.ts';
import { seedOf } from '../../src/lib/home/seed.ts';
import { SqliteStore } from '../../src/lib/home/sqlite.ts';
import { havePostgres, startPostgres, type Cluster } from '../support/postgres.ts';
import { commitOf, hex, nonceOf, tempDir, thing, things, write } from './fixture.ts';
import { storeSuite } from './store-suite.ts';

const WORDS = 'abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about';
const keys = homeKeys(seedOf(WORDS), 'regtest');
const ID = 'ab'.repeat(16);
const A = 'id:aa';

describe.runIf(havePostgres)('PostgreSQL', () => {
  let cluster: Cluster;
  beforeAll(async () => void (cluster = await startPostgres()), 60_000);
  afterAll(() => cluster.end());

  const options = { secrets: async () => keys };
  const made = async (url: string) => {
    await createPostgres(url, ID);
    return (await openPostgres(url, ID, options)).store;
  };
  storeSuite('its store', async () => made(await cluster.database()));
});
