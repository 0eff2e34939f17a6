// Everything, in one browser. Each scene says how it went.
import { withBrowser } from '../browser.mjs'
import { Finger, Keyboard, Plain } from './hands.mjs'
import { look, looked } from './look.mjs'
import { activates, seesWhoLooked, signsOutAndIn } from './newcomer.mjs'
import { enter, heaviest, note, people, scene } from './stage.mjs'
import { sweeps } from './sweep.mjs'

await withBrowser(async (browser) => {
  for (const [way, who, begin] of [
    ['by touch on a phone', people.touch, () => Finger.begin(browser, null, look)],
    ['by keyboard alone', people.keyboard, () => Keyboard.begin(browser)],
    ['without a script', people.plain, () => Plain.begin(browser)],
  ]) {
    await scene(`a new patient, ${way}`, async () => {
      const hand = await begin()
      await activates(hand, who)
      await seesWhoLooked(hand)
      await signsOutAndIn(hand, who)
    })
  }
  await sweeps(browser)
  note(`axe-core looked at ${looked.pages} pages; the heaviest is ${heaviest.path} with ${heaviest.bytes} bytes`)
})
