// Makes docs/reference and .env.example from the source. With --check it changes nothing and fails if they differ.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { format, resolveConfig } from 'prettier'
import { errorsPage } from './reference/errors.ts'
import { eventsPage } from './reference/events.ts'
import { httpApiPage } from './reference/http-api.ts'
import { metricsPage } from './reference/metrics.ts'
import { envExample, settingsPage } from './reference/settings.ts'

const pages: Record<string, () => string | Promise<string>> = {
  '.env.example': envExample,
  'docs/reference/settings.md': settingsPage,
  'docs/reference/errors.md': errorsPage,
  'docs/reference/events.md': eventsPage,
  'docs/reference/metrics.md': metricsPage,
  'docs/reference/http-api.md': httpApiPage,
}

const isCheck = process.argv.includes('--check')
for (const [name, make] of Object.entries(pages)) {
  const path = fileURLToPath(new URL(`../${name}`, import.meta.url))
  const text = await make()
  const formatted = name.endsWith('.md') ? await format(text, { ...(await resolveConfig(path)), filepath: path }) : text
  if (existsSync(path) && readFileSync(path, 'utf8') === formatted) continue
  if (isCheck) {
    console.error(`${name} differs from the source: run \`npm run reference\``)
    process.exitCode = 1
  } else {
    writeFileSync(path, formatted)
    console.log(`${name} is written.`)
  }
}
