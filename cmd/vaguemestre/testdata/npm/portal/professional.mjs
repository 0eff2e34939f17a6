// The professional: comes in by Pro Santé Connect, finds a patient, declares to be
// of their care team, reads, deposits, writes, and ends the exchange.
import { announced } from './newcomer.mjs'

/** comesIn takes both sides: our pages, and the stand-in for Pro Santé Connect,
    where people choose who they are. */
export async function comesIn(hand, name) {
  const { page } = hand
  await hand.open('/')
  await hand.follow('Se connecter avec Pro Santé Connect')
  await page.getByRole('button', { name }).click()
  await page.getByRole('heading', { level: 1, name: 'Bonjour' }).waitFor()
  await hand.look(page)
}

export async function finds(hand, who) {
  await hand.goes('Patients')
  await hand.at('Patients')
  await hand.press('Trouver un patient')
  await announced(hand.page, 'Matricule INS')
  await hand.look(hand.page)
  await hand.type('Matricule INS', who.Matricule)
  await hand.press('Trouver un patient')
  await hand.at('Dossier')
}

/** opensTheRecord of a patient whom the professional has nothing to do with yet. */
export async function opensTheRecord(hand) {
  await hand.reads('Ce dossier ne vous est pas ouvert.')
  await hand.follow('Accès en urgence')
  await hand.at('Accès en urgence')
  await hand.press('Ouvrir le dossier en urgence')
  await announced(hand.page, 'Motif')
  await hand.look(hand.page)
  await hand.page.goBack()
  await hand.page.goBack()
  await hand.at('Dossier')
  await hand.choose('Je fais partie de son équipe de soins')
  await hand.press('Ouvrir le dossier')
  await hand.told('Le dossier vous est ouvert.')
  await hand.look(hand.page)
}

export async function deposits(hand, title) {
  const { page } = hand
  await hand.follow('Voir les documents')
  await hand.at('Documents')
  await hand.follow(/^Ajouter/)
  await hand.at('Ajouter des documents')
  await page.getByLabel('Vos fichiers').setInputFiles({ name: 'note.txt', mimeType: 'text/plain', buffer: Buffer.from('Tension 12/8, repos.') })
  await page.getByLabel('Type de document').selectOption({ label: 'CR ou fiche de consultation ou de visite' })
  await hand.type('Titre', title)
  await hand.use(hand.button('Ajouter')) // with a script the page changes by itself, once all is sent
  await hand.at('Documents ajoutés')
  await hand.turn(() => hand.use(page.locator('main .list a').first()))
  await hand.at(title)
  await hand.follow('← Tous les documents')
  await hand.at('Documents')
}

export async function writes(hand, subject, text) {
  const { page } = hand
  await hand.turn(() => hand.use(page.locator('a[href^="/patients/"]:not([href*="/documents"])').first()))
  await hand.at('Dossier')
  await hand.follow('Écrire')
  await hand.at('Écrire un message')
  await hand.press('Joindre un document du dossier')
  await hand.at('Choisir des documents')
  await page.locator('input[name=document]').first().check()
  await hand.press('Joindre au message')
  await hand.told('C\'est joint au message.')
  await hand.type('Objet', subject)
  await hand.type('Message', text)
  await hand.press('Relire avant l\'envoi')
  await hand.at('Relire votre message')
  await hand.press('Envoyer')
  await hand.at('Votre message va partir')
  await hand.comes('Votre message est parti')
}

/** ends finds an answer, and ends the exchange. */
export async function ends(hand, subject, answer) {
  await hand.goes('Messagerie')
  await hand.at('Messagerie')
  await hand.follow(new RegExp(subject))
  await hand.at(subject)
  await hand.reads(answer)
  await hand.page.getByText('Autres actions').click()
  await hand.follow('Mettre fin à l\'échange avec ce patient')
  await hand.at('Mettre fin à l\'échange')
  await hand.press('Mettre fin, sans message')
  await hand.comes('Votre message est parti')
}

export async function goes(hand) {
  await hand.press('Se déconnecter')
  const onwards = hand.link('Continuer')
  if (await onwards.count()) await hand.look(hand.page)
}
