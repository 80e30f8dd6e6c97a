import { registerHooks } from 'node:module';

/**
 * Lets a process of its own run a part of the server from its source, as the tests do: Node strips the types itself, and
 * this finds `x.ts` where the source, as compiled code will, says `x.js`. Not for files with decorators.
 */
registerHooks({
  resolve(specifier, context, nextResolve) {
    try {
      return nextResolve(specifier, context);
    } catch (error) {
      if (!specifier.startsWith('.') || !specifier.endsWith('.js')) throw error;
      return nextResolve(`${specifier.slice(0, -3)}.ts`, context);
    }
  },
});
