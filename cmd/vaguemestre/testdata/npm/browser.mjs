// Chromium, as the scripts here use it: it trusts the certificate that Node has
// verified, and no other, and keeps nothing.
import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:tls'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { base, need } from './setting.mjs'

function fingerprint() {
  const { hostname: host, port } = new URL(base)
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port || 443), servername: host }, () => {
      const key = socket.getPeerX509Certificate().publicKey.export({ type: 'spki', format: 'der' })
      socket.end()
      resolve(createHash('sha256').update(key).digest('base64'))
    }).on('error', reject)
  })
}

/** withBrowser runs fn(page, context) in a new browser. */
export async function withBrowser(options, fn) {
  const profile = await mkdtemp(join(tmpdir(), 'browser-'))
  let browser
  try {
    browser = await chromium.launchPersistentContext(profile, {
      executablePath: need('HUB_CHROMIUM'),
      headless: true,
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
        '--disable-component-update', '--disable-sync', `--ignore-certificate-errors-spki-list=${await fingerprint()}`],
      ...options,
    })
    browser.setDefaultTimeout(15_000)
    await fn(browser.pages()[0] ?? (await browser.newPage()), browser)
  } finally {
    await browser?.close()
    await rm(profile, { recursive: true, force: true })
  }
}
