// The pages for people in Chromium: Jeanne activates her space, looks around,
// signs out and in again. By keyboard alone; once with every page looked at by
// axe-core in light, in dark and at 320 pixels, once without JavaScript.
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { withBrowser } from './browser.mjs'
import { base, matricule, need, step } from './setting.mjs'

const axe = await readFile(new URL(import.meta.resolve('axe-core/axe.min.js')), 'utf8')
const outbox = need('HUB_OUTBOX')
const shots = process.env.HUB_SHOTS // a folder for pictures of every page
const mail = need('HUB_MAIL')
const wide = { width: 1180, height: 900 }
const narrow = { width: 320, height: 640 }

const seen = new Set(await readdir(outbox).catch(() => []))

/** code waits for a mail to Jeanne that was not there before. */
async function code() {
  for (let i = 0; i < 150; i++) {
    for (const name of (await readdir(outbox).catch(() => [])).filter((n) => n.endsWith('.txt') && !seen.has(n))) {
      seen.add(name)
      const text = await readFile(join(outbox, name), 'utf8')
      const found = text.startsWith(`To: ${mail}\n`) && text.match(/ : ([0-9]{6}|[2-9A-HJ-NP-Za-hjkmnp-z]{8})\n/)
      if (found) return found[1]
    }
    await new Promise((wake) => setTimeout(wake, 100))
  }
  assert.fail('no code came')
}

/** A hand uses the keyboard and nothing else. */
class Hand {
  constructor(page) { this.page = page }

  async reach(target) {
    await target.waitFor({ state: 'attached' })
    for (let i = 0; i < 150; i++) {
      if (await target.evaluate((e) => e === document.activeElement)) return
      await this.page.keyboard.press('Tab')
    }
    assert.fail(`the keyboard does not reach ${target}`)
  }

  async type(label, text) {
    await this.reach(this.page.getByLabel(label, { exact: true }))
    await this.page.keyboard.type(text)
  }

  async choose(label) {
    const target = this.page.getByLabel(label)
    if (await target.isChecked()) return
    const name = await target.getAttribute('name')
    const kind = await target.getAttribute('type')
    if (kind === 'radio') { // one gets into a group by Tab, and about in it by the arrows
      const first = this.page.locator(`input[name="${name}"]`).first()
      const checked = this.page.locator(`input[name="${name}"]:checked`)
      await this.reach((await checked.count()) ? checked : first)
      for (let i = 0; i < 5 && !(await target.evaluate((e) => e === document.activeElement)); i++) await this.page.keyboard.press('ArrowDown')
    } else {
      await this.reach(target)
    }
    if (!(await target.isChecked())) await this.page.keyboard.press('Space')
    assert.ok(await target.isChecked(), label)
  }

  async press(name, role = 'button') {
    await this.reach(this.page.getByRole(role, { name, exact: true }).first())
    await Promise.all([this.page.waitForNavigation(), this.page.keyboard.press('Enter')])
  }

  async at(heading) {
    await this.page.getByRole('heading', { level: 1, name: heading }).waitFor()
  }
}

let pictures = 0

/** look has axe-core look at a page in every form that it has. */
async function look(page, name) {
  for (const [form, size, colorScheme] of [['light', wide, 'light'], ['dark', wide, 'dark'], ['narrow', narrow, 'light'], ['narrow-dark', narrow, 'dark']]) {
    await page.setViewportSize(size)
    await page.emulateMedia({ colorScheme })
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
    assert.ok(overflow <= 0, `${name}, ${form}: ${overflow} pixels too wide`)
    await page.evaluate(axe)
    const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }))
    assert.deepEqual(violations.map((v) => `${name}, ${form}: ${v.id}: ${v.nodes.map((n) => n.html).join(' ')}`), [])
    if (shots) await page.screenshot({ path: join(shots, `${String(++pictures).padStart(3, '0')}-${name}-${form}.png`), fullPage: true })
  }
  const size = (await page.content()).length
  assert.ok(size < 60_000, `${name} has ${size} characters`)
  await page.setViewportSize(wide)
  await page.emulateMedia({ colorScheme: 'light' })
}

const login = 'jeanne.vitale'
const password = 'Marché-Gris.27'

