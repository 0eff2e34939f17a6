// What every page has to be: without a fault that axe-core finds, in light, in
// dark and on the narrowest screen, and never wider than that.
import { readFile } from 'node:fs/promises'
import { fault } from './stage.mjs'

const axe = await readFile(new URL(import.meta.resolve('axe-core/axe.min.js')), 'utf8')
const wcag = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']
const forms = [
  ['light', { width: 1180, height: 900 }, 'light'],
  ['dark', { width: 1180, height: 900 }, 'dark'],
  ['narrow', { width: 320, height: 640 }, 'light'],
]

const seen = new Map() // parts, by address
export const looked = { pages: 0 }

/** look has axe-core look at a page that has a part which was not seen at the same
    address yet: names, dates and identifiers make no difference to it. What others
    have written has to be as WCAG asks, ours as is good practice, too. */
export async function look(page, { ours = true } = {}) {
  const [path, parts] = await page.evaluate(() => {
    const path = location.pathname.replaceAll(/[^/]{12,}|\d+/g, '*').replace(/^\/(proches|patients)\/\*(?=\/)/, '')
    const part = (e) => `${e.tagName}.${e.getAttribute('class') ?? ''}[${e.getAttribute('type') ?? e.getAttribute('role') ?? ''}]`
    return [path, [...new Set([...document.querySelectorAll('*')].map(part))]]
  })
  const known = seen.get(path) ?? new Set()
  if (parts.every((p) => known.has(p))) return
  seen.set(path, new Set([...known, ...parts]))
  looked.pages++
  const was = page.viewportSize()
  await page.evaluate(axe)
  const faults = []
  const rules = ours ? [...wcag, 'best-practice'] : wcag
  for (const [form, size, colorScheme] of forms) {
    await page.setViewportSize(size)
    await page.emulateMedia({ colorScheme })
    const tags = form === 'dark' ? ['cat.color'] : rules // nothing else is different there
    faults.push(...(await page.evaluate(check, tags)).map((f) => `${new URL(page.url()).pathname}, ${form}: ${f}`))
  }
  await page.setViewportSize(was)
  await page.emulateMedia({ colorScheme: 'light' })
  for (const f of faults) fault(f)
}

/** check runs in the page. */
async function check(runOnly) {
  const faults = []
  const over = document.documentElement.scrollWidth - window.innerWidth
  if (over > 0) {
    const wide = [...document.querySelectorAll('main *')].filter((e) => e.getBoundingClientRect().right > window.innerWidth)
    faults.push(`${over} pixels too wide: ${wide.slice(0, 3).map((e) => e.outerHTML.slice(0, 120)).join(' ')}`)
  }
  const { violations } = await window.axe.run(document, { runOnly, resultTypes: ['violations'], iframes: false }) // a frame is the browser's viewer of a document
  return faults.concat(violations.map((v) => `${v.id}: ${v.nodes.slice(0, 4).map((n) => n.html).join(' ')}`))
}
