import { expect, test } from 'vitest'
import { generateSigningKey, toPublicJwk } from '../../src/keys/algorithms.ts'

test('no kid begins with a dash, which `key remove` would take for an option', async () => {
  const kids = []
  for (let i = 0; i < 600; i++) kids.push(toPublicJwk(await generateSigningKey('EdDSA', 0), 'EdDSA').kid)
  expect(kids.filter((kid) => kid.startsWith('-'))).toEqual([])
})
