// Serves `answer` of edge.ts in Vercel's edge runtime, which has WebCrypto and nothing of Node.
import { fileURLToPath } from 'node:url'
import { EdgeRuntime, runServer } from 'edge-runtime'
import { rolldown } from 'rolldown'

const { PORT, ISSUER } = process.env

const bundle = await rolldown({
  input: fileURLToPath(new URL('../../src/edge.ts', import.meta.url)),
  platform: 'browser',
})
const { output } = await bundle.generate({ format: 'iife', name: 'edge' })
const runtime = new EdgeRuntime({
  initialCode: `${output[0].code}; addEventListener('fetch', (event) => event.respondWith(edge.answer(event.request)))`,
  extend: (context) => Object.assign(context, { process: { env: { ISSUER } } }),
})
await runServer({ runtime, host: '127.0.0.1', port: Number(PORT) })
