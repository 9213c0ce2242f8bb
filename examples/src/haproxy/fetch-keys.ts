// node fetch-keys.ts https://auth.example /etc/haproxy/keys
// Run it regularly, more often than SIGNING_KEY_LEAD_SECONDS. If the keys have changed, it prints a line: then reload HAProxy.
import { type webcrypto, createPublicKey } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'

const FILES = 4

const [issuer = '', folder = ''] = process.argv.slice(2)
const answer = await fetch(`${issuer}/.well-known/jwks.json`)
if (!answer.ok) throw new Error(`the issuer answered ${answer.status}`)
const { keys } = (await answer.json()) as { keys: webcrypto.JsonWebKey[] }
const pems = keys.map((key) => createPublicKey({ key, format: 'jwk' }).export({ type: 'spki', format: 'pem' }))
if (pems.length === 0 || pems.length > FILES)
  throw new Error(`the issuer has ${pems.length} keys, but there are files for 1 to ${FILES}`)

mkdirSync(folder, { recursive: true })
let changed = false
for (let place = 0; place < FILES; place++) {
  const file = `${folder}/${place + 1}.pem`
  // HAProxy needs every file that its configuration names, so the last key fills the remaining files.
  const pem = String(pems[Math.min(place, pems.length - 1)])
  if (read(file) === pem) continue
  writeFileSync(file, pem)
  changed = true
}
if (changed) console.log(`${keys.length} keys`)

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
