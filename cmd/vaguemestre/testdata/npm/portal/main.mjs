// Everything, in one browser. Each scene says how it went.
import { withBrowser } from '../browser.mjs'
import { Finger, Keyboard, Mouse, Plain } from './hands.mjs'
import { decidesWhoMayRead, keepsTheKeys, leaves, provesAgain } from './keeping.mjs'
import { look, looked } from './look.mjs'
import { answers, answersTheDoctor, cannotAnswer, hidesTheDocument, narrows, readsTheReport, seesWhoLooked } from './living.mjs'
import { activates, signsIn, signsOut } from './newcomer.mjs'
import { pictures, wanted } from './pictures.mjs'
import { comesIn, deposits, ends, finds, goes, opensTheRecord, writes } from './professional.mjs'
import { heaviest, note, people, scene } from './stage.mjs'
import { sweeps } from './sweep.mjs'

await withBrowser(async (browser) => {
  const ways = [
    ['by touch on a phone', people.touch, () => Finger.begin(browser, null, look)],
    ['by keyboard alone', people.keyboard, () => Keyboard.begin(browser)],
    ['without a script', people.plain, () => Plain.begin(browser)],
  ]
  if (wanted) await scene('pictures of the pages', () => pictures(browser))
  for (const [way, who, begin] of ways) {
    await scene(`a new patient, ${way}`, async () => {
      const hand = await begin()
      await activates(hand, who)
      await readsTheReport(hand, who)
      await answersTheDoctor(hand, 'Bonjour docteur, le traitement me convient. Merci !')
      await hidesTheDocument(hand)
      await seesWhoLooked(hand, who)
      await signsOut(hand)
    })
  }
  await sweeps(browser)
  await scene('a patient narrows a list', async () => narrows(await Finger.begin(browser, people.dominique, look)))
  await scene('a patient decides who may read, and keeps the keys', async () => {
    const hand = await Finger.begin(browser, people.newcomer, look)
    await decidesWhoMayRead(hand)
    await keepsTheKeys(hand)
  })
  await scene('a physician finds a patient, reads, deposits, writes, is answered, and ends it', async () => {
    const hand = await Mouse.begin(browser, null, look)
    await comesIn(hand, 'Éric THOMAS')
    await finds(hand, people.neighbour)
    await opensTheRecord(hand)
    await deposits(hand, 'Consultation de ce jour')
    await writes(hand, 'Après la consultation', 'Comment allez-vous depuis ?')
    const other = await Finger.begin(browser, people.neighbour, look)
    await answers(other, /Après la consultation/, 'Mieux, merci.')
    await ends(hand, 'Après la consultation', 'Mieux, merci.')
    await cannotAnswer(other, /Après la consultation/)
    await goes(hand)
  })
  for (const [way, who, begin] of ways) {
    await scene(`the patient comes back, ${way}`, async () => signsIn(await begin(), who))
  }
  await scene('a patient proves who they are once more, and leaves', async () => {
    const hand = await Finger.begin(browser, people.newcomer, look)
    await provesAgain(hand, people.newcomer)
    await leaves(hand)
  })
  note(`axe-core looked at ${looked.pages} pages; the heaviest is ${heaviest.path} with ${heaviest.bytes} bytes`)
})
