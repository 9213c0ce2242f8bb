import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type HeirloomClaims,
  type Profile,
  type UserClaims,
  checkClaims,
  heirloomProfile,
  rfc9068Profile,
  shapes,
} from '../src/index.ts'

const NOW = 1_800_000_000
const expected = { issuer: 'https://auth.example', audience: 'resource-api', now: NOW, clockToleranceSeconds: 10 }
const claims: UserClaims = {
  iss: 'https://auth.example',
  aud: 'resource-api',
  sub: 'user-1',
  client_id: 'web',
  sid: 'session-1',
  jti: 'token-1',
  iat: NOW,
  exp: NOW + 900,
  auth_time: NOW - 3600,
  scope: 'reports:read reports:write',
  roles: ['editor'],
}

const check = (changes: Record<string, unknown>) => checkClaims(heirloomProfile, { ...claims, ...changes }, expected)
const faultOf = (changes: Record<string, unknown>) => {
  const result = check(changes)
  return result.ok ? 'none' : `${result.fault} ${result.claim}`
}
const without = (claim: string) => Object.fromEntries(Object.entries(claims).filter(([name]) => name !== claim))

const ALWAYS = ['iss', 'aud', 'sub', 'client_id', 'jti', 'iat', 'exp']
const OF_A_USER = ['sid', 'auth_time', 'roles']

describe('checkClaims', () => {
  it('answers the claims themselves', () => {
    expect(checkClaims(heirloomProfile, claims, expected)).toEqual({ ok: true, claims })
  })

  it.each(ALWAYS)('requires %s', (claim) => {
    expect(checkClaims(heirloomProfile, without(claim), expected)).toMatchObject({ ok: false, fault: 'missing', claim })
  })

  it.each([...ALWAYS, ...OF_A_USER])('does not take %s from a prototype', (claim) => {
    const inherited = Object.assign(Object.create({ [claim]: claims[claim] }), without(claim))
    expect(checkClaims(heirloomProfile, inherited, expected)).toMatchObject({ ok: false, claim })
  })

  it.each(Object.keys(claims))('refuses %s of another type', (claim) => {
    for (const value of [null, true, {}, [1], '', [['a']]])
      expect(faultOf({ [claim]: value })).toBe(`malformed ${claim}`)
    expect(faultOf({ [claim]: typeof claims[claim] === 'number' ? String(NOW) : 1 })).toBe(`malformed ${claim}`)
  })

  it.each([null, undefined, 'claims', 1, [claims], true])('refuses what is not an object: %j', (value) => {
    expect(checkClaims(heirloomProfile, value, expected)).toMatchObject({ ok: false, fault: 'not_an_object' })
  })

  it('refuses half a surrogate pair', () => {
    expect(faultOf({ sub: '\ud800' })).toBe('malformed sub')
  })
})

describe('a token of a user, or of a client alone', () => {
  const { sid: _sid, auth_time: _time, roles: _roles, ...rest } = claims
  const alone = { ...rest, sub: 'web' }
  const verdict = (changes: object) => {
    const result = checkClaims(heirloomProfile, { ...alone, ...changes }, expected)
    return result.ok ? (result.claims.sid ?? 'alone') : `${result.fault} ${result.claim}`
  }
  const some = (...names: string[]) => Object.fromEntries(names.map((name) => [name, claims[name]]))

  it.each<[string, object, string]>([
    ['a client that acts for itself', {}, 'alone'],
    ['the same with no scope', { scope: undefined }, 'malformed scope'],
    ['a user, and no user is the client', { ...some(...OF_A_USER), sub: 'user-1' }, 'session-1'],
    ['a client under the name of a user (RFC 9068, section 2.2)', { sub: 'user-1' }, 'inconsistent sub'],
    ['a session without a login time and roles', some('sid'), 'inconsistent auth_time'],
    ['a session without roles', some('sid', 'auth_time'), 'inconsistent roles'],
    ['a session without a login time', some('sid', 'roles'), 'inconsistent auth_time'],
    ['roles without a session', some('roles'), 'inconsistent sid'],
    ['a login time without a session', some('auth_time'), 'inconsistent sid'],
    ['a login time and roles without a session', some('auth_time', 'roles'), 'inconsistent sid'],
  ])('%s', (_, changes, outcome) => {
    expect(verdict(changes)).toBe(outcome)
  })

  it('needs no scope: the token for an auth server has none', () => {
    expect(checkClaims(heirloomProfile, without('scope'), expected)).toMatchObject({ ok: true })
  })

  it('has types that follow: with a session there are roles', () => {
    const result = checkClaims<HeirloomClaims>(heirloomProfile, claims, expected)
    const roles = result.ok && result.claims.sid !== undefined ? result.claims.roles.join() : 'none'
    expect(roles).toBe('editor')
  })
})

describe('the RFC 9068 profile', () => {
  it.each(['sid', 'auth_time', 'scope', 'roles'])('does not require %s', (claim) => {
    expect(checkClaims(rfc9068Profile, without(claim), expected)).toMatchObject({ ok: true })
  })

  it.each(['iss', 'aud', 'sub', 'client_id', 'jti', 'iat', 'exp'])('needs %s (section 2.2)', (claim) => {
    expect(checkClaims(rfc9068Profile, without(claim), expected)).toMatchObject({ ok: false, fault: 'missing', claim })
  })

  it('checks an optional claim if it is present', () => {
    expect(checkClaims(rfc9068Profile, { ...claims, scope: 7 }, expected)).toMatchObject({ fault: 'malformed' })
  })
})

