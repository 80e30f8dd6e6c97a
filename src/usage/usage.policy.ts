import { forbidden } from '../errors.js';
import type { Viewer } from '../identity/viewer.js';

/** @throws FORBIDDEN for whoever is no admin */
export function mayReadEveryonesUsage({ roles }: Viewer): void {
  if (!roles.includes('admin')) throw forbidden("Only a token with the role 'admin' may read what everyone used.");
}
