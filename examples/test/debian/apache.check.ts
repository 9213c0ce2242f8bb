import { readFileSync, writeFileSync } from 'node:fs'
import { freePort } from '@heirloom/local-stack'
import { beforeAll } from 'vitest'
import { checkAll } from '../support/check-all.ts'
import { startIssuer } from '../support/issuer.ts'
import { folder, recipe, startApplication, startProgram } from './support.ts'

const issuer = await startIssuer()
const address = `127.0.0.1:${await freePort()}`
const url = `http://${address}`

const MODULES = 'mpm_event authn_core authz_core authz_user alias headers proxy proxy_http auth_openidc'.split(' ')

beforeAll(async () => {
  const place = folder('apache')
  const site = readFileSync(recipe('apache/heirloom.conf'), 'utf8')
    .replaceAll('https://auth.example', issuer.url)
    .replace('http://127.0.0.1:3000', `http://${await startApplication()}`)
  writeFileSync(
    `${place}/apache.conf`,
    [
      ...MODULES.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`),
      `Listen ${address}`,
      `ServerName localhost`,
      `ServerRoot ${place}`,
      `PidFile ${place}/pid`,
      `ErrorLog ${place}/error.log`,
      `OIDCCABundlePath ${issuer.caFile}`,
      site,
    ].join('\n'),
  )
  await startProgram(url, {}, '/usr/sbin/apache2', '-f', `${place}/apache.conf`, '-D', 'FOREGROUND')
})

// `Require` refuses with a single status, and the module accepts a token without `exp`.
checkAll(issuer, () => url, {
  'not a token': 403,
  'without an end': 200,
  'an ID token, by its typ': 403,
  'without a typ': 403,
  'without the scope': 401,
  'with a longer scope of that beginning': 401,
})
