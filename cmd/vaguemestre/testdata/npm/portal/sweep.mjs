// Every page that links lead to, for people of every kind, and every form with
// its errors shown.
import assert from 'node:assert/strict'
import { desk } from './hands.mjs'
import { look } from './look.mjs'
import { base, cast, enter, fault, note, people, scene } from './stage.mjs'

const mostOfOneKind = 3 // pages whose addresses differ by an identifier only
const mostPapers = 10 // mails and documents, of which there are more kinds
const leaving = '/deconnexion/pro' // goes on by itself

const idLike = /^(\d+(\.\d+)*|.{12,})$/

/** kindOf is an address without its identifiers. */
function kindOf(path) { return path.split('?')[0].replaceAll(/\/[^/]{12,}(?=\/|$)|\/\d+(?=\/|$)/g, '/*') }

/** sweep opens every page that is reached by links from some, and the others of the
    table of the pages. */
async function sweep(page, from, cares) {
  const begun = performance.now()
  const counts = {}
  const todo = [...from]
  const known = new Map(todo.map((path) => [path, 'the beginning'])) // and what led there
  const reached = []
  let guessed = false
  while (todo.length > 0 || !guessed) {
    if (todo.length === 0) { // the addresses to which no link leads
      guessed = true
      todo.push(...unlinked(known.keys(), cares).filter((path) => !known.has(path)))
      continue
    }
    const path = todo.shift()
    const kind = kindOf(path)
    counts[kind] = (counts[kind] ?? 0) + 1
    if (counts[kind] > (/\/(m|documents)\/\*/.test(kind) ? mostPapers : mostOfOneKind)) continue
    const answer = await page.goto(base + path).catch((err) => {
      if (/Download is starting|ERR_ABORTED/.test(err.message)) return null // a file
      throw err
    })
    if (!answer?.headers()['content-type']?.startsWith('text/html')) continue
    if (answer.status() >= 400) {
      if (known.has(path)) fault(`${path}, to which ${known.get(path)} leads: ${answer.status()}`)
      continue
    }
    if (path === leaving) await page.waitForURL((to) => to.pathname !== leaving)
    if (new URL(page.url()).pathname.startsWith('/psc/') || path === leaving) continue // where professionals come from, and go: not ours
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
  note(`${reached.length} pages in ${Math.round(performance.now() - begun)} ms`)
  return reached
}

/** unlinked are the pages of the table that none of the paths is, with parameters
    that are in the paths. */
function unlinked(paths, cares) {
  const parts = [...paths].map((path) => path.split('?')[0].split('/'))
  const list = []
  for (const { Path: pattern, Shows: shows, Signed: signed, Cares: forCarers } of cast.addresses) {
    if (!shows || (signed && cares !== undefined && forCarers !== cares && pattern.includes('{'))) continue
    const want = pattern.split('/')
    const last = want.findLastIndex((w) => w.startsWith('{'))
    const filled = parts.filter((have) => have.length > last && want.slice(0, last + 1).every((w, i) => w === have[i] || w.startsWith('{') && idLike.test(have[i])))
    for (const have of last < 0 ? [[]] : filled) list.push([...have.slice(0, last + 1), ...want.slice(last + 1)].join('/'))
  }
  return [...new Set(list)]
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
  await look(page, { ours: false })
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
  const erred = new Set() // kinds of pages
  const kinds = [
    ['somebody who is nobody yet', null, ['/', '/connexion', '/activer']],
    ['a patient with documents and mails', people.dominique, ['/']],
    ['a representative', people.louise, ['/']],
    ['a patient without anything', people.newcomer, ['/']],
    ['a physician', cast.doctor, ['/', `/patients/${cast.record}`], true],
  ]
  for (const [who, person, from, cares = false] of kinds) {
    await scene(`every page of ${who}, as axe-core wants it`, async () => {
      const page = await enter(browser, person, desk)
      const reached = await sweep(page, from, cares)
      for (const path of reached) {
        const kind = kindOf(path).replace(/^\/(proches|patients)\/\*(?=\/)/, '')
        if (!erred.has(kind)) await errs(page, path)
        erred.add(kind)
      }
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