async function activate(hand, looked) {
  const { page } = hand
  await page.goto(base)
  await hand.at('Votre espace santé')
  await looked('welcome')
  await hand.press('Activer ou s\'opposer', 'link')
  await hand.at('Qui êtes-vous ?')
  await hand.press('Recevoir un code')
  await page.getByRole('alert').waitFor()
  assert.ok(await page.getByRole('alert').evaluate((e) => e === document.activeElement), 'what is wrong has the focus')
  await looked('identity-wrong')
  await hand.type('Numéro de sécurité sociale', matricule)
  await hand.type('Date de naissance', '12/05/1938')
  await hand.choose('Ma carte Vitale a une photo')
  await hand.type('Numéro de série de la carte', need('HUB_CARD'))
  await hand.press('Recevoir un code')
  await hand.at('Votre code provisoire')
  await looked('first-code')
  await hand.type('Code', await code())
  await hand.press('Continuer')
  await hand.at('Que décidez-vous ?')
  await looked('decide')
  await hand.choose('Ouvrir mon espace santé')
  await hand.press('Continuer')
  await hand.at('Les conditions')
  await looked('terms')
  await hand.choose('J\'ai lu et j\'accepte')
  await hand.press('Continuer')
  await hand.at('Où vous joindre ?')
  await looked('contact')
  await hand.press('Envoyer un code à cette adresse')
  await looked('contact-code')
  await hand.type('Code', await code())
  await hand.press('Continuer')
  await hand.at('Votre identifiant')
  await hand.type('Identifiant choisi', login)
  await hand.type('Mot de passe choisi', 'jeanne')
  await hand.type('Le même mot de passe, une seconde fois', 'jeanne')
  await hand.press('Continuer')
  await looked('credentials-wrong')
  await hand.type('Mot de passe choisi', password)
  await hand.type('Le même mot de passe, une seconde fois', password)
  await hand.press('Continuer')
  await hand.at('Un dernier code')
  await looked('last')
  await hand.press(/^Recevoir un code par courriel/)
  await looked('last-code')
  await hand.type('Code', await code())
  await hand.press('Ouvrir mon espace')
  await hand.at('Bonjour')
  await page.getByRole('status').getByText('Votre espace santé est ouvert.').waitFor()
  await looked('home')
}

async function signIn(hand, looked) {
  const { page } = hand
  await hand.press('Se connecter', 'link')
  await hand.at('Se connecter')
  await hand.type('Identifiant', login)
  await hand.type('Mot de passe', 'faux')
  await hand.press('Se connecter')
  await looked('sign-in-wrong')
  await hand.type('Mot de passe', password)
  await hand.press('Se connecter')
  await hand.at('Un code')
  await looked('factor')
  while (!(await page.getByLabel('Code', { exact: true }).count())) { // a code left less than thirty seconds ago
    await page.waitForTimeout(2000)
    await hand.press(/^Recevoir un code par courriel/)
  }
  await hand.type('Code', await code())
  await hand.press('Valider le code')
  await hand.at('Bonjour')
}

async function lookAround(hand, looked) {
  const { page } = hand
  await hand.press('Activité', 'link')
  await hand.at('Activité')
  await looked('activity')
  await hand.press('Accès', 'link')
  await hand.at('Accès')
  await hand.type('Adresse de messagerie du professionnel', need('HUB_DOCTOR'))
  await hand.press('Désigner médecin traitant')
  await page.getByRole('status').getByText('C\'est désormais votre médecin traitant.').waitFor()
  await looked('access')
  await hand.press('Sécurité', 'link')
  await hand.at('Sécurité')
  await hand.type('Nom du logiciel ou de l\'appareil', 'Thunderbird')
  await hand.press('Créer un mot de passe')
  await hand.at('Un mot de passe pour votre logiciel')
  await looked('device')
  await hand.press('C\'est fait', 'link')
  await looked('security')
  await hand.press('Ajouter')
  await hand.at('Ajouter une application')
  await looked('totp')
  await hand.press('Annuler', 'link')
  await page.goto(`${base}/securite/courriel`)
  await looked('new-contact')
  await page.goto(`${base}/securite/mot-de-passe`)
  await looked('new-password')
  await page.goto(`${base}/fermer`)
  await hand.at('Fermer mon espace')
  await looked('closing')
  await page.goto(`${base}/confirmer`)
  await looked('prove')
  await page.goto(`${base}/nulle-part`)
  await hand.at('Il n\'y a rien ici')
  await looked('nothing')
  await hand.press('English')
  await hand.at('Hello')
  await looked('home-english')
  await hand.press('Français')
}

async function close(hand, looked) {
  const { page } = hand
  await page.goto(`${base}/fermer`)
  await hand.choose('Je veux fermer mon espace santé')
  await hand.press('Fermer mon espace')
  await hand.at('Votre décision est enregistrée')
  await looked('proof')
}

await step('by keyboard alone, and every page as axe-core wants it', () => withBrowser({ viewport: wide, locale: 'fr-FR' }, async (page) => {
  page.on('request', (r) => assert.ok(r.url().startsWith(base), r.url()))
  const hand = new Hand(page)
  const looked = (name) => look(page, name)
  await activate(hand, looked)
  await lookAround(hand, looked)
  await hand.press('Se déconnecter')
  await looked('signed-out')
}))

await step('without JavaScript, on a narrow screen', () => withBrowser({ viewport: narrow, locale: 'fr-FR', javaScriptEnabled: false }, async (page) => {
  const hand = new Hand(page)
  await page.goto(base)
  await signIn(hand, async () => {})
  await hand.press('Activité', 'link')
  await hand.at('Activité')
  await close(hand, async () => {})
}))
