// Chromium, as the scripts here use it: it trusts the certificate that Node has
// verified, and no other, and keeps nothing.
import { createHash } from 'node:crypto'
import { connect } from 'node:tls'
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

/** withBrowser runs fn(browser) in a new one, whose contexts share nothing. */
export async function withBrowser(fn) {
  const browser = await chromium.launch({
    executablePath: need('HUB_CHROMIUM'),
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', `--ignore-certificate-errors-spki-list=${await fingerprint()}`],
  })
  try {
    await fn(browser)
  } finally {
    await browser.close()
  }
}
