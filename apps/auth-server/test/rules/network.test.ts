import { expect, test } from 'vitest'
import { networkOf } from '../../src/rules/network.ts'

test.each([
  ['192.0.2.7', '192.0.2.7'],
  ['192.0.2.7:443', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['::FFFF:c000:207', '192.0.2.7'],
  ['2001:db8:0:7::1', '2001:db8:0:7:ffff::2'],
  ['[2001:DB8:0:7::1]:443', '2001:db8:0:7::2'],
  // One client of a translator to IPv4, and one of 6to4.
  ['64:ff9b::192.0.2.7', '192.0.2.7'],
  ['::ffff:0:192.0.2.7', '192.0.2.7'],
  ['2002:c000:207::1', '2002:c000:207:ffff::1'],
  ['', 'no address'],
])('%s is the same network as %s', (one, other) => {
  expect(networkOf(one)).toBe(networkOf(other))
})

test.each([
  ['192.0.2.7', '192.0.2.8'],
  ['2001:db8:0:7::1', '2001:db8:0:8::1'],
  ['64:ff9b::192.0.2.7', '64:ff9b::192.0.2.8'],
  ['::ffff:0:192.0.2.7', '::ffff:0:192.0.2.8'],
  ['2002:c000:207::1', '2002:c000:208::1'],
])('%s is another network than %s', (one, other) => {
  expect(networkOf(one)).not.toBe(networkOf(other))
})
