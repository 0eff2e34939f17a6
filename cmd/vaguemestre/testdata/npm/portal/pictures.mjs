// Pictures of the pages for people who read about them: those in docs/screens.
import { join } from 'node:path'
import { desk, Finger, Mouse } from './hands.mjs'
import { cast, people } from './stage.mjs'

const phone = { width: 390, height: 844 }
const folder = process.env.HUB_PICTURES

export const wanted = Boolean(folder)

export async function pictures(browser) {
  const finger = await Finger.begin(browser, people.dominique)
  await finger.open('/')
  await shoot(finger, 'phone-home', phone)
  await finger.goes('Messagerie')
  await finger.follow(/CR d'examens biologiques/)
  await shoot(finger, 'phone-conversation', phone)

  const mouse = await Mouse.begin(browser, people.dominique)
  await mouse.open('/documents')
  await shoot(mouse, 'documents', desk.viewport)
  await mouse.turn(() => mouse.use(mouse.page.locator('.docs a', { hasText: /examens biologiques/ }).first()))
  await mouse.page.waitForTimeout(500) // the document draws itself
  await shoot(mouse, 'document', desk.viewport)
  await mouse.follow('Qui peut voir ce document ?')
  await shoot(mouse, 'who', desk.viewport)
  await mouse.open('/activite')
  await shoot(mouse, 'history', desk.viewport)

  const doctor = await Mouse.begin(browser, cast.doctor)
  await doctor.open(`/patients/${cast.record}`)
  await shoot(doctor, 'record', desk.viewport)
}

async function shoot(hand, name, size) {
  await hand.page.setViewportSize(size)
  await hand.page.screenshot({ path: join(folder, `${name}.png`), scale: 'css' })
}
