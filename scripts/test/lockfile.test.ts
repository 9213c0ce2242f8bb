import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

interface Package {
  optionalDependencies?: Record<string, string>
}

const packages: Record<string, Package> = JSON.parse(readFileSync('package-lock.json', 'utf8')).packages

/** `npm ci` installs what is locked, without a word about a build for this platform that is not. */
test('the lockfile has the builds of native packages for every platform, and not only for this one', () => {
  const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      (name) => !packages[`${path}/node_modules/${name}`] && !packages[`node_modules/${name}`],
    ),
  )
  expect(missing).toEqual([])
})
