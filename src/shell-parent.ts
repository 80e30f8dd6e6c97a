import { basename } from 'node:path';
import { commandLineOf } from './platform/process-identity.js';

const pollMs = 250;

/**
 * npm runs a script by a shell, and hands SIGTERM and SIGINT on to that shell only. Some (dash, for one) end at once and
 * tell nobody: the program would go on, with no one who knows of it. So where a shell was started for nothing but this
 * program, `onEnd` is called when it ends. The watch keeps no process alive.
 */
export async function watchShell(host: NodeJS.Process, onEnd: () => void): Promise<void> {
  const { ppid } = host;
  const [program = '', option = '', script = ''] = await commandLineOf(ppid);
  const isShell = basename(program).endsWith('sh') && option === '-c';
  // With an operator in it the script does more than run us, and may well have put us into the background.
  const isForUs = script.includes(basename(host.argv[1] ?? '')) && !/[&;|<>\n]/.test(script);
  if (!isShell || !isForUs) return;
  const timer = setInterval(() => {
    if (host.ppid === ppid) return;
    clearInterval(timer);
    onEnd();
  }, pollMs);
  timer.unref();
}
