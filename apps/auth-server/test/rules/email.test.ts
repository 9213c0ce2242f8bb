import { expect, test } from 'vitest'
import { emailAddress } from '../../src/rules/email.ts'

test.each([
  ['the case of both parts', 'Ada.L@Example.COM', 'ada.l@example.com'],
  ['letters of other scripts', 'ΟΔΟΣ@bücher.example', 'οδος@BÜCHER.example'],
  ['a composed letter', 'caf\u00e9@example.com', 'cafe\u0301@example.com'],
])('a user is found by his address, whatever %s', (_, one, other) => {
  expect(emailAddress(one)?.key).toBe(emailAddress(other)?.key)
  expect(emailAddress(one)?.address).toBe(one)
})

test('addresses with and without a tag are two', () => {
  expect(emailAddress('ada+work@example.com')?.key).not.toBe(emailAddress('ada@example.com')?.key)
})

test.each([
  ['nothing', ''],
  ['no domain', 'ada'],
  ['two', 'ada@example.com@example.com'],
  ['a header to inject', 'ada@example.com\r\nBcc: eve@example.com'],
  ['a space', 'ada lovelace@example.com'],
  ['an invisible character', 'ada\u200b@example.com'],
  ['NUL', 'ada\0@example.com'],
  ['half a surrogate pair', 'ada\ud800@example.com'],
  ['more than a mail server takes', `${'a'.repeat(250)}@example.com`],
])('no address: %s', (_, text) => {
  expect(emailAddress(text)).toBeNull()
})
