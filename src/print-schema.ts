import { writeFile } from 'node:fs/promises';
import { schemaText } from './schema-text.js';

await writeFile('schema.graphql', schemaText());
