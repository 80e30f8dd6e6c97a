import type { IncomingMessage } from 'node:http';
import type { HttpHandler } from './http-answer.js';
import { methodNotAllowed, nothingHere } from './http-errors.js';

/** One address of the server. */
export interface Route {
  /** An exact path, or, with a slash and an asterisk at its end, all paths below it. */
  readonly path: string;
  /** GET answers HEAD as well. None given: the handler answers every method. */
  readonly methods?: readonly ('GET' | 'POST')[];
  readonly handle: HttpHandler;
}

/** The path of a request, without its query. */
export function pathOf(request: IncomingMessage): string {
  const url = request.url ?? '';
  const end = url.indexOf('?');
  return end === -1 ? url : url.slice(0, end);
}

/** Which handler answers a request. */
export class Routes {
  private readonly exact = new Map<string, Route>();
  private readonly below: readonly (readonly [prefix: string, route: Route])[];

  constructor(routes: readonly Route[]) {
    for (const route of routes) if (!route.path.endsWith('/*')) this.exact.set(route.path, route);
    this.below = routes
      .filter(({ path }) => path.endsWith('/*'))
      .map((route) => [route.path.slice(0, -1), route] as const);
  }

  /** @throws an HttpError 404 or 405. */
  find(request: IncomingMessage): HttpHandler {
    const path = pathOf(request);
    const route = this.exact.get(path) ?? this.below.find(([prefix]) => path.startsWith(prefix))?.[1];
    if (!route) throw nothingHere();
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    if (route.methods && !route.methods.some((allowed) => allowed === method)) {
      throw methodNotAllowed(route.methods.join(', '));
    }
    return route.handle;
  }
}
