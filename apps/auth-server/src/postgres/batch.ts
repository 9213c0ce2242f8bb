/** What is asked waits at most so long for company. Milliseconds. */
const LONGEST_WAIT_MS = 20
/** In one statement. */
const MOST_AT_ONCE = 500

interface Waiting<Item, Answer> {
  item: Item
  resolve: (answer: Answer) => void
  reject: (error: unknown) => void
}

/**
 * Turns a statement about many into one about each: while one is under way, what is asked meanwhile is gathered for the
 * next, so that many at once share a round trip and a commit. A statement begins after all of its items were asked.
 * @param run answers in the order of its items; what it throws, each of them gets.
 */
export function batch<Item, Answer>(run: (items: Item[]) => Promise<Answer[]>): (item: Item) => Promise<Answer> {
  let waiting: Waiting<Item, Answer>[] = []
  let running = 0
  let timer: NodeJS.Timeout | undefined

  const leave = async (): Promise<void> => {
    clearTimeout(timer)
    timer = undefined
    const group = waiting.splice(0, MOST_AT_ONCE)
    if (group.length === 0) return
    if (waiting.length > 0) timer = setTimeout(() => void leave(), LONGEST_WAIT_MS)
    running++
    try {
      const answers = await run(group.map(({ item }) => item))
      for (const [i, { resolve }] of group.entries()) resolve(answers[i] as Answer)
    } catch (error) {
      for (const { reject } of group) reject(error)
    }
    running--
    if (running === 0) void leave()
  }

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject })
      // Once all requests that came in this turn of the event loop have asked; a slow statement is not waited for.
      timer ??= setTimeout(() => void leave(), LONGEST_WAIT_MS)
      if (running === 0) setImmediate(() => running === 0 && void leave())
    })
}
