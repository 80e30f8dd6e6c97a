import { Keys1795132800000 } from './1795132800000-keys.js';
import { Foundation1795132800001 } from './1795132800001-foundation.js';
import { Usage1795132800020 } from './1795132800020-usage.js';
import { Retention1795132800030 } from './1795132800030-retention.js';
import { Audit1795132800031 } from './1795132800031-audit.js';
import { Search1795132800040 } from './1795132800040-search.js';
import { ModelTitles1795132800100 } from './1795132800100-model-titles.js';
import { ErasedMessages1795132800110 } from './1795132800110-erased-messages.js';

/** What the database of the keys needs; it may be the same as everything else's. */
export const keysMigrations = [Keys1795132800000];

/** All migrations of a database that holds everything, oldest first. */
export const migrations = [
  ...keysMigrations,
  Foundation1795132800001,
  Usage1795132800020,
  Retention1795132800030,
  Audit1795132800031,
  Search1795132800040,
  ModelTitles1795132800100,
  ErasedMessages1795132800110,
];
