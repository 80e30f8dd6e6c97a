import { DataSource } from 'typeorm';
import { migrations } from './migrations/index.js';
import { loadConfig } from './src/config.js';
import { entities } from './src/entities.js';

const { databaseUrl } = loadConfig();

/** For TypeORM's command line and nothing else; the server builds its own in src/platform/database.ts. */
export default new DataSource({
  type: 'postgres',
  url: databaseUrl ?? undefined,
  entities,
  migrations,
  migrationsTableName: 'migrations',
});
