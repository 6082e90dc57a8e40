// Writes host/config.ts, the configuration's types for TypeScript, from core/schema/policy.schema.json.
//
// `node bindings-wasm/scripts/config-types.mjs` writes it; that it is fresh is a test.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const SCHEMA = new URL('../../core/schema/policy.schema.json', import.meta.url);
export const OUTPUT = new URL('../host/config.ts', import.meta.url);

const camel = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
/** Prose names fields as the user of TypeScript writes them. */
const prose = (text) => text.replace(/`[^`]*`/g, camel);

/** The type of a value, as TypeScript. */
function typeOf(schema) {
  if (schema.$ref) return schema.$ref.split('/').at(-1);
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(' | ');
  if (schema.oneOf) return schema.oneOf.map((one) => (one.const === undefined ? typeOf(one) : `'${camel(one.const)}'`)).join(' | ');
  if (Array.isArray(schema.type)) return schema.type.map((type) => typeOf({ ...schema, type })).join(' | ');
  if (schema.additionalProperties) return `Readonly<Record<string, ${typeOf(schema.additionalProperties)} | undefined>>`;
  if (schema.type === 'array') return `readonly ${typeOf(schema.items)}[]`;
  if (schema.type === 'integer') return 'number';
  return schema.type;
}

/** What a field's hover text adds to its description: choices, range and default. */
function details(schema) {
  const lines = [];
  for (const { const: value, description } of schema.oneOf ?? [])
    if (value !== undefined) lines.push(`- \`'${camel(value)}'\`: ${prose(description)}`);
  const range = [schema.minimum, schema.maximum, schema.minLength, schema.maxLength];
  if (range[1] !== undefined) lines.push(`From ${range[0].toLocaleString('en')} to ${range[1].toLocaleString('en')}.`);
  if (range[3] !== undefined) lines.push(`${range[2]} to ${range[3]} characters.`);
  if (schema.default !== undefined && schema.default !== null)
    lines.push(`@default ${JSON.stringify(schema.default).replaceAll('"', "'")}`);
  return lines;
}

function comment(indent, lines) {
  if (lines.length === 1) return `${indent}/** ${lines[0]} */\n`;
  return `${indent}/**\n${lines.map((line) => `${indent} * ${line}\n`).join('')}${indent} */\n`;
}

function declaration(name, schema) {
  const head = comment('', [prose(schema.description)]);
  if (!schema.properties) return `${head}export type ${name} = ${typeOf(schema)};\n`;
  const fields = Object.entries(schema.properties).map(([field, type]) => {
    const isRequired = schema.required.includes(field);
    const optional = isRequired ? '' : ' | undefined';
    const text = comment('  ', [prose(type.description), ...details(type)]);
    return `${text}  readonly ${camel(field)}${isRequired ? '' : '?'}: ${typeOf(type)}${optional};\n`;
  });
  return `${head}export interface ${name} {\n${fields.join('\n')}}\n`;
}

/** The whole file. */
export function configTypes() {
  const { $defs, ...policy } = JSON.parse(readFileSync(SCHEMA, 'utf8'));
  const all = [['PolicyConfig', policy], ...Object.entries($defs)].map(([name, schema]) => declaration(name, schema));
  return `// Written by bindings-wasm/scripts/config-types.mjs from core/schema/policy.schema.json. Do not edit.\n\n${all.join('\n')}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(OUTPUT, configTypes());
