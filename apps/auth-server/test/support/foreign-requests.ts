/**
 * What a page of a foreign origin can try against a call of the server: each is a function of `url` and `body` that runs in the
 * page, waits for what comes of it, and answers what it could read, or null.
 */
export const FOREIGN_REQUESTS: Record<string, string> = {
  // fetch
  'fetch, JSON, with credentials': `read(fetch(url, { method: 'POST', body, headers: json, credentials: 'include' }))`,
  'fetch, JSON, without credentials': `read(fetch(url, { method: 'POST', body, headers: json, credentials: 'omit' }))`,
  'fetch, JSON, as text': `read(fetch(url, { method: 'POST', body, credentials: 'include' }))`,
  'fetch, JSON, as a form': `read(fetch(url, { method: 'POST', body: new URLSearchParams({ x: body }), credentials: 'include' }))`,
  'fetch, multipart': `(() => { const form = new FormData(); form.set('x', body); return read(fetch(url, { method: 'POST', body: form, credentials: 'include' })) })()`,
  'fetch, no body': `read(fetch(url, { method: 'POST', credentials: 'include' }))`,
  'fetch, no type': `read(fetch(url, { method: 'POST', body: new Blob([body]), credentials: 'include' }))`,
  'fetch, no-cors, text': `read(fetch(url, { method: 'POST', mode: 'no-cors', body, credentials: 'include' }))`,
  'fetch, no-cors, JSON in a blob': `read(fetch(url, { method: 'POST', mode: 'no-cors', body: new Blob([body], { type: 'application/json' }), credentials: 'include' }))`,
  'fetch, no-cors, JSON asked for': `read(fetch(url, { method: 'POST', mode: 'no-cors', body, headers: json, credentials: 'include' }))`,
  'fetch, keepalive': `read(fetch(url, { method: 'POST', body, headers: json, credentials: 'include', keepalive: true }))`,
  'fetch, GET': `read(fetch(url, { credentials: 'include' }))`,
  'fetch, GET, no-cors': `read(fetch(url, { mode: 'no-cors', credentials: 'include' }))`,
  'fetch, PUT': `read(fetch(url, { method: 'PUT', body, headers: json, credentials: 'include' }))`,
  'fetch, with headers that pretend': `read(fetch(url, { method: 'POST', body, headers: { ...json, 'x-http-method-override': 'POST', 'x-requested-with': 'XMLHttpRequest' }, credentials: 'include' }))`,
  'fetch, no referrer': `read(fetch(url, { method: 'POST', body, headers: json, credentials: 'include', referrerPolicy: 'no-referrer' }))`,
  'fetch, redirected by its own server': `read(fetch('/redirect?to=' + encodeURIComponent(url), { method: 'POST', body, headers: json, credentials: 'include' }))`,
  'fetch, no-cors, redirected by its own server': `read(fetch('/redirect?to=' + encodeURIComponent(url), { method: 'POST', body, mode: 'no-cors', credentials: 'include' }))`,
  'fetch in a worker': `inWorker('fetch(url, { method: "POST", body, headers: { "content-type": "application/json" }, credentials: "include" }).then((answer) => answer.text())')`,
  'importScripts in a worker': `inWorker('(importScripts(url), "read")')`,
  'fetch in a sandboxed frame (origin null)': `inFrame({ sandbox: 'allow-scripts', srcdoc: '<script>' + inner + '</script>' })`,
  'fetch in a data: frame (origin null)': `inFrame({ src: 'data:text/html,' + encodeURIComponent('<script>' + inner + '</script>') })`,
  'fetch in a blob: frame': `inFrame({ src: URL.createObjectURL(new Blob(['<script>' + inner + '</script>'], { type: 'text/html' })) })`,
  // Older interfaces
  'XMLHttpRequest, JSON, with credentials': `xhr('application/json')`,
  'XMLHttpRequest, text, with credentials': `xhr('text/plain')`,
  'EventSource with credentials': `new Promise((done) => { const source = new EventSource(url, { withCredentials: true }); source.onmessage = ({ data }) => done(data); source.onerror = () => { source.close(); done(null) } })`,
  WebSocket: `new Promise((done) => { const socket = new WebSocket(url.replace('https', 'wss')); socket.onopen = () => done('open'); socket.onerror = () => done(null) })`,
  'beacon, text': `sent(navigator.sendBeacon(url, body))`,
  'beacon, form': `sent(navigator.sendBeacon(url, new URLSearchParams({ x: body })))`,
  'beacon, JSON': `sent(navigator.sendBeacon(url, new Blob([body], { type: 'application/json' })))`,
  'ping of a link': `sent((() => { const a = document.body.appendChild(document.createElement('a')); a.href = '#'; a.ping = url; a.click() })())`,
  // Elements
  image: `element('img', { src: url })`,
  'image with credentials': `element('img', { crossOrigin: 'use-credentials', src: url })`,
  script: `element('script', { src: url })`,
  'module with credentials': `element('script', { type: 'module', crossOrigin: 'use-credentials', src: url })`,
  'dynamic import': `import(url).then((module) => JSON.stringify(module), () => null)`,
  stylesheet: `element('link', { rel: 'stylesheet', href: url })`,
  preload: `element('link', { rel: 'preload', as: 'fetch', crossOrigin: 'use-credentials', href: url })`,
  prefetch: `element('link', { rel: 'prefetch', href: url })`,
  video: `element('video', { src: url })`,
  object: `element('object', { data: url })`,
  frame: `element('iframe', { src: url }).then((frame) => { try { return frame.contentDocument.body.textContent || null } catch { return null } })`,
  // Forms and windows
  'form to a frame': `formTo('frame', 'application/x-www-form-urlencoded')`,
  'form to a frame, as text that is JSON': `formTo('frame', 'text/plain')`,
  'form to a frame, multipart': `formTo('frame', 'multipart/form-data')`,
  'form to a frame, redirected by its own server': `formTo('frame', 'text/plain', '/redirect?to=' + encodeURIComponent(url))`,
  'form to a popup': `formTo('popup', 'application/x-www-form-urlencoded')`,
  'form to a popup, as text that is JSON': `formTo('popup', 'text/plain')`,
  'form by GET to a popup': `formTo('popup', 'text/plain', url, 'get')`,
  'window.open, read by its opener': `popup(url)`,
  'window.open, sent on by its opener': `popup('about:blank', url)`,
}

