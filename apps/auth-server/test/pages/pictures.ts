// Makes the pictures of docs/guide/code-flow.md: `node apps/auth-server/test/pages/pictures.ts`. Needs Chromium.
import { findBrowser } from '@heirloom/local-stack'
import { chromium } from 'playwright-core'
import { SETTINGS } from '../../src/settings.ts'
import type { Page } from '../../src/pages/page.ts'
import { renderPage } from '../../src/pages/render-page.ts'
import { stylesheet } from '../../src/pages/stylesheet.ts'

const FOLDER = 'docs/results/pictures'
const form = { action: '', formToken: '', clientName: 'Notes' }
const PAGES: [name: string, colorScheme: 'light' | 'dark', page: Page][] = [
  ['page-login', 'light', { ...form, kind: 'login', username: '', problem: null, asksNewPassword: false }],
  [
    'page-consent',
    'dark',
    {
      ...form,
      kind: 'consent',
      username: 'ada',
      otherUser: '',
      destination: 'notes.example',
      isNative: false,
      resources: [{ name: 'Reports', scopes: ['Read reports', 'Write reports'] }],
    },
  ],
]

const browser = await chromium.launch({ executablePath: findBrowser() ?? '', chromiumSandbox: false })
for (const [name, colorScheme, content] of PAGES) {
  const page = await browser.newPage({ colorScheme, viewport: { width: 360, height: 540 }, javaScriptEnabled: false })
  await page.route('**/*', (route) => {
    if (route.request().url().endsWith('.css'))
      return route.fulfill({ contentType: 'text/css', body: stylesheet(String(SETTINGS.PAGES_COLOR.default)).text })
    return route.fulfill({
      contentType: 'text/html',
      body: renderPage(content, { name: 'Example Books', style: '/a.css' }),
    })
  })
  await page.goto('http://auth.example/')
  await page.screenshot({ path: `${FOLDER}/${name}.png` })
}
await browser.close()
