// Makes the pictures of the pages in the guides: `node apps/auth-server/test/pages/pictures.ts`. Needs Chromium.
import { findBrowser } from '@heirloom/local-stack'
import { chromium } from 'playwright-core'
import { SETTINGS } from '../../src/settings.ts'
import type { Page } from '../../src/pages/page.ts'
import { renderPage } from '../../src/pages/render-page.ts'
import { stylesheet } from '../../src/pages/assets.ts'

const FOLDER = 'docs/results/pictures'
const AT = new Date('2026-11-29T18:05:00Z')
const session = (changes: object) => ({
  sid: '',
  client: '',
  device: '',
  ip: null,
  createdAt: AT,
  lastUsedAt: AT,
  isCurrent: false,
  ...changes,
})
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
  [
    'page-account',
    'light',
    {
      ...form,
      kind: 'account',
      username: 'ada',
      done: null,
      problem: null,
      logout: '',
      script: '/none.js',
      overview: {
        sessions: [
          session({ device: 'Safari on iPhone', client: 'Notes', ip: '198.51.100.7' }),
          session({ device: 'Firefox on Windows', client: 'Login page', ip: '192.0.2.1', isCurrent: true }),
        ],
        hasMore: false,
        grants: [{ id: '', client: 'Notes', allowed: ['Read reports', 'Write reports'], createdAt: AT }],
        events: [
          { at: AT, text: 'You logged in to Notes from 198.51.100.7.', isWarning: false, times: 1 },
          {
            at: AT,
            text: 'Someone at 203.0.113.9 tried to log in with a wrong password.',
            isWarning: true,
            times: 3,
          },
        ],
      },
    },
  ],
]

const browser = await chromium.launch({ executablePath: findBrowser() ?? '', chromiumSandbox: false })
for (const [name, colorScheme, content] of PAGES) {
  const page = await browser.newPage({ colorScheme, viewport: { width: 360, height: 540 }, javaScriptEnabled: false })
  await page.route('**/*', (route) => {
    if (route.request().url().endsWith('.js')) return route.fulfill({ contentType: 'text/javascript', body: '' })
    if (route.request().url().endsWith('.css'))
      return route.fulfill({ contentType: 'text/css', body: stylesheet(String(SETTINGS.PAGES_COLOR.default)).text })
    return route.fulfill({
      contentType: 'text/html',
      body: renderPage(content, { name: 'Example Books', style: '/a.css', icon: 'data:,' }),
    })
  })
  await page.goto('http://auth.example/')
  await page.screenshot({ path: `${FOLDER}/${name}.png`, fullPage: true })
}
await browser.close()
