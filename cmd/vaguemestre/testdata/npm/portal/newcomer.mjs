// The new patient activates the space with the code of a letter, and comes back.
import assert from 'node:assert/strict'
import { backstage, codeAfter } from './stage.mjs'

/** birth is a date of birth as people write it. */
function birth(date) { return `${date.slice(6)}/${date.slice(4, 6)}/${date.slice(0, 4)}` }

export async function activates(hand, who) {
  const { page } = hand
  await hand.open('/')
  await hand.at('Votre espace santé')
  await hand.follow('Activer ou s\'opposer')
  await hand.at('Qui êtes-vous ?')
  await hand.press('J\'ai déjà un code')
  const alert = page.getByRole('alert')
  await alert.waitFor()
  if (await page.evaluate(() => document.documentElement.classList.contains('script'))) {
    assert.ok(await alert.evaluate((e) => e === document.activeElement), 'what is wrong has the focus')
  }
  await announced(page, 'Numéro de sécurité sociale')
  await hand.look(page)
  await hand.type('Numéro de sécurité sociale', who.Matricule)
  await hand.type('Date de naissance', birth(who.Born))
  await hand.choose('Ma carte Vitale a une photo')
  await hand.type('Numéro de série de la carte', who.Card)
  await hand.press('J\'ai déjà un code')
  await hand.at('Votre code provisoire')
  await hand.type('Code', await backstage('letter', who))
  await hand.press('Continuer')
  await hand.at('Que décidez-vous ?')
  await hand.choose('Ouvrir mon espace santé')
  await hand.press('Continuer')
  await hand.at('Les conditions')
  await hand.choose('J\'ai lu et j\'accepte')
  await hand.press('Continuer')
  await hand.at('Où vous joindre ?')
  await hand.type('Adresse de courriel', who.Mail)
  const contact = await codeAfter(who.Mail, () => hand.press('Envoyer un code à cette adresse'))
  await hand.look(page)
  await hand.type('Code', contact)
  await hand.press('Continuer')
  await hand.at('Votre identifiant')
  await hand.type('Identifiant choisi', who.Login)
  await hand.type('Mot de passe choisi', 'alix')
  await hand.type('Le même mot de passe, une seconde fois', 'alix')
  await hand.press('Continuer')
  await announced(page, 'Mot de passe choisi')
  await hand.look(page)
  await hand.type('Mot de passe choisi', who.Password)
  await hand.type('Le même mot de passe, une seconde fois', who.Password)
  await hand.press('Continuer')
  await hand.at('Un dernier code')
  const last = await codeAfter(who.Mail, () => hand.press(/^Recevoir un code par courriel/))
  await hand.look(page)
  await hand.type('Code', last)
  await hand.press('Ouvrir mon espace')
  await hand.at('Bonjour')
  await hand.told('Votre espace santé est ouvert.')
}

/** announced checks that what is wrong with a field is joined to it, for whoever
    hears the page. */
export async function announced(page, label) {
  const field = page.getByLabel(label, { exact: true })
  assert.equal(await field.getAttribute('aria-invalid'), 'true', `${label} is not marked as wrong`)
  const said = await field.evaluate((e) => (e.getAttribute('aria-describedby') ?? '').split(' ').filter(Boolean).map((id) => document.getElementById(id)?.textContent.trim()))
  assert.ok(said.length > 0 && said.every(Boolean), `${label} is not told what is wrong: ${said}`)
}

export async function signsOut(hand) {
  await hand.press('Se déconnecter')
  await hand.at('Votre espace santé')
}

export async function signsIn(hand, who) {
  const { page } = hand
  await hand.open('/')
  await hand.follow('Se connecter')
  await hand.at('Se connecter')
  await hand.type('Identifiant', who.Login)
  await hand.type('Mot de passe', 'faux')
  await hand.press('Se connecter')
  await page.getByRole('alert').waitFor()
  await hand.look(page)
  await hand.type('Mot de passe', who.Password)
  const code = await codeAfter(who.Mail, async () => {
    await hand.press('Se connecter')
    await hand.at('Un code')
    while (await page.getByLabel('Code', { exact: true }).count() === 0) { // the last one left less than thirty seconds ago
      await page.waitForTimeout(2000)
      await hand.press(/^Recevoir un code par courriel/)
    }
  })
  await hand.type('Code', code)
  await hand.press('Valider le code')
  await hand.at('Bonjour')
}
