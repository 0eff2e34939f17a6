// What the scripts are told by whoever runs them, and what they share.
import assert from 'node:assert/strict'

function need(name) {
  const value = process.env[name]
  assert.ok(value, `${name} is not set`)
  return value
}

export const base = need('HUB_BASE') // https://localhost:10443
export const fhir = `${base}/fhir`
export const matricule = process.env.HUB_PATIENT // of a patient whose documents HUB_WHO may see
export const documents = Number(process.env.HUB_DOCUMENTS ?? 0) // how many they are, where they are looked for: three at least
export { need }

// A step says what it proves, and how long that took.
export async function step(what, prove) {
  const begun = performance.now()
  const result = await prove()
  console.log(`ok ${what} (${Math.round(performance.now() - begun)} ms)`)
  return result
}

// Systems of identifiers (ANS): the INS of a real and of a test patient.
export const systems = ['urn:oid:1.2.250.1.213.1.4.8', 'urn:oid:1.2.250.1.213.1.4.10']

// A script that waits for what does not come ends all the same.
export const deadline = setTimeout(() => {
  console.error('too slow')
  process.exit(2)
}, 1000 * Number(process.env.HUB_SECONDS ?? 60))
deadline.unref()
