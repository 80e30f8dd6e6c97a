/** Loaded into a server's process before anything else: tells whoever started it what it holds, when asked. */
process.on('message', (question) => {
  if (question === 'collect') globalThis.gc();
  process.send(process.memoryUsage());
});
// Nobody's question keeps the process alive.
process.channel?.unref();
