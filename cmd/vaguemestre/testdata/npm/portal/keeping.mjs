// Keeping one's space: who may read it, how one comes in; and leaving it.
import { createHmac } from 'node:crypto'
import { base, cast, codeAfter } from './stage.mjs'

/** decides about a professional, and for emergencies. */
export async function decidesWhoMayRead(hand) {
  await hand.open('/acces')
  await hand.at('Accès')
  await hand.type('Adresse de messagerie du professionnel', cast.doctor.Address)
  await hand.press('Désigner médecin traitant')
  await hand.told('C\'est désormais votre médecin traitant.')
  await hand.choose('Masquer les nouveaux documents')
  await hand.press('Enregistrer')
  await hand.told('C\'est enregistré.')
  await hand.look(hand.page)
}

export async function keepsTheKeys(hand) {
  const { page } = hand
  await hand.follow('Sécurité')
  await hand.at('Sécurité')
  await hand.type('Phrase choisie', 'le héron gris')
  await hand.press('Enregistrer')
  await hand.told('C\'est enregistré.')
  await hand.type('Nom du logiciel ou de l\'appareil', 'Thunderbird')
  await hand.press('Créer un mot de passe')
  await hand.at(/logiciel/)
  await hand.follow('C\'est fait')
  await hand.at('Sécurité')
  await hand.press('Retirer : Thunderbird')
  await hand.told('Ce mot de passe ne sert plus.')
  await hand.press('Ajouter')
  await hand.at('Ajouter une application')
  const key = await page.locator('.secret').first().innerText()
  await hand.type('Code', oneTimeCode(key))
  await hand.press('Valider le code')
  await hand.told('Votre application d\'authentification est ajoutée.')
  await hand.look(page)
  await hand.press('Retirer l\'application')
  await hand.told('L\'application d\'authentification est retirée.')
}

/** provesAgain is what matters asks for: the password and a code once more. */
export async function provesAgain(hand, who) {
  const { page } = hand
  await hand.open('/confirmer')
  await hand.at('Confirmez que c\'est bien vous')
  await hand.type('Mot de passe', who.Password)
  const code = await codeAfter(who.Mail, async () => {
    await hand.press('Continuer')
    while (await page.getByLabel('Code', { exact: true }).count() === 0) {
      await page.waitForTimeout(2000)
      await hand.press(/^Recevoir un code par courriel/)
    }
  })
  await hand.look(page)
  await hand.type('Code', code)
  await hand.press('Valider le code')
  await hand.told('C\'est bien vous.')
}

export async function leaves(hand) {
  await hand.open('/fermer')
  await hand.at('Fermer mon espace')
  await hand.press('Fermer mon espace')
  await hand.page.getByRole('alert').waitFor()
  await hand.look(hand.page)
  await hand.choose('Je veux fermer mon espace santé')
  await hand.press('Fermer mon espace')
  await hand.at('Votre décision est enregistrée')
  const text = hand.page.waitForEvent('download')
  await hand.page.goto(`${base}/preuve/texte`).catch(() => {}) // as its link does, but that the answer is seen
  await (await text).delete()
}

/** oneTimeCode is what an authenticator shows (RFC 6238). */
function oneTimeCode(key) {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
  const bits = [...key.replaceAll(/\W/g, '')].map((c) => letters.indexOf(c).toString(2).padStart(5, '0')).join('')
  const secret = Buffer.from(bits.match(/.{8}/g).map((b) => Number.parseInt(b, 2)))
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)))
  const mac = createHmac('sha1', secret).update(counter).digest()
  return String((mac.readUInt32BE(mac.at(-1) & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}
