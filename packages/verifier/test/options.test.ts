import { expect, it } from 'vitest'
import { type VerifierOptions, createVerifier } from '../src/index.ts'

it.each([
  ['no issuer', { issuer: undefined }],
  ['an issuer that is no URL', { issuer: 'auth.example' }],
  ['an issuer of another scheme', { issuer: 'file:///etc' }],
  ['an empty audience', { audience: '' }],
  ['no audience', { audience: undefined }],
  ['a jwksUri that is no URL', { jwksUri: '/jwks.json' }],
])('createVerifier refuses %s', (_what, options) => {
  const all = { issuer: 'https://auth.example', audience: 'api', ...options }
  expect(() => createVerifier(all as VerifierOptions)).toThrow(TypeError)
})
