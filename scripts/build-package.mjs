// Builds a package that others install, from its own folder: `node ../../scripts/build-package.mjs [FOLDER OF A PACKAGE]...`.
// The named packages are copied into `dist`, each into its own folder, because their names are not on the registry, or worse,
// might belong to someone else.
import { spawnSync } from 'node:child_process'
import { cpSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, posix, relative } from 'node:path'

rmSync('dist', { recursive: true, force: true })
const { status } = spawnSync('tsc', ['-p', 'tsconfig.build.json'], { stdio: 'inherit' })
if (status !== 0) process.exit(status ?? 1)

/** The place of each package in `dist`, by name. */
const copied = new Map()
for (const folder of process.argv.slice(2)) {
  const { name } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  copied.set(name, join('dist', basename(folder), 'index.js'))
  cpSync(join(folder, 'dist'), join('dist', basename(folder)), {
    recursive: true,
    filter: (path) => !path.endsWith('.d.cts'),
  })
}

const SPECIFIER = /(\bfrom |\bimport\(|\bimport |\bmodule )(["'])([^"']+)\2/g
const files = readdirSync('dist', { recursive: true, encoding: 'utf8' }).map((name) => join('dist', name))
for (const file of files.filter((name) => /\.(?:js|d\.ts)$/.test(name))) {
  const text = readFileSync(file, 'utf8').replace(SPECIFIER, (_, before, quote, specifier) => {
    const place = copied.get(specifier)
    const path = place
      ? relative(dirname(file), place)
          .replaceAll('\\', '/')
          .replace(/^(?!\.)/, './')
      : specifier
    // tsc does not change the extensions of imports in declarations.
    return before + quote + (path.startsWith('.') ? path.replace(/\.ts$/, '.js') : path) + quote
  })
  writeFileSync(file, text)
  if (file.endsWith('.d.ts')) writeFileSync(file.replace(/\.ts$/, '.cts'), asCommonJs(text))
}

/**
 * The same declarations for `require`. The code is an ES module, which Node can `require` since 20.19 and 22.12. TypeScript
 * accepts that only with CommonJS declarations.
 */
function asCommonJs(text) {
  return text.replace(SPECIFIER, (_, before, quote, specifier) => {
    const path = specifier.startsWith('.') ? posix.join(posix.dirname(specifier), posix.basename(specifier, '.js')) : ''
    return before + quote + (path ? `${path.startsWith('.') ? path : `./${path}`}.cjs` : specifier) + quote
  })
}
