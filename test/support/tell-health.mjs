import { monitorEventLoopDelay } from 'node:perf_hooks';

/**
 * Loaded into a server's process before anything else: tells whoever started it what it holds, and how long its event
 * loop was held up since it was last asked.
 */
const delays = monitorEventLoopDelay({ resolution: 10 });
delays.enable();
process.on('message', () => {
  globalThis.gc();
  const resources = {};
  for (const type of process.getActiveResourcesInfo()) resources[type] = (resources[type] ?? 0) + 1;
  const { heapUsed } = process.memoryUsage();
  process.send({ heapUsed, resources, loopHeldMs: Math.round(delays.max / 1e6) });
  delays.reset();
});
// Nobody's question keeps the process alive.
process.channel?.unref();
