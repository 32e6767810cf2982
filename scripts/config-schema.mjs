// Writes src/cli/config.schema.json from the option table; run after a build (npm run schema).
import { writeFileSync } from 'node:fs';
import { configSchema } from '../dist/src/cli/config-schema.js';

const file = new URL('../src/cli/config.schema.json', import.meta.url);
writeFileSync(file, `${JSON.stringify(configSchema(), undefined, 2)}\n`);