describe('issuer and audience', () => {
  it.each(['https://auth.example/', 'https://AUTH.example', 'https://evil.example'])('refuses the issuer %s', (iss) => {
    expect(faultOf({ iss })).toBe('issuer iss')
  })

  it('accepts one audience among several, and refuses others', () => {
    expect(faultOf({ aud: ['other', 'resource-api'] })).toBe('none')
    expect(faultOf({ aud: ['other'] })).toBe('audience aud')
    expect(faultOf({ aud: [] })).toBe('malformed aud')
  })

  it.each(['resource-api-2', 'my resource-api', 'RESOURCE-API'])('does not take "%s" for the audience', (aud) => {
    expect(faultOf({ aud })).toBe('audience aud')
    expect(faultOf({ aud: [aud] })).toBe('audience aud')
  })
})

describe('times', () => {
  it('allows the tolerance and not a second more', () => {
    const late = { iat: NOW - 900 }
    expect(faultOf({ ...late, exp: NOW - 9 })).toBe('none')
    expect(faultOf({ ...late, exp: NOW - 10 })).toBe('expired exp')
    expect(faultOf({ iat: NOW + 10 })).toBe('none')
    expect(faultOf({ iat: NOW + 11 })).toBe('not_yet_valid iat')
    expect(faultOf({ nbf: NOW + 10 })).toBe('none')
    expect(faultOf({ nbf: NOW + 11 })).toBe('not_yet_valid nbf')
    expect(faultOf({ auth_time: NOW + 11 })).toBe('not_yet_valid auth_time')
  })

  it('refuses a token that ends before it begins', () => {
    expect(faultOf({ iat: NOW, exp: NOW })).toBe('inconsistent exp')
  })

  it.each([Infinity, -Infinity, NaN, -1, NOW * 1000])('refuses %d as a time', (exp) => {
    expect(faultOf({ exp })).toBe('malformed exp')
  })

  it('allows fractions of a second (RFC 7519, section 2)', () => {
    expect(faultOf({ iat: NOW + 0.25, exp: NOW + 900.5 })).toBe('none')
  })
})

describe('scope (RFC 6749, section 3.3)', () => {
  it.each(['', ' ', 'a  b', ' a', 'a ', 'a\tb', 'a"b', 'a\\b', 'é'])('refuses %j', (scope) => {
    expect(faultOf({ scope })).toBe('malformed scope')
  })
})

describe('status (Token Status List)', () => {
  const uri = 'https://auth.example/status/0'

  it.each([
    { status_list: { idx: 0, uri } },
    { status_list: { idx: 2 ** 24 - 1, uri: 'http://127.0.0.1:4000/status/7' } },
    { status_list: { idx: 1, uri, more: true }, identifier_list: { id: 'a' } },
    { identifier_list: { id: 'a' } },
  ])('accepts %j', (status) => {
    expect(faultOf({ status })).toBe('none')
    expect(checkClaims(rfc9068Profile, { ...claims, status }, expected)).toMatchObject({ ok: true })
  })

  // A claim that is overlooked would leave its token without a check.
  it.each([
    null,
    'active',
    0,
    [],
    {},
    { status_list: null },
    { status_list: [0, uri] },
    { status_list: { uri } },
    ...[-1, 0.5, '0', null, true, 2 ** 53].map((idx) => ({ status_list: { idx, uri } })),
    ...[
      '',
      '/status/0',
      'auth.example/status/0',
      'ftp://auth.example/0',
      'https://',
      'https://auth.example/a b',
      7,
    ].map((wrong) => ({ status_list: { idx: 0, uri: wrong } })),
    { status_list: { idx: 0 } },
    JSON.parse(`{"status_list":{"__proto__":{"idx":0,"uri":"${uri}"}}}`),
  ])('refuses %j', (status) => {
    expect(faultOf({ status })).toBe('malformed status')
    expect(checkClaims(rfc9068Profile, { ...claims, status }, expected)).toMatchObject({ ok: false })
  })
})

describe('a profile of one’s own for the tokens of Heirloom', () => {
  type StaffClaims = HeirloomClaims & {
    readonly department?: string
    readonly level?: number
    readonly remote?: boolean
  }
  const { name, number, boolean, optional } = shapes
  const staffProfile: Profile<StaffClaims> = {
    ...heirloomProfile,
    shapes: {
      ...heirloomProfile.shapes,
      department: optional(name),
      level: optional(number),
      remote: optional(boolean),
    },
  }
  const faultOfStaff = (changes: object) => {
    const result = checkClaims(staffProfile, { ...claims, ...changes }, expected)
    return result.ok ? result.claims.department : `${result.fault} ${result.claim}`
  }

  it.each([
    [{}, undefined],
    [{ department: 'R&D', level: 2.5, remote: false }, 'R&D'],
    [{ department: ['R&D'] }, 'malformed department'],
    [{ level: '2' }, 'malformed level'],
    [JSON.parse('{"level":1e400}'), 'malformed level'],
    [{ remote: 'yes' }, 'malformed remote'],
    [{ sid: undefined, department: 'R&D' }, 'malformed sid'],
  ])('%j', (changes, answer) => {
    expect(faultOfStaff(changes)).toBe(answer)
  })
})

it('answers every value with a result', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...Object.keys(claims), 'nbf', 'status'), fc.jsonValue()), (changes) => {
      expect(typeof check(changes).ok).toBe('boolean')
    }),
  )
})
