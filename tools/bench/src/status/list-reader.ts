import { setTimeout as sleep } from 'node:timers/promises'
import { gunzipSync, inflateSync } from 'node:zlib'
import { Pool } from 'undici'

/** A client that holds a request for list 0, and notes when it reads a bit. */
export function listReader(url: string) {
  const pool = new Pool(url, { connections: 1 })
  const ended = new Map<number, number>()
  let bits = new Uint8Array()
  let onFirst: () => void = () => undefined
  const isSet = (index: number) => (((bits[index >>> 3] ?? 0) >>> (index & 7)) & 1) === 1
  const reader = {
    lists: 0,
    bytes: 0,
    delaysMs: [] as number[],
    first: new Promise<void>((resolve) => (onFirst = resolve)),
    acknowledged(index: number) {
      if (isSet(index)) reader.delaysMs.push(0)
      else ended.set(index, performance.now())
    },
    start() {
      void reader.read().catch(() => undefined)
    },
    async read() {
      for (let etag = ''; ;) {
        const headers = { prefer: 'wait=5', 'accept-encoding': 'gzip', ...(etag && { 'if-none-match': etag }) }
        const answer = await pool.request({ method: 'GET', path: '/status/0', headers })
        const encoded = Buffer.from(await answer.body.arrayBuffer())
        if (answer.statusCode !== 200) continue
        const text = gunzipSync(encoded).toString()
        etag = String(answer.headers['etag'])
        const { status_list: list } = JSON.parse(Buffer.from(text.split('.')[1] ?? '', 'base64url').toString()) as {
          status_list: { lst: string }
        }
        bits = inflateSync(Buffer.from(list.lst, 'base64url'))
        reader.lists++
        reader.bytes = encoded.length
        onFirst()
        for (const [index, at] of ended) {
          if (!isSet(index)) continue
          reader.delaysMs.push(performance.now() - at)
          ended.delete(index)
        }
      }
    },
    async stop() {
      while (ended.size > 0) await sleep(50)
      // This ends the reading, too.
      await pool.destroy()
    },
  }
  return reader
}
