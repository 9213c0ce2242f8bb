// Bundles the entries of a package for pages without a bundler, from its own folder, after build-package.mjs:
// `node ../../scripts/build-browser.mjs NAME=FILE...`. Each becomes `dist/browser/NAME.mjs`, for an import map, and
// `dist/browser/NAME.js`, for a script tag, which adds its exports to the global `heirloom`.
import { rolldown } from 'rolldown'

for (const [name, file] of process.argv.slice(2).map((pair) => pair.split('='))) {
  const bundle = await rolldown({
    input: `dist/${file}`,
    platform: 'browser',
    // What is for Node only.
    transform: { define: { 'globalThis.process': 'undefined' } },
  })
  const common = { minify: true, comments: false }
  await bundle.write({ ...common, format: 'esm', file: `dist/browser/${name}.mjs` })
  await bundle.write({ ...common, format: 'iife', name: 'heirloom', extend: true, file: `dist/browser/${name}.js` })
  await bundle.close()
}
