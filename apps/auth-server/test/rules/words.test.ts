import { describe, expect, test } from 'vitest'
import { deviceInWords } from '../../src/rules/device-in-words.ts'
import { OWN_EVENTS, inWords } from '../../src/rules/events-in-words.ts'

describe('a user recognizes a device by', () => {
  const CHROMIUM = 'AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0'
  test.each([
    ['Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0', 'Firefox on Windows'],
    [`Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${CHROMIUM} Safari/537.36 Edg/140.0`, 'Microsoft Edge on macOS'],
    [`Mozilla/5.0 (Linux; Android 15; Pixel 9) ${CHROMIUM} Mobile Safari/537.36`, 'Chrome on Android'],
    [
      'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1',
      'Safari on iPhone',
    ],
    ['curl/8.1', 'curl/8.1'],
    ['Ada’s laptop', 'Ada’s laptop'],
    ['', 'Unknown device'],
    [null, 'Unknown device'],
  ])('%s: %s', (device, words) => expect(deviceInWords(device)).toBe(words))
})

describe('what happened to an account', () => {
  const nameOf = (id: string) => `The ${id}`
  const wordsFor = (type: string, detail = {}) => inWords({ type, detail }, nameOf)?.text

  test('is told in the second person, with the names of applications', () => {
    expect(wordsFor('authorized', { clientId: 'spa', ip: '192.0.2.1' })).toBe(
      'You logged in to The spa from 192.0.2.1.',
    )
    expect(wordsFor('revoked', { reason: 'session_ended' })).toBe('You ended a session.')
    expect(wordsFor('revoked', { reason: 'what is new' })).toBe('A session ended.')
  })

  test('is a warning if somebody else may be behind it', () => {
    const warnings = ['reuse', 'account_rolled_back']
    expect(OWN_EVENTS.filter((type) => inWords({ type, detail: {} }, nameOf)?.isWarning)).toEqual(warnings)
    const refused = { type: 'login_refused', detail: { ip: '192.0.2.1', reason: 'wrong_password' } }
    expect(inWords(refused, nameOf)).toMatchObject({ isWarning: true })
  })

  test('is told once, and not at all if it says nothing to a user', () => {
    expect(wordsFor('revoked', { reason: 'reuse' })).toBeUndefined()
    expect(wordsFor('login_refused', { reason: 'changed_meanwhile' })).toBeUndefined()
    expect(wordsFor('gap')).toBeUndefined()
    expect(wordsFor('toString')).toBeUndefined()
  })
})
