// What the scenes share: who is there, what happens behind the pages, and the
// browser, which is watched all the time.
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { base, need } from '../setting.mjs'

export { base }
export const cast = JSON.parse(need('HUB_CAST'))
export const people = cast.people
const shots = need('HUB_SHOTS')
const wanted = new RegExp(process.env.HUB_SCENES ?? '')

/** tell says something to the Go test, a line each. */
function tell(line) { console.log(JSON.stringify(line)) }

/** note is for whoever reads the log. */
export function note(text) { tell({ Note: text }) }

const problems = [] // since the scene began
/** fault fails the scene at its end, so that one fault does not hide others. */
export function fault(what) { problems.push(what) }

const unfinished = new Set() // answers whose size is not known yet
const open = new Set() // contexts

export const mostBytes = 60 * 1024 // of the HTML of a page
export const heaviest = { path: '', bytes: 0 }

/** scene plays a part of a story. What goes wrong fails it, and not the others. */
export async function scene(name, play) {
  if (!wanted.test(name)) return false
  const begun = performance.now()
  let failed = ''
  try {
    await Promise.race([play(), tooLong(name)])
    await Promise.all(unfinished)
    assert.equal(problems.length, 0, 'the pages have faults')
  } catch (err) {
    failed = err.stack ?? String(err)
    for (const context of open) {
      for (const page of context.pages()) failed += await picture(page, name)
    }
    if (problems.length > 0) failed = `${problems.join('\n')}\n\n${failed}`
  }
  problems.length = 0
  for (const context of open) await context.close()
  tell({ Scene: name, Failed: failed, MS: Math.round(performance.now() - begun), Visits: visits.splice(0) })
  return failed === ''
}

const longest = 150_000 // ms of a scene

/** tooLong fails a scene that waits for what does not come. */
function tooLong(name) {
  return new Promise((_, reject) => setTimeout(() => reject(new Error(`${name}: it does not end`)), longest).unref())
}

async function picture(page, name) {
  try {
    const file = join(shots, `${name.replaceAll(/\W+/g, '-')}.png`)
    const text = await page.locator('body').innerText({ timeout: 2000 })
    await page.screenshot({ path: file, fullPage: true, timeout: 5000 })
    return `\nat ${page.url()} (${file}):\n${text}\n`
  } catch (err) {
    return `\nno picture: ${err.message}`
  }
}

const visits = []

/** enter opens a browser of one's own; with a person, one who is signed in. */
export async function enter(browser, person, options = {}) {
  const context = await browser.newContext({ locale: 'fr-FR', timezoneId: 'Europe/Paris', reducedMotion: 'reduce', ...options })
  context.setDefaultTimeout(15_000)
  open.add(context)
  context.on('close', () => open.delete(context))
  watch(context)
  if (person) {
    const session = typeof person === 'string' ? person : person.Session
    await context.addCookies([{ name: '__Host-session', value: session, url: base, secure: true, httpOnly: true, sameSite: 'Strict' }])
  }
  return context.newPage()
}

const withinTheBrowser = /^(about|blob|data|chrome|chrome-extension|devtools):/ // its viewer of PDF, too

/** watch notes what no page may do: ask others, complain, load what is not there,
    weigh too much. */
function watch(context) {
  context.on('request', (r) => {
    if (!r.url().startsWith(`${base}/`) && !withinTheBrowser.test(r.url())) problems.push(`a page asks for ${r.url()}`)
  })
  context.on('response', (r) => {
    if (!r.url().startsWith(`${base}/`)) return
    const { pathname } = new URL(r.url())
    const kind = r.request().resourceType()
    visits.push({ Method: r.request().method(), Path: decodeURI(pathname), Status: r.status() })
    if (r.status() >= 500 || (r.status() >= 400 && !['document', 'xhr', 'fetch'].includes(kind))) problems.push(`${pathname}: ${r.status()}`)
    if (kind !== 'document' || r.status() >= 300 && r.status() < 400 || !r.headers()['content-type']?.startsWith('text/html')) return
    const size = r.body().then((b) => {
      if (b.length > heaviest.bytes) Object.assign(heaviest, { path: pathname, bytes: b.length })
      if (b.length > mostBytes) problems.push(`${pathname} has ${b.length} bytes`)
    }, () => {}).finally(() => unfinished.delete(size))
    unfinished.add(size)
  })
  context.on('console', (m) => {
    const refusal = /^Failed to load resource: the server responded with a status of 4/ // of a page; what pages load is looked at above
    if (['error', 'warning'].includes(m.type()) && !refusal.test(m.text())) problems.push(`${m.page()?.url()}: ${m.text()}`)
  })
  context.on('weberror', (e) => problems.push(`${e.page()?.url()}: ${e.error()}`))
}

const read = new Set() // notices

/** codeAfter does what has a code sent to an address, and waits for it. */
export async function codeAfter(address, act) {
  for (const name of await notices()) read.add(name)
  await act()
  for (let i = 0; i < 200; i++) {
    for (const name of await notices()) {
      read.add(name)
      const text = await readFile(join(cast.outbox, name), 'utf8')
      const found = text.startsWith(`To: ${address}\n`) && text.match(/ : ([0-9]{6}|[2-9A-HJ-NP-Za-hjkmnp-z]{8})\n/)
      if (found) return found[1]
    }
    await new Promise((wake) => setTimeout(wake, 50))
  }
  assert.fail(`no code came to ${address}`)
}

async function notices() {
  const names = await readdir(cast.outbox).catch(() => [])
  return names.filter((n) => n.endsWith('.txt') && !n.includes('-space-made-') && !read.has(n))
}

/** backstage has something done behind the pages: see openBackstage. */
export async function backstage(what, who) {
  const answer = await fetch(`${base}/backstage/${what}`, { method: 'POST', body: new URLSearchParams({ who: who?.Address ?? '' }) })
  const text = await answer.text()
  assert.ok(answer.ok, `backstage ${what}: ${text}`)
  return text
}