/** What the functions above use. `inner` tells the page around it what it could read. */
export const HELPERS = String.raw`
  const json = { 'content-type': 'application/json' }
  const within = (work) => Promise.race([work, new Promise((done) => setTimeout(() => done(null), 3000))])
  const read = (asked) => asked.then(async (answer) => (await answer.text()) || null, () => null)
  const sent = () => fetch('/ok').then(() => null)
  const inner = 'fetch(' + JSON.stringify(url) + ', { method: "POST", body: ' + JSON.stringify(body) +
    ', headers: { "content-type": "application/json" }, credentials: "include" }).then((answer) => answer.text())' +
    '.then((text) => parent.postMessage(text, "*"), () => parent.postMessage(null, "*"))'
  const inFrame = (attributes) => new Promise((done) => {
    const frame = Object.assign(document.createElement('iframe'), attributes)
    if (attributes.sandbox) frame.sandbox = attributes.sandbox
    addEventListener('message', ({ data, source }) => { if (source === frame.contentWindow) done(data) })
    document.body.append(frame)
  })
  const inWorker = (code) => new Promise((done) => {
    const text = 'const [url, body] = ' + JSON.stringify([url, body]) + '; Promise.resolve().then(() => ' + code + ').then(postMessage, () => postMessage(null))'
    const worker = new Worker(URL.createObjectURL(new Blob([text], { type: 'text/javascript' })))
    worker.onmessage = ({ data }) => done(data)
    worker.onerror = () => done(null)
  })
  const xhr = (type) => new Promise((done) => {
    const request = new XMLHttpRequest()
    request.open('POST', url)
    request.withCredentials = true
    request.setRequestHeader('content-type', type)
    request.onload = () => done(request.responseText)
    request.onerror = () => done(null)
    request.send(body)
  })
  const element = (name, attributes) => new Promise((done) => {
    const made = document.createElement(name)
    made.onload = made.onloadeddata = () => done(name === 'iframe' ? made : name === 'object' || name === 'link' ? null : 'loaded')
    made.onerror = () => done(null)
    document.body.append(Object.assign(made, attributes))
  })
  const look = (target) => { try { return target.document.body.textContent || null } catch { return null } }
  // A window that has gone to another origin refuses to say where it is.
  const isAway = (opened) => { try { return opened.location.href !== 'about:blank' } catch { return true } }
  const seenIn = async (opened) => {
    for (const since = Date.now(); !isAway(opened) && Date.now() < since + 3000; ) await new Promise((done) => setTimeout(done, 10))
    const seen = look(opened)
    opened.close()
    return seen
  }
  const formTo = (where, enctype, action = url, method = 'post') => new Promise((done) => {
    const form = Object.assign(document.createElement('form'), { method, action, enctype, target: url })
    // As text, the body is JSON: the name, "=", and the value.
    const field = Object.assign(document.createElement('input'), { name: body.replace(/}$/, (body === '{}' ? '' : ',') + '"x":"'), value: '"}' })
    form.append(field)
    document.body.append(form)
    if (where === 'popup') {
      const opened = window.open('about:blank', url)
      form.submit()
      return void seenIn(opened).then(done)
    }
    const frame = Object.assign(document.createElement('iframe'), { name: url })
    document.body.append(frame)
    frame.onload = () => done(look(frame.contentWindow))
    form.submit()
  })
  const popup = (first, then) => {
    const opened = window.open(first)
    if (then) opened.location = then
    return seenIn(opened)
  }
`
