// Every page that links lead to, for people of every kind, and every form with
// its errors shown.
import assert from 'node:assert/strict'
import { desk } from './hands.mjs'
import { look } from './look.mjs'
import { base, cast, enter, fault, people, scene } from './stage.mjs'

const mostOfOneKind = 3 // pages whose addresses differ by an identifier only

/** kindOf is an address without its identifiers. */
function kindOf(path) { return path.split('?')[0].replaceAll(/\/[^/]{12,}(?=\/|$)|\/\d+(?=\/|$)/g, '/*') }

/** sweep opens every page that is reached by links from some. */
async function sweep(page, from) {
  const counts = {}
  const todo = [...from]
  const known = new Map(todo.map((path) => [path, 'the beginning'])) // and what led there
  const reached = []
  while (todo.length > 0) {
    const path = todo.shift()
    const kind = kindOf(path)
    counts[kind] = (counts[kind] ?? 0) + 1
    if (counts[kind] > mostOfOneKind) continue
    const answer = await page.goto(base + path).catch((err) => {
      if (/Download is starting|ERR_ABORTED/.test(err.message)) return null // a file
      throw err
    })
    if (!answer?.headers()['content-type']?.startsWith('text/html')) continue
    if (answer.status() >= 400) {
      fault(`${path}, to which ${known.get(path)} leads: ${answer.status()}`)
      continue
    }
    if (new URL(page.url()).pathname.startsWith('/psc/')) continue // where professionals come from: not ours
    if (/\bsandbox\b/.test(answer.headers()['content-security-policy'])) {
      await lookInside(page, path)
      continue
    }
    reached.push(path)
    await look(page)
    for (const link of await page.evaluate(() => [...document.querySelectorAll('a[href]')].map((a) => a.href))) {
      const to = new URL(link)
      const address = to.pathname + to.search
      if (to.origin !== base || known.has(address)) continue
      known.set(address, path)
      todo.push(address)
    }
  }
  return reached
}

/** lookInside looks at what a document says, where the browser runs nothing: what
    looks is a script too. */
async function lookInside(page, path) {
  const address = base + path
  await page.route(address, async (route) => {
    const response = await route.fetch()
    const { 'content-security-policy': _, ...headers } = response.headers()
    await route.fulfill({ response, headers })
  })
  await page.goto(address)
  await look(page)
  await page.unroute(address)
}

/** errs sends every form of a page in which something is to be written, with
    nothing written, and looks at what comes. */
async function errs(page, path) {
  const writable = 'form[method=post]:has(input:not([type=hidden],[type=radio],[type=checkbox]),textarea)'
  await page.goto(base + path)
  const count = await page.locator(writable).count()
  for (let i = 0; i < count; i++) {
    await page.goto(base + path)
    const form = page.locator(writable).nth(i)
    await Promise.all([page.waitForNavigation(), form.evaluate((f) => {
      for (const e of f.elements) {
        if (e.matches('input:not([type=hidden],[type=radio],[type=checkbox]),textarea')) e.value = ''
      }
      const button = f.querySelector('button:not([name])') ?? f.querySelector('button')
      if (button?.name) f.append(Object.assign(document.createElement('input'), { type: 'hidden', name: button.name, value: button.value }))
      HTMLFormElement.prototype.submit.call(f) // no script has a say
    })])
    await look(page)
  }
}

export async function sweeps(browser) {
  const kinds = [
    ['somebody who is nobody yet', null, ['/', '/connexion', '/activer']],
    ['a patient with documents and mails', people.dominique, ['/']],
    ['a representative', people.louise, ['/']],
    ['a patient without anything', people.newcomer, ['/']],
    ['a physician', cast.doctor, ['/', `/patients/${cast.record}`]],
  ]
  for (const [who, person, from] of kinds) {
    await scene(`every page of ${who}, as axe-core wants it`, async () => {
      const page = await enter(browser, person, desk)
      const reached = await sweep(page, from)
      for (const path of reached.filter((p, i) => reached.findIndex((o) => kindOf(o) === kindOf(p)) === i)) await errs(page, path)
    })
  }
  await scene('pages of what goes wrong, as axe-core wants them', async () => {
    const page = await enter(browser, people.newcomer, desk)
    const nothing = await page.goto(`${base}/nulle-part`)
    assert.equal(nothing.status(), 404)
    await look(page)
    await page.goto(base)
    await page.locator('input[name=token]').first().evaluate((e) => { e.value = 'forged' })
    const [answer] = await Promise.all([page.waitForNavigation(), page.locator('form').first().evaluate((f) => f.submit())])
    assert.equal(answer.status(), 403)
    await look(page)
  })
}
