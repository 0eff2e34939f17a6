// What a patient does in the space: reads a report, answers the doctor, hides a
// document, sees who looked.
import assert from 'node:assert/strict'
import { announced } from './newcomer.mjs'
import { backstage, cast } from './stage.mjs'

const subject = 'Votre compte rendu'

/** readsTheReport opens the mail, and the document that it brought. */
export async function readsTheReport(hand, who) {
  const { page } = hand
  await backstage('report', who)
  await hand.goes('Accueil')
  await hand.at('Bonjour')
  await hand.follow('Ouvrir la messagerie')
  await hand.at('Messagerie')
  await hand.follow(/Votre compte rendu/)
  await hand.at(subject)
  await hand.reads('Voici le compte rendu de ce matin.')
  await hand.reads('Identité vérifiée')
  await hand.turn(() => hand.use(page.locator('.filed a').first()))
  await hand.at(/./)
  await hand.reads('À propos de ce document')
  const file = await page.context().request.get(await page.getByRole('link', { name: 'Ouvrir en grand' }).evaluate((a) => a.href))
  assert.match(file.headers()['content-type'], /^application\/pdf/)
  assert.match(String(await file.body()), /^%PDF-/)
}

/** narrows chooses a shelf: the page stays, its list changes, and reading begins there. */
export async function narrows(hand) {
  const { page } = hand
  await hand.open('/documents')
  await page.evaluate(() => { window.stays = true })
  await page.locator('nav.shelves a').nth(1).click()
  await page.waitForURL(/rayon=/)
  await page.waitForFunction(() => window.stays && document.activeElement.id === 'main')
  assert.equal(await page.locator('nav.shelves a[aria-current]').count(), 1)
  await hand.look(page)
}

/** answersTheDoctor writes, takes back what was sent, and sends it for good. */
export async function answersTheDoctor(hand, text) {
  await hand.goes('Messagerie')
  await hand.at('Messagerie')
  await hand.follow(/Votre compte rendu/)
  await hand.at(subject)
  await hand.follow('Répondre')
  await hand.at('Répondre')
  await hand.type('Message', '')
  await hand.press('Envoyer')
  await announced(hand.page, 'Message')
  await hand.look(hand.page)
  await hand.type('Message', text)
  await hand.press('Envoyer')
  await hand.at('Votre message va partir')
  await hand.press('Annuler l\'envoi')
  await hand.told('L\'envoi est annulé.')
  await hand.press('Envoyer')
  await hand.waitsFor('Votre message est parti', 'Voir où il en est')
}

/** answers a message at once, from home. */
export async function answers(hand, subject, text) {
  await hand.open('/')
  await hand.at('Bonjour')
  await hand.goes('Messagerie')
  await hand.follow(subject)
  await hand.follow('Répondre')
  await hand.type('Message', text)
  await hand.press('Envoyer')
  await hand.comes('Votre message est parti')
}

/** cannotAnswer finds out that the doctor has ended the exchange. */
export async function cannotAnswer(hand, subject) {
  await hand.goes('Messagerie')
  await hand.at('Messagerie')
  await hand.reads('Échange terminé')
  await hand.follow(subject)
  await hand.reads('a mis fin à cet échange.')
  await hand.look(hand.page)
  assert.equal(await hand.link('Répondre').count(), 0)
}

export async function hidesTheDocument(hand) {
  await hand.goes('Documents')
  await hand.at('Mes documents')
  await hand.turn(() => hand.use(hand.page.locator('.docs a').first()))
  await hand.press('Masquer aux professionnels')
  await hand.told('Le document est masqué aux professionnels.')
  await hand.look(hand.page)
  await hand.follow('Qui peut voir ce document ?')
  await hand.at('Qui peut voir ce document ?')
  await hand.reads('Ce document est masqué aux professionnels.')
  await hand.reads('Ne peuvent pas le voir')
}

/** seesWhoLooked finds the doctor and oneself in the trail. */
export async function seesWhoLooked(hand, who) {
  await backstage('look', who)
  await hand.goes('Activité et accès')
  await hand.at('Activité')
  const lines = hand.page.locator('.trail li')
  await lines.filter({ hasText: /THOMAS.*a consulté la liste des documents/ }).first().waitFor()
  await lines.filter({ hasText: /THOMAS.*a lu un document/ }).first().waitFor()
  await lines.filter({ hasText: /Vous avez changé qui peut voir un document/ }).first().waitFor()
}
