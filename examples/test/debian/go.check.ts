import { execFileSync } from 'node:child_process'
import { copyFileSync, writeFileSync } from 'node:fs'
import { freePort } from '@heirloom/local-stack'
import { beforeAll } from 'vitest'
import { checkAll } from '../support/check-all.ts'
import { startIssuer } from '../support/issuer.ts'
import { folder, recipe, startProgram } from './support.ts'

const issuer = await startIssuer()
const port = await freePort()
const url = `http://127.0.0.1:${port}`

/** With the library where Debian puts it, and without a proxy for modules. */
const GO_MOD = `module service
go 1.19
require github.com/golang-jwt/jwt/v4 v4.4.3
replace github.com/golang-jwt/jwt/v4 => /usr/share/gocode/src/github.com/golang-jwt/jwt
`

beforeAll(async () => {
  const cwd = folder('go')
  copyFileSync(recipe('service.go'), `${cwd}/service.go`)
  writeFileSync(`${cwd}/go.mod`, GO_MOD)
  const env = { PATH: process.env['PATH'], HOME: cwd, GOPROXY: 'off', GOFLAGS: '-mod=mod' }
  execFileSync('/usr/bin/go', ['build', '-o', 'service', '.'], { cwd, env })
  await startProgram(url, { ISSUER: issuer.url, PORT: String(port), SSL_CERT_FILE: issuer.caFile }, `${cwd}/service`)
}, 180_000)

checkAll(issuer, () => url)
