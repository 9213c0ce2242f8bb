import { fileURLToPath } from 'node:url'
import { Eta } from 'eta'
import type { Page } from './page.ts'

/** Everything is escaped but what a template marks otherwise. Templates are read once. */
const eta = new Eta({ views: fileURLToPath(new URL('.', import.meta.url)), cache: true, autoEscape: true })

/** @param base the path of the issuer, before the paths of the server. Empty if it has none. */
export const renderPage = (page: Page, base: string): string => eta.render(`./${page.kind}`, { page, base })
