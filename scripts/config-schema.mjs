// Writes what is made of the option table: src/cli/config.schema.json and docs/options.md; run after a
// build (npm run schema).
import { writeFileSync } from 'node:fs';
import { configSchema } from '../dist/src/cli/config-schema.js';
import { optionsPage } from '../dist/src/cli/options-page.js';

const place = (path) => new URL(`../${path}`, import.meta.url);
writeFileSync(place('src/cli/config.schema.json'), `${JSON.stringify(configSchema(), undefined, 2)}\n`);
writeFileSync(place('docs/options.md'), optionsPage());
