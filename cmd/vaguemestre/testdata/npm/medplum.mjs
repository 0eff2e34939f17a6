// MedplumClient in Node: it asks for pages of 1000, turns a refusal into its
// OperationOutcome, and logs a system in by a signed assertion.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createPrivateKey, randomUUID, sign } from 'node:crypto'
import { base, documents, matricule, need, step, systems } from './setting.mjs'

// Node has it from 22 on; the library names it when it is loaded, and nothing here
// opens one.
globalThis.WebSocket ??= class WebSocket extends EventTarget {}
const { MedplumClient, OperationOutcomeError } = await import('@medplum/core')

const options = { baseUrl: `${base}/`, fhirUrlPath: 'fhir', tokenUrl: `${base}/oauth/token`, authorizeUrl: `${base}/oauth/authorize`, fetch }
const client = new MedplumClient(options)
client.setAccessToken(need('HUB_TOKEN'))

const patient = await step('it finds a patient by the INS', async () => {
  for (const system of systems) {
    const found = await client.searchOne('Patient', { identifier: `${system}|${matricule}` })
    if (found) return found
  }
  assert.fail('no patient')
})

const list = await step('it asks for a thousand, and takes what it gets', async () => {
  const found = await client.searchResources('DocumentReference', { patient: patient.id, _count: 1000 })
  assert.equal(found.length, documents)
  return found
})

await step('it turns the pages', async () => {
  const seen = new Set()
  for await (const page of client.searchResourcePages('DocumentReference', { patient: patient.id, _count: '2' })) {
    for (const { id } of page) seen.add(id)
  }
  assert.equal(seen.size, documents)
})

await step('it reads a document and its bytes', async () => {
  const one = await client.readResource('DocumentReference', list[0].id)
  const blob = await client.download(one.content[0].attachment.url)
  assert.ok(blob.size > 0)
})

await step('it is told in words what is not there', async () => {
  await assert.rejects(client.readResource('DocumentReference', 'nothing'), (err) => {
    assert.ok(err instanceof OperationOutcomeError)
    assert.equal(err.outcome.issue[0].code, 'not-found')
    assert.match(err.message, /no such resource/i)
    return true
  })
})

// RFC 7523 by hand: the client takes a finished assertion.
async function assertion(claims) {
  const jwk = JSON.parse(await readFile(need('HUB_KEY'), 'utf8'))
  const key = createPrivateKey({ key: jwk, format: 'jwk' })
  const encode = (v) => Buffer.from(JSON.stringify(v)).toString('base64url')
  const now = Math.floor(Date.now() / 1000)
  const client = need('HUB_SYSTEM')
  const head = encode({ alg: 'ES384', kid: jwk.kid, typ: 'JWT' })
  const body = encode({ iss: client, sub: client, aud: `${base}/oauth/token`, jti: randomUUID(), iat: now, exp: now + 240, ...claims })
  return `${head}.${body}.${sign('sha384', Buffer.from(`${head}.${body}`), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

await step('a system logs in by a signed assertion', async () => {
  const system = new MedplumClient(options)
  const text = await assertion({})
  await system.startJwtAssertionLogin(text)
  assert.match(system.getAccessToken(), /^vma_/)
  const answer = await fetch(`${base}/fhir/Patient/nothing`, { headers: { authorization: `Bearer ${system.getAccessToken()}` } })
  assert.notEqual(answer.status, 401)
  await assert.rejects(new MedplumClient(options).startJwtAssertionLogin(text), 'the same assertion again')
  await assert.rejects(async () => new MedplumClient(options).startJwtAssertionLogin(await assertion({ aud: 'https://attacker.test' })))
})
