import { describe, expect, it } from 'vitest'
import { discoverJwksUri } from '../../src/keys/discover-jwks-uri.ts'
import { serve } from '../issuer.ts'
import { virtualRuntime } from '../virtual-runtime.ts'

const LIMITS = { timeoutMs: 5_000, maxBytes: 65_536 }

/** Discovers with canned documents instead of a network. */
async function discover(issuer: string, documents: Record<string, unknown>) {
  const asked: string[] = []
  const { runtime } = virtualRuntime()
  const fetch = async (input: string | URL | Request) => {
    const url = typeof input === 'string' ? input : input instanceof URL ? input.href : input.url
    asked.push(url)
    return url in documents ? Response.json(documents[url]) : new Response(null, { status: 404 })
  }
  return { asked, result: await discoverJwksUri(issuer, LIMITS, { ...runtime, fetch }) }
}

describe('RFC 8414, section 3.1: where the metadata are', () => {
  it.each([
    ['https://a.example', 'https://a.example/.well-known/oauth-authorization-server'],
    ['https://a.example/', 'https://a.example/.well-known/oauth-authorization-server'],
    ['https://a.example/t/1', 'https://a.example/.well-known/oauth-authorization-server/t/1'],
  ])('of %s', async (issuer, url) => {
    const { result } = await discover(issuer, { [url]: { issuer, jwks_uri: 'https://a.example/keys' } })
    expect(result).toEqual({ ok: true, url: 'https://a.example/keys' })
  })

  it('or else where OpenID Connect has them', async () => {
    const issuer = 'https://a.example/t/1'
    const url = 'https://a.example/t/1/.well-known/openid-configuration'
    const { result, asked } = await discover(issuer, { [url]: { issuer, jwks_uri: 'https://b.example/keys' } })
    expect(result).toEqual({ ok: true, url: 'https://b.example/keys' })
    expect(asked).toHaveLength(2)
  })

  it('once, if there is no answer', async () => {
    const { runtime } = virtualRuntime()
    expect(await discoverJwksUri('http://127.0.0.1:1', LIMITS, runtime)).toMatchObject({ ok: false })
  })
})

describe('RFC 8414, section 3.3: the issuer must be identical', () => {
  it.each(['https://a.example/', 'https://A.example', 'https://b.example', undefined, null, ['https://a.example']])(
    'refuses metadata of %j',
    async (issuer) => {
      const url = 'https://a.example/.well-known/oauth-authorization-server'
      const { result } = await discover('https://a.example', { [url]: { issuer, jwks_uri: 'https://a.example/keys' } })
      expect(result).toEqual({
        ok: false,
        reason: expect.stringMatching(/^metadata: of another issuer, .*expected/),
        url,
      })
    },
  )
})

describe('where an issuer may point', () => {
  const pointTo = async (jwks_uri: unknown, issuer = 'https://a.example') => {
    const url = `${issuer}/.well-known/oauth-authorization-server`
    return (await discover(issuer, { [url]: { issuer, jwks_uri } })).result
  }

  it.each([
    'http://a.example/keys',
    'file:///etc/passwd',
    'data:application/json,{}',
    'https://user:password@a.example/keys',
    'https://127.0.0.1/keys',
    'https://2130706433/keys',
    'https://0x7f.1/keys',
    'https://localhost/keys',
    'https://issuer.localhost/keys',
    'https://localhost./keys',
    'https://issuer.localhost./keys',
    'https://127.0.0.1./keys',
    'https://metadata.google.internal/computeMetadata/v1/',
    'https://printer.local/keys',
    'https://kubernetes/keys',
    'https://kubernetes.default.svc.cluster.local/keys',
    'https://192.0.0.192/keys',
    'https://198.18.0.1/keys',
    'https://203.0.113.7/keys',
    'https://224.0.0.1/keys',
    'https://240.0.0.1/keys',
    'https://255.255.255.255/keys',
    'https://[::]/keys',
    'https://[::127.0.0.1]/keys',
    'https://[64:ff9b::7f00:1]/keys',
    'https://[64:ff9b:1::a00:1]/keys',
    'https://[2002:7f00:1::]/keys',
    'https://[2001:0:7f00:1::]/keys',
    'https://[2001:db8::1]/keys',
    'https://[3fff::1]/keys',
    'https://[fec0::1]/keys',
    'https://[ff02::1]/keys',
    'https://[100::1]/keys',
    'https://10.1.2.3/keys',
    'https://172.31.0.1/keys',
    'https://192.168.1.1/keys',
    'https://169.254.169.254/latest/meta-data',
    'https://[::1]/keys',
    'https://[fd00::1]/keys',
    'https://[fe80::1]/keys',
    'https://[::ffff:10.0.0.1]/keys',
    'keys',
    '',
    undefined,
    7,
  ])('a public issuer not to %s', async (jwksUri) => {
    expect(await pointTo(jwksUri)).toMatchObject({ ok: false })
  })

  it('a public issuer to another public host, a local one to itself', async () => {
    for (const host of [
      'keys.example:8443',
      'a.example.',
      'local.example',
      '93.184.215.14',
      '[2606:4700:4700::1111]',
    ]) {
      expect(await pointTo(`https://${host}/a?b=c`)).toMatchObject({ ok: true })
    }
    expect(await pointTo('http://127.0.0.1:4000/keys', 'http://127.0.0.1:4000')).toMatchObject({ ok: true })
  })
})

it('reads metadata from a real server', async () => {
  const issuer: string = await serve((_request, response) =>
    response.end(JSON.stringify({ issuer, jwks_uri: `${issuer}/k` })),
  )
  const { runtime } = virtualRuntime()
  expect(await discoverJwksUri(issuer, LIMITS, runtime)).toEqual({ ok: true, url: `${issuer}/k` })
})
