import type { Client } from 'pg';
import { type Clock, systemClock } from '../platform/clock.js';
import { type Finding, fault, ok, warning } from './finding.js';

const oldest = 150_000;
/** Tokens are believed so much past their time, so more than that locks people out. */
const clockToleranceMs = 5000;
const clockDoubtMs = 1000;
/** Beside requests: checkpoints and settling, keys, jobs, and whoever looks at the database by hand. */
const connectionsBeside = 10;

interface ServerRow {
  readonly version: string;
  readonly number: number;
  readonly encoding: string;
  readonly connections: number;
  readonly recovering: boolean;
}

const serverQuery = `
  SELECT current_setting('server_version') AS version, current_setting('server_version_num')::integer AS number,
    current_setting('server_encoding') AS encoding, current_setting('max_connections')::integer AS connections,
    pg_is_in_recovery() AS recovering`;

/** Is it a PostgreSQL that Parley can live on? */
export async function checkServer(client: Client, poolSize: number): Promise<Finding[]> {
  const startedMs = performance.now();
  const { rows } = await client.query<ServerRow>(serverQuery);
  const tookMs = Math.round(performance.now() - startedMs);
  const [server] = rows;
  if (!server) return [fault('database', 'It gives no version.', 'See that DATABASE_URL names a PostgreSQL.')];
  const findings = [ok('database', `PostgreSQL ${server.version} answers in ${tookMs} ms.`)];
  if (server.number < oldest) {
    findings.push(fault('database', `PostgreSQL ${server.version} is too old.`, 'Use PostgreSQL 15 or newer.'));
  }
  if (server.encoding !== 'UTF8') {
    findings.push(fault('database', `Its encoding is ${server.encoding}.`, 'Make it with ENCODING UTF8.'));
  }
  if (server.recovering) {
    findings.push(fault('database', 'It is a replica and takes no writes.', 'Let DATABASE_URL name the primary.'));
  }
  if (poolSize + connectionsBeside > server.connections) {
    const says = `An instance may open ${poolSize} connections for requests alone, and PostgreSQL gives ${server.connections} in all.`;
    findings.push(warning('database', says, 'Lower DATABASE_POOL_SIZE, or raise max_connections.'));
  }
  return findings;
}

/** How far this machine's clock is from the database's: tokens are judged by the one, leases by the other. */
export async function checkClock(client: Client, clock: Clock = systemClock): Promise<Finding> {
  const [beforeMs, startedMs] = [clock.now(), clock.monotonic()];
  const { rows } = await client.query<{ ms: string }>('SELECT extract(epoch FROM clock_timestamp()) * 1000 AS ms');
  const onWayMs = (clock.monotonic() - startedMs) / 2;
  const aheadMs = Math.round(beforeMs + onWayMs - Number(rows[0]?.ms));
  const apart = `This machine's clock is ${Math.abs(aheadMs)} ms ${aheadMs < 0 ? 'behind' : 'ahead of'} the database's.`;
  const remedy = 'Let both follow a time server (chrony, systemd-timesyncd).';
  if (Math.abs(aheadMs) > clockToleranceMs)
    return fault('clock', `${apart} Tokens are refused or live too long.`, remedy);
  return Math.abs(aheadMs) > clockDoubtMs ? warning('clock', apart, remedy) : ok('clock', apart);
}
