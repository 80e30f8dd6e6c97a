import { join } from 'node:path';
import type { ServerProcess } from './server-process.js';

/** Connections that an instance which nobody asks for anything keeps open by its own work: upkeep, jobs and housekeeping. */
export const ownConnections = 6;

/** For `ServerProcess.start({ preload })`. */
export const tellHealth = join(import.meta.dirname, 'tell-health.mjs');

export interface ServerHealth {
  /** In bytes, after the garbage was collected. */
  readonly heapUsed: number;
  /** How many of each kind keep the process busy, as `process.getActiveResourcesInfo` names them. */
  readonly resources: Readonly<Record<string, number>>;
  /** The longest time that the event loop was held up since the last question. */
  readonly loopHeldMs: number;
}

/** Of a server that was started with {@link tellHealth}. */
export const healthOf = (server: ServerProcess): Promise<ServerHealth> => server.ask<ServerHealth>('health');
