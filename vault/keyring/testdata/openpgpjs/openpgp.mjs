// Runs jobs of the Go test with openpgp.js: reads a JSON list on standard
// input, writes the list of answers. Bytes travel as base64.
import * as openpgp from 'openpgp';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

const bytes = (text) => new Uint8Array(Buffer.from(text, 'base64'));

async function opened(options) {
  const { data, filename } = await openpgp.decrypt({ format: 'binary', ...options });
  return { sha256: createHash('sha256').update(data).digest('hex'), name: filename };
}

const does = {
  // Makes a key as a person would with this program.
  generate: async ({ v6 }) => {
    const { publicKey, privateKey } = await openpgp.generateKey({
      userIDs: [{ name: 'Invented Person' }],
      config: { v6Keys: v6, aeadProtect: v6 },
    });
    return { publicKey, privateKey };
  },

  // Opens a message with the session key alone.
  session: async ({ message, key }) =>
    opened({
      message: await openpgp.readMessage({ binaryMessage: bytes(message) }),
      sessionKeys: { data: bytes(key), algorithm: 'aes256' },
    }),

  // Opens a message with a private key.
  message: async ({ message, privateKey }) =>
    opened({
      message: await openpgp.readMessage({ binaryMessage: bytes(message) }),
      decryptionKeys: await openpgp.readPrivateKey({ armoredKey: privateKey }),
    }),

  // Says what it understands of a certificate.
  certificate: async ({ certificate }) => {
    const key = await openpgp.readKey({ binaryKey: bytes(certificate) });
    return {
      fingerprint: key.getFingerprint(),
      algorithms: key.getKeys().map((k) => k.getAlgorithmInfo().algorithm),
    };
  },
};

const answers = [];
for (const job of JSON.parse(readFileSync(0, 'utf8'))) {
  try {
    answers.push(await does[job.do](job));
  } catch (e) {
    answers.push({ error: e.message });
  }
}
process.stdout.write(JSON.stringify(answers));
