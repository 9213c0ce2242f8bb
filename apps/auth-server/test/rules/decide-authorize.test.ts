import { describe, expect, test } from 'vitest'
import type { AuthorizeRequest, Prompt } from '../../src/rules/authorize-request.ts'
import { type Visitor, covers, decideAuthorize } from '../../src/rules/decide-authorize.ts'
import type { Client } from '../../src/rules/realm.ts'
import { isOwnPost } from '../../src/rules/own-post.ts'
import { aClient } from '../support/realm.ts'

const site = aClient({ id: 'site', auth: 'client_secret_basic', firstParty: false })
const spa = aClient({ id: 'spa', firstParty: false })
const own = aClient({ id: 'own', firstParty: true })
const WEB = 'https://app.example/callback'
const LOOPBACK = 'http://127.0.0.1:4711/callback'

const request = (client: Client, redirectUri: string, ...prompt: Prompt[]): AuthorizeRequest => ({
  client,
  redirectUri,
  state: undefined,
  resources: ['files'],
  scope: undefined,
  challenge: '',
  prompt: new Set(prompt),
})
const NEW: Visitor = { isLoggedIn: false, isFresh: false, hasConsented: false, decision: null }
const KNOWN: Visitor = { ...NEW, isLoggedIn: true }
const CONSENTED: Visitor = { ...KNOWN, hasConsented: true }
const FRESH: Visitor = { ...KNOWN, isFresh: true }

describe('an authorization request', () => {
  test.each<[string, AuthorizeRequest, Visitor, string]>([
    ['of a new visitor', request(site, WEB), NEW, 'log_in'],
    ['of a user who is logged in', request(site, WEB), KNOWN, 'ask'],
    ['of a user who has allowed it before', request(site, WEB), CONSENTED, 'grant'],
    ['of a page in the browser, allowed before', request(spa, WEB), CONSENTED, 'grant'],
    ['of a native application, allowed before', request(spa, LOOPBACK), CONSENTED, 'ask'],
    ['of one with a private scheme, allowed before', request(spa, 'com.example.app:/cb'), CONSENTED, 'ask'],
    ['of one with a secret on this machine, allowed before', request(site, LOOPBACK), CONSENTED, 'grant'],
    ['of our own native application', request(own, LOOPBACK), KNOWN, 'grant'],
    ['of our own application, of a new visitor', request(own, WEB), NEW, 'log_in'],
    ['that is allowed now', request(spa, LOOPBACK), { ...KNOWN, decision: 'allow' }, 'grant'],
    ['that is not allowed now', request(site, WEB), { ...CONSENTED, decision: 'deny' }, 'access_denied'],
    ['that was pressed without a session', request(site, WEB), { ...NEW, decision: 'allow' }, 'log_in'],
    ['with login, of a user who is logged in', request(site, WEB, 'login'), CONSENTED, 'log_in'],
    ['with login, after the login', request(site, WEB, 'login'), { ...FRESH, hasConsented: true }, 'grant'],
    ['with login, after the login, for the first time', request(site, WEB, 'login'), FRESH, 'ask'],
    ['with login, pressed without the login', request(site, WEB, 'login'), { ...KNOWN, decision: 'allow' }, 'log_in'],
    ['with consent, allowed before', request(site, WEB, 'consent'), CONSENTED, 'ask'],
    ['with consent, allowed now', request(site, WEB, 'consent'), { ...CONSENTED, decision: 'allow' }, 'grant'],
    ['with none, of a new visitor', request(site, WEB, 'none'), NEW, 'login_required'],
    ['with none, of a user who is logged in', request(site, WEB, 'none'), KNOWN, 'consent_required'],
    ['with none, allowed before', request(site, WEB, 'none'), CONSENTED, 'grant'],
    ['with none, of a native application', request(spa, LOOPBACK, 'none'), CONSENTED, 'consent_required'],
    ['with none, of our own application', request(own, WEB, 'none'), KNOWN, 'grant'],
  ])('%s', (_, asked, visitor, expected) => {
    const step = decideAuthorize(asked, visitor)
    expect(step.kind === 'refuse' ? step.error : step.kind).toBe(expected)
  })
})

test.each([
  ['all of it', { resources: ['files'], scopes: ['read'] }, true],
  ['less than that', { resources: ['files'], scopes: [] }, true],
  ['another scope', { resources: ['files'], scopes: ['read', 'write'] }, false],
  ['another resource', { resources: ['files', 'mail'], scopes: ['read'] }, false],
])('what was allowed covers %s: %s', (_, asked, isCovered) => {
  expect(covers({ resources: ['files'], scopes: ['read', 'list'] }, asked)).toBe(isCovered)
  expect(covers(null, asked)).toBe(false)
  // A withdrawal is under way.
  expect(covers({ resources: [], scopes: [] }, asked)).toBe(false)
})

test.each([
  ['our own page', 'https://auth.example', 'same-origin', true],
  ['our own page, by a browser without Fetch Metadata', 'https://auth.example', undefined, true],
  ['our own page, by a browser without Origin', undefined, 'same-origin', true],
  ['neither header', undefined, undefined, false],
  ['a page of another site', 'https://evil.example', 'cross-site', false],
  ['a page of another host of our site', 'https://evil.auth.example', 'same-site', false],
  ['a page that hides where it is', 'null', 'cross-site', false],
  ['our own page over http', 'http://auth.example', undefined, false],
  ['our own origin, which the browser says it is not', 'https://auth.example', 'cross-site', false],
  ['the address bar', undefined, 'none', false],
])('a form of %s is taken: %s %s %s', (_, origin, fetchSite, isOwn) => {
  expect(isOwnPost(origin, fetchSite, 'https://auth.example/path')).toBe(isOwn)
})
