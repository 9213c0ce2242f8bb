import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AUTH_SERVER, type Client, realmOf } from '../../src/rules/realm.ts'
import { audienceOf, targetOfGrant, targetOfToken } from '../../src/rules/target.ts'
import { aClient, aRealm } from '../support/realm.ts'

const ISSUER = 'https://auth.example/tenant'
const MAIL = 'https://mail.example/api'
const ALL = ['files', MAIL, AUTH_SERVER]
/** As the realm has it: in another order than the registration, to see that the order is that of the client. */
const clientOf = (changes: Partial<Client>): Client =>
  realmOf(aRealm(aClient({ resources: ALL, ...changes }))).clients.get('web') as Client
const web = clientOf({})
const theirs = clientOf({ firstParty: false })

const granted = (client: Client, asked?: string[]) => {
  const target = targetOfGrant({ client, asked, issuer: ISSUER })
  return target.ok ? target.resources : null
}
const audience = (client: Client, grant: string | null, asked?: string[]) => {
  const target = targetOfToken({ client, asked, issuer: ISSUER }, grant)
  return target.ok ? audienceOf(target.resources, ISSUER) : null
}

describe('the resources of a grant', () => {
  test.each<[string, string[] | undefined, string[] | null]>([
    ['all of the client', undefined, ALL],
    ['all, if the parameter is there and empty', [], ALL],
    ['a bare name, as it is', ['files'], ['files']],
    ['several, in the order of the client', [MAIL, 'files'], ['files', MAIL]],
    ['one that is named twice, once', ['files', 'files'], ['files']],
    ['a URI in another spelling', ['HTTPS://MAIL.example:443/x/../api'], [MAIL]],
    ['the auth server by its issuer', [ISSUER], [AUTH_SERVER]],
    ['the auth server by its name in the realm', [AUTH_SERVER], [AUTH_SERVER]],
    ['the auth server by both, once', [AUTH_SERVER, ISSUER], [AUTH_SERVER]],
    ['no bare name in another case', ['FILES'], null],
    ['no URI with a slash too many', [`${MAIL}/`], null],
    ['no URI with a fragment (RFC 8707, section 2)', [`${MAIL}#part`], null],
    ['no part of a URI', ['https://mail.example'], null],
    ['nothing, if one of several is unknown', ['files', 'https://evil.example'], null],
    ['nothing for an empty name', [''], null],
  ])('%s', (_, asked, resources) => {
    expect(granted(web, asked)).toEqual(resources)
  })

  test('only a first-party client may name the auth server, whatever its row says', () => {
    expect(granted(theirs)).toEqual(['files', MAIL])
    expect(granted(theirs, [ISSUER])).toBeNull()
  })

  test('a resource that is not in the realm is none', () => {
    expect(granted(clientOf({ resources: ['gone', 'files'] }))).toEqual(['files'])
    expect(granted(clientOf({ resources: ['gone'] }))).toBeNull()
  })
})

describe('the audience of a token', () => {
  test.each<[string, Client, string | null, string[] | undefined, string | string[] | null]>([
    ['the one resource of the grant, as a string', theirs, 'files', undefined, 'files'],
    ['the one that is asked for, of several', theirs, `files ${MAIL}`, [MAIL], MAIL],
    ['in the registered spelling', theirs, `files ${MAIL}`, ['https://MAIL.example/api'], MAIL],
    ['all of the grant, for a first-party client', web, `files ${AUTH_SERVER}`, undefined, ['files', ISSUER]],
    ['the issuer alone', web, `files ${AUTH_SERVER}`, [ISSUER], ISSUER],
    ['not wider than the grant', web, 'files', [MAIL], null],
    ['not wider than the grant, among others', web, 'files', ['files', MAIL], null],
    ['not two for anyone else: a service could call the other', theirs, `files ${MAIL}`, ['files', MAIL], null],
    ['not two by default, either', theirs, `files ${MAIL}`, undefined, null],
    ['what the client may ask for now, in a session from before', web, null, undefined, ['files', MAIL, ISSUER]],
    ['not what the client may no longer ask for', clientOf({ resources: [MAIL] }), `files ${MAIL}`, undefined, MAIL],
    ['nothing, if nothing of the grant is left', clientOf({ resources: [MAIL] }), 'files', undefined, null],
  ])('%s', (_, client, grant, asked, expected) => {
    expect(audience(client, grant, asked)).toEqual(expected)
  })

  test('a refusal names the choices, in characters that a description may have', () => {
    const ask = (client: Client) => targetOfToken({ client, issuer: ISSUER }, null)
    expect(ask(theirs)).toMatchObject({ ok: false, description: expect.stringContaining(`files or ${MAIL}`) })
    const odd = ask({ ...theirs, resources: ['files', 'd\u00e9p\u00f4t"\\'] })
    expect(odd.ok ? '' : odd.description).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/)
  })

  test('whatever is asked for, it is among the grant and among what the client may ask for', () => {
    const names = fc.constantFrom(...ALL, ISSUER, 'gone', 'HTTPS://mail.example/api')
    const ids = fc.subarray([...ALL, 'gone'])
    fc.assert(
      fc.property(
        ids,
        ids,
        fc.option(fc.array(names), { nil: undefined }),
        fc.boolean(),
        (own, grant, asked, first) => {
          const client = clientOf({ resources: own, firstParty: first })
          const target = targetOfToken({ client, asked, issuer: ISSUER }, grant.join(' '))
          if (!target.ok) return
          expect(target.resources.length).toBeGreaterThan(0)
          for (const id of target.resources) expect(own.includes(id) && grant.includes(id)).toBe(true)
          if (!first) expect([target.resources.length, target.resources.includes(AUTH_SERVER)]).toEqual([1, false])
        },
      ),
    )
  })
})
