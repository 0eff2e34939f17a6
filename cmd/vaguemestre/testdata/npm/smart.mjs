// fhirclient (SMART Health IT) in Chromium: a program in a browser page asks a
// professional, who logs in and agrees; then it searches, turns pages, refreshes
// its token, and is told when that is revoked.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { readFile } from 'node:fs/promises'
import { withBrowser } from './browser.mjs'
import { base, documents, fhir, matricule, need, step, systems } from './setting.mjs'

const library = new URL(import.meta.resolve('fhirclient/build/fhir-client.js'))
const files = {
  '/fhir-client.js': ['text/javascript', await readFile(library)],
  '/': ['text/html', '<!DOCTYPE html><title>LPS</title><script src="/fhir-client.js"></script>'],
}
const app = createServer((request, response) => {
  const [type, body] = files[new URL(request.url, 'http://127.0.0.1').pathname] ?? ['text/plain', null]
  response.writeHead(body === null ? 404 : 200, { 'content-type': type }).end(body)
})
await new Promise((ready) => app.listen(0, '127.0.0.1', ready))
const redirectUri = `http://127.0.0.1:${app.address().port}/`

try {
  await withBrowser(async (browser) => {
    const page = await browser.newPage()
    page.setDefaultTimeout(15_000)
    await run(page)
  })
} finally {
  await new Promise((closed) => app.close(closed))
  app.closeAllConnections()
}

async function run(page) {
  const scope = 'openid fhirUser offline_access user/DocumentReference.rs user/Patient.rs user/Binary.r'
  const clientId = need('HUB_CLIENT')

  await step('a page of a program asks, with PKCE', async () => {
    await page.goto(redirectUri)
    const [request] = await Promise.all([
      page.waitForRequest((r) => r.url().startsWith(`${base}/oauth/authorize?`)),
      page.evaluate((o) => { FHIR.oauth2.authorize(o) }, { clientId, scope, iss: fhir, redirectUri, pkceMode: 'required' }),
    ])
    const asked = new URL(request.url()).searchParams
    assert.equal(asked.get('code_challenge_method'), 'S256')
    assert.equal(asked.get('aud'), fhir)
  })

  await step('the professional logs in and agrees', async () => {
    await page.getByRole('button', { name: need('HUB_WHO') }).click()
    await page.getByRole('heading', { name: /^Autoriser/ }).waitFor()
    await page.getByRole('button', { name: /^Autoriser/ }).click()
    await page.waitForURL(`${redirectUri}?*`)
  })

  await step('the page has its tokens', async () => {
    const told = await page.evaluate(async () => {
      window.client = await FHIR.oauth2.ready()
      const { tokenResponse } = window.client.state
      return { scope: tokenResponse.scope, refresh: Boolean(tokenResponse.refresh_token), user: window.client.user.fhirUser }
    })
    assert.ok(told.refresh)
    assert.match(told.scope, /user\/DocumentReference\.rs/)
    assert.match(told.user, /Practitioner\/\d{11}$/)
  })

  const patient = await step('it finds a patient by the INS', async () => {
    for (const system of systems) {
      const found = await page.evaluate((q) => window.client.request(q), `Patient?identifier=${encodeURIComponent(`${system}|${matricule}`)}`)
      if (found.entry?.length) return found.entry[0].resource
    }
    assert.fail('no patient')
  })

  await step('it turns the pages of a search', async () => {
    const found = await page.evaluate(
      (id) => window.client.request(`DocumentReference?patient=${id}&_count=2`, { pageLimit: 0, flat: true }), patient.id)
    assert.equal(new Set(found.map(({ id }) => id)).size, documents)
  })

  await step('it may do no more than it asked for', async () => {
    const status = await page.evaluate(
      (id) => window.client.request(`AuditEvent?patient=${id}`).then(() => 200, (err) => err.status ?? err.statusCode), patient.id)
    assert.equal(status, 403)
  })

  await step('it refreshes its token, and the one before is void', async () => {
    const told = await page.evaluate(async (id) => {
      const old = window.client.state.tokenResponse.access_token
      await window.client.refresh()
      const fresh = window.client.state.tokenResponse.access_token
      const ask = (token) => fetch(`${window.client.state.serverUrl}/Patient/${id}`, { headers: { authorization: `Bearer ${token}` } })
      return { changed: old !== fresh, old: (await ask(old)).status, fresh: (await ask(fresh)).status }
    }, patient.id)
    assert.deepEqual(told, { changed: true, old: 401, fresh: 200 })
  })

  await step('revoked, it is let in no more', async () => {
    const told = await page.evaluate(async ({ base, clientId, id }) => {
      const { access_token: token } = window.client.state.tokenResponse
      const gone = await fetch(`${base}/oauth/revoke`, { method: 'POST', body: new URLSearchParams({ token, client_id: clientId }) })
      const after = await fetch(`${window.client.state.serverUrl}/Patient/${id}`, { headers: { authorization: `Bearer ${token}` } })
      const refresh = await window.client.refresh().then(() => 'refreshed', () => 'refused')
      return { gone: gone.status, after: after.status, refresh }
    }, { base, clientId, id: patient.id })
    assert.deepEqual(told, { gone: 200, after: 401, refresh: 'refused' })
  })
}
