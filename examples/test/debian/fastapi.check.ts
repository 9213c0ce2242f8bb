import { freePort } from '@heirloom/local-stack'
import { beforeAll } from 'vitest'
import { checkAll } from '../support/check-all.ts'
import { startIssuer } from '../support/issuer.ts'
import { recipe, startProgram } from './support.ts'

const issuer = await startIssuer()
const port = await freePort()
const url = `http://127.0.0.1:${port}`

beforeAll(async () => {
  const env = { ISSUER: issuer.url, PORT: String(port), SSL_CERT_FILE: issuer.caFile }
  await startProgram(url, env, '/usr/bin/python3', recipe('fastapi_service.py'))
})

checkAll(issuer, () => url)
