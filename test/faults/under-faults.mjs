/**
 * Loaded into a server's process before anything else: lets whoever started it move its wall clock, and ask what it
 * holds. Timers and the monotonic clock go on as they are, as they do where somebody sets a machine's clock.
 */
const RealDate = Date;
let offsetMs = 0;
const now = () => RealDate.now() + offsetMs;

globalThis.Date = new Proxy(RealDate, {
  construct: (target, given, made) => Reflect.construct(target, given.length === 0 ? [now()] : given, made),
  apply: () => new RealDate(now()).toString(),
  get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
});

process.on('message', (question) => {
  if (question !== 'resources') offsetMs = question.clockOffsetMs;
  process.send(process.getActiveResourcesInfo());
});
// Nobody's question keeps the process alive.
process.channel?.unref();
