/**
 * The JSON schema of a config, for editors: made of the option table. `scripts/config-schema.mjs` writes
 * it to config.schema.json, and a test holds the two together.
 */
import type { OptionSpec } from './commands.ts';
import { CONFIG_OPTIONS } from './config.ts';

type Schema = Readonly<Record<string, unknown>>;

const TEXT: Schema = { type: 'string' };
const NUMBER: Schema = { type: ['string', 'number'] };

function valueSchema({ kind, pairs, number, values, describe }: OptionSpec): Schema {
  if (kind === 'flag') return { type: 'boolean', description: describe };
  const text = number === true ? NUMBER : TEXT;
  const value: Schema = values === undefined ? text : { enum: values };
  if (kind === 'one') return { ...value, description: describe };
  const forms: Schema[] = [value, { type: 'array', items: value }];
  if (pairs) forms.push({ type: 'object', additionalProperties: text });
  return { anyOf: forms, description: describe };
}

export function configSchema(): Schema {
  const options = Object.fromEntries(
    Object.entries(CONFIG_OPTIONS).map(([name, spec]) => [name, valueSchema(spec)]),
  );
  const properties = { guest: { type: 'string', description: 'the module to freeze' }, ...options };
  const build = { type: 'object', properties, additionalProperties: false };
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'freeze.config.json',
    description: 'One build, or several under builds; what stands beside builds holds for each of them.',
    type: 'object',
    properties: {
      $schema: { type: 'string' },
      ...properties,
      builds: { type: 'object', description: 'builds by name', additionalProperties: build },
    },
    additionalProperties: false,
  };
}
