// How people use the pages: with a finger, with the keyboard alone, or in a
// browser that runs no script. The stories are told once for all of them.
import assert from 'node:assert/strict'
import { base, enter } from './stage.mjs'

export const phone = { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true }
export const desk = { viewport: { width: 1180, height: 900 } }

/** A Hand does what somebody does on a page. */
class Hand {
  constructor(page, look = async () => {}) {
    this.page = page
    this.look = look // is called with every page that is reached
  }

  button(name) { return this.page.getByRole('button', { name, exact: true }).first() }
  link(name) { return this.page.getByRole('link', { name, exact: true }).first() }

  async open(path) { await this.page.goto(base + path) }

  /** type fills in a field, in place of what is there. */
  async type(label, text) { await this.write(this.page.getByLabel(label, { exact: true }), text) }

  /** press sends a form, follow goes where a link leads: to another page. */
  async press(name) { await this.turn(() => this.use(this.button(name))) }
  async follow(name) { await this.turn(() => this.use(this.link(name))) }

  /** goes to a place of the navigation, whatever is counted beside its name. */
  async goes(place) {
    await this.turn(() => this.use(this.page.getByRole('navigation').getByRole('link', { name: place }).first()))
  }

  async turn(act) {
    await Promise.all([this.page.waitForNavigation({ timeout: 10_000 }), act()])
    await this.page.locator('.htmx-request, .htmx-swapping, .htmx-settling').first().waitFor({ state: 'detached' })
  }

  /** at waits for the page with that heading. */
  async at(heading) {
    await this.page.getByRole('heading', { level: 1, name: heading }).waitFor()
    await this.look(this.page)
  }

  /** comes waits for the page that comes by itself, where a script runs. */
  async comes(heading) {
    await this.page.getByRole('heading', { level: 1, name: heading }).waitFor()
    await this.at(heading)
  }

  /** waitsFor goes where a link leads, again and again, until there is the page
      with that heading. The page may come by itself. */
  async waitsFor(heading, link) {
    const there = this.page.getByRole('heading', { level: 1, name: heading })
    for (let i = 0; i < 30 && !(await there.count()); i++) {
      await this.page.waitForTimeout(500)
      if (await this.link(link).count()) await this.follow(link).catch(() => {})
    }
    await this.at(heading)
  }

  /** told waits for what is announced. */
  async told(words) { await this.page.getByRole('status').getByText(words).first().waitFor() }

  /** reads waits for words on the page. */
  async reads(words) { await this.page.getByText(words).first().waitFor() }
}

/** A Finger touches. */
export class Finger extends Hand {
  static async begin(browser, person, look) { return new Finger(await enter(browser, person, phone), look) }
  async use(target) { await target.tap() }
  async write(field, text) { await field.fill(text) }
  async choose(label) {
    const target = this.page.getByLabel(label)
    if (!(await target.isChecked())) await target.tap()
    assert.ok(await target.isChecked(), `${label} is not chosen`)
  }
}

/** A Mouse clicks, on a desk. */
export class Mouse extends Hand {
  static async begin(browser, person, look) { return new Mouse(await enter(browser, person, desk), look) }
  async use(target) { await target.click() }
  async write(field, text) { await field.fill(text) }
  async choose(label) { await this.page.getByLabel(label).check() }
}

/** A Plain hand has a small screen and no script. */
export class Plain extends Hand {
  static async begin(browser, person) {
    return new Plain(await enter(browser, person, { viewport: { width: 320, height: 640 }, javaScriptEnabled: false }))
  }
  async use(target) { await target.click() }
  async write(field, text) { await field.fill(text) }
  async choose(label) { await this.page.getByLabel(label).check() }
}

/** A Keyboard has no mouse: Tab, arrows, Space and Enter. Wherever the focus is,
    one sees it. */
export class Keyboard extends Hand {
  static async begin(browser, person) { return new Keyboard(await enter(browser, person, desk)) }

  async reach(target) {
    await target.waitFor({ state: 'attached' })
    for (let i = 0; i < 200; i++) {
      const { here, blind } = await target.evaluate(focus)
      assert.equal(blind, '', 'the focus is somewhere that one does not see')
      if (here) return
      await this.page.keyboard.press('Tab')
    }
    assert.fail(`the keyboard does not reach ${target}`)
  }

  async use(target) {
    await this.reach(target)
    await this.page.keyboard.press('Enter')
  }

  async write(field, text) {
    await this.reach(field)
    await this.page.keyboard.press('Control+A')
    await this.page.keyboard.press('Delete')
    await this.page.keyboard.type(text)
  }

  async choose(label) {
    const target = this.page.getByLabel(label)
    if (await target.isChecked()) return
    if (await target.getAttribute('type') === 'radio') { // Tab gets into a group, the arrows about in it
      const group = this.page.locator(`input[name="${await target.getAttribute('name')}"]`)
      const checked = group.and(this.page.locator(':checked'))
      await this.reach((await checked.count()) ? checked : group.first())
      for (let i = 0; i < 9 && !(await target.evaluate((e) => e === document.activeElement)); i++) await this.page.keyboard.press('ArrowDown')
    } else {
      await this.reach(target)
    }
    if (!(await target.isChecked())) await this.page.keyboard.press('Space')
    assert.ok(await target.isChecked(), `${label} is not chosen`)
  }

  /** skips goes over the navigation by the first link of the page. */
  async skips() {
    await this.page.keyboard.press('Tab')
    const { blind } = await this.page.locator('a.skip').evaluate(focus)
    assert.equal(blind, '')
    await this.page.keyboard.press('Enter')
    await this.page.waitForFunction(() => document.activeElement?.id === 'main')
  }
}

/** focus runs in the page: whether an element has the focus, and what is wrong
    with where the focus is, if it is not seen. */
function focus(target) {
  const e = document.activeElement
  const here = e === target
  if (!e || e === document.body || e.tabIndex < 0 || e.tagName === 'IFRAME') return { here, blind: '' } // the browser's own, or put there by the page
  const box = e.getBoundingClientRect()
  const inSight = box.width > 0 && box.height > 0 && box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth
  const marked = [e, e.closest('label'), e.closest('summary')].some((m) => {
    const s = m && getComputedStyle(m)
    return s && (s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2 || s.boxShadow !== 'none')
  })
  return { here, blind: inSight && marked ? '' : `${inSight ? 'not marked' : 'out of sight'}: ${e.outerHTML.slice(0, 160)}` }
}
