// The professional: comes in by Pro Santé Connect, finds a patient, reads, writes.
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
  await hand.page.getByRole('alert').waitFor()
  await hand.look(hand.page)
  await hand.type('Matricule INS', who.Matricule)
  await hand.press('Trouver un patient')
  await hand.at('Dossier')
}

export async function goes(hand) {
  await hand.press('Se déconnecter')
  const onwards = hand.link('Continuer')
  if (await onwards.count()) await hand.look(hand.page)
}
