import { startService } from '@heirloom/local-stack'
import { createVerifier } from '@heirloom/verifier'
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest'
import { AUDIENCE, startOidcProvider } from './support/oidc-provider.ts'

const other = await startOidcProvider()
let url: string

beforeAll(async () => {
  const script = 'examples/src/other-issuer.ts'
  const service = await startService({ script, env: { ISSUER: other.issuer } })
  afterAll(() => service.stop())
  url = `${service.url}/reports`
  await vi.waitFor(() => fetch(url), { timeout: 30_000 })
})

const call = (token: string) => fetch(url, { headers: { authorization: `Bearer ${token}` } })

it('accepts a client’s own token and a user’s', async () => {
  const answer = await call(await other.clientToken(AUDIENCE))
  expect(answer.status).toBe(200)
  expect(await answer.json()).toEqual({ sub: other.clientId })
  expect(await (await call((await other.userTokens('ann')).access_token)).json()).toEqual({ sub: 'ann' })
})

it('refuses its ID tokens, its opaque tokens, and its tokens for other services', async () => {
  const { id_token } = await other.userTokens('ann')
  for (const token of [id_token, await other.clientToken('urn:opaque'), await other.clientToken('urn:other-api')]) {
    expect(token).toMatch(/./)
    expect((await call(token)).status).toBe(401)
  }
})

it('requires the scope', async () => {
  expect((await call(await other.clientToken(AUDIENCE, ''))).status).toBe(403)
})

it('without the profile, the log says what a user’s token lacks: Heirloom’s own claims are required by default', async () => {
  const verifier = createVerifier({ issuer: other.issuer, audience: AUDIENCE })
  onTestFinished(() => verifier.close())
  await verifier.ready()
  const { access_token: ofAUser } = await other.userTokens('ann')
  expect(await verifier.verify(ofAUser)).toMatchObject({
    code: 'claim_malformed',
    description: 'The subject of a token without a session must be its client.',
  })
})
