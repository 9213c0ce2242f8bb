import type { Page } from 'playwright-core'
import { beforeAll, expect, test } from 'vitest'
import { startBrowser } from '../support/real-browser.ts'
import { PASSWORD, type TestServer, testServer } from '../support/server.ts'

let server: TestServer
let browsers: Awaited<ReturnType<typeof startBrowser>>
beforeAll(async () => {
  ;[server, browsers] = await Promise.all([testServer(), startBrowser()])
})

/** Opens a call on the page, and presses its button. Answers the status that the page shows. */
async function call(page: Page, method: string, path: string, body?: object): Promise<string> {
  const block = page.locator(`.opblock-${method}:has([data-path="${path}"])`)
  await block.locator('.opblock-summary').click()
  if (body) await block.locator('textarea').fill(JSON.stringify(body))
  await block.locator('button.execute').click()
  return (await block.locator('.live-responses-table .response-col_status').last().textContent()) ?? ''
}

test('a reader of /docs logs in on the page, and the calls after it use the token until a reload', async () => {
  const { username } = await server.login()
  const { page } = await browsers.visit({ javaScriptEnabled: true })
  // The page calls the issuer, which is another port in these tests.
  await page.route('**/docs/json', async (route) => {
    const response = await route.fetch()
    await route.fulfill({ response, json: { ...(await response.json()), servers: [{ url: server.service.url }] } })
  })
  await page.goto(`${server.service.url}/docs/`)
  expect(await call(page, 'get', '/auth/me')).toMatch(/^401/)
  expect(await call(page, 'post', '/auth/login', { username, password: PASSWORD })).toMatch(/^200/)
  expect(await call(page, 'get', '/auth/sessions')).toMatch(/^200/)
  await page.reload()
  expect(await call(page, 'get', '/auth/me')).toMatch(/^401/)
})
