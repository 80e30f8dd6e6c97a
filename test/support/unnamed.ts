import type { Statement } from '../../src/platform/database.js';

/** A statement of a test's own, which is prepared under no name. */
export const unnamed = (text: string): Statement => ({ name: '', text });
