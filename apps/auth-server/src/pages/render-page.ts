import { fileURLToPath } from 'node:url'
import { Eta } from 'eta'
import type { Page, Site } from './page.ts'

/** Everything is escaped but what a template marks otherwise. Templates are read once. */
const eta = new Eta({ views: fileURLToPath(new URL('.', import.meta.url)), cache: true, autoEscape: true })

export const renderPage = (page: Page, site: Site): string => eta.render(`./${page.kind}`, { page, site })
