// fhir-kit-client, the FHIR client for Node of Vermonster: discovery, search by GET
// and POST, pages, reading, what is not there, what is not allowed, batch.
import assert from 'node:assert/strict'
import { Client } from 'fhir-kit-client'
import { documents, fhir, matricule, need, step, systems } from './setting.mjs'

const client = new Client({ baseUrl: fhir, bearerToken: need('HUB_TOKEN') })

await step('it finds where programs log in', async () => {
  const found = await client.smartAuthMetadata()
  for (const name of ['authorizeUrl', 'tokenUrl']) assert.match(String(found[name]), /^https:\/\/.*\/oauth\//, name)
})

await step('it reads what the server is', async () => {
  const told = await client.capabilityStatement()
  assert.equal(told.resourceType, 'CapabilityStatement')
  assert.ok(told.rest[0].resource.some((r) => r.type === 'DocumentReference'))
})

const patient = await step('it finds a patient by the INS', async () => {
  for (const system of systems) {
    const found = await client.search({ resourceType: 'Patient', searchParams: { identifier: `${system}|${matricule}` } })
    if (found.entry?.length) return found.entry[0].resource
  }
  assert.fail('no patient')
})

await step('it reads the patient again', async () => {
  const again = await client.read({ resourceType: 'Patient', id: patient.id })
  assert.equal(again.id, patient.id)
})

const all = await step('it turns the pages of a search', async () => {
  const seen = new Map()
  let pages = 0
  for (let page = await client.search({ resourceType: 'DocumentReference', searchParams: { patient: patient.id, _count: 2 } }); page; pages++) {
    for (const { resource } of page.entry ?? []) seen.set(resource.id, resource)
    page = await client.nextPage({ bundle: page })
  }
  assert.equal(seen.size, documents)
  assert.equal(pages, Math.ceil(documents / 2))
  return [...seen.values()]
})

await step('it searches by POST and sees the same', async () => {
  const found = await client.search({ resourceType: 'DocumentReference', searchParams: { patient: patient.id }, options: { postSearch: true } })
  assert.equal(found.total ?? found.entry.length, documents)
})

await step('it reads a document and its bytes', async () => {
  const one = await client.read({ resourceType: 'DocumentReference', id: all[0].id })
  const { attachment } = one.content[0]
  const raw = await fetch(attachment.url, { headers: { authorization: `Bearer ${need('HUB_TOKEN')}`, accept: '*/*' } })
  assert.equal(raw.status, 200)
  const bytes = await raw.arrayBuffer()
  if (attachment.size) assert.equal(bytes.byteLength, attachment.size)
  const binary = await client.request(attachment.url, { headers: { accept: 'application/fhir+json' } })
  assert.equal(binary.resourceType, 'Binary')
  assert.equal(Buffer.from(binary.data, 'base64').byteLength, bytes.byteLength)
})

await step('it reads several at once', async () => {
  const bundle = await client.batch({
    body: {
      resourceType: 'Bundle',
      type: 'batch',
      entry: all.slice(0, 2).map(({ id }) => ({ request: { method: 'GET', url: `DocumentReference/${id}` } })),
    },
  })
  assert.deepEqual(bundle.entry.map((e) => e.resource.id), all.slice(0, 2).map(({ id }) => id))
})

await step('it is told what is not there', async () => {
  await assert.rejects(client.read({ resourceType: 'DocumentReference', id: 'nothing' }), (err) => {
    assert.equal(err.response.status, 404)
    assert.equal(err.response.data.resourceType, 'OperationOutcome')
    return true
  })
})

await step('it is told that a token is none', async () => {
  const stranger = new Client({ baseUrl: fhir, bearerToken: 'vma_none' })
  await assert.rejects(stranger.read({ resourceType: 'Patient', id: patient.id }), (err) => err.response.status === 401)
})
