/** The longest an item waits to be batched. Milliseconds. */
const LONGEST_WAIT_MS = 20
/** Items in one statement. */
const MAX_AT_ONCE = 500

interface Waiting<Item, Answer> {
  item: Item
  resolve: (answer: Answer) => void
  reject: (error: unknown) => void
}

/**
 * Makes a function for one item of a statement for many. Calls that arrive while a statement runs are batched into the next
 * one, so that they share a round trip and a commit. A statement begins after all of its items were passed in.
 * @param run returns results in the order of the items. If it throws, the calls of all its items throw the same.
 */
export function batch<Item, Answer>(run: (items: Item[]) => Promise<Answer[]>): (item: Item) => Promise<Answer> {
  let waiting: Waiting<Item, Answer>[] = []
  let running = 0
  let timer: NodeJS.Timeout | undefined

  const leave = async (): Promise<void> => {
    clearTimeout(timer)
    timer = undefined
    const group = waiting.splice(0, MAX_AT_ONCE)
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
      // Waits for the other requests of this turn of the event loop, but not for a slow statement.
      timer ??= setTimeout(() => void leave(), LONGEST_WAIT_MS)
      if (running === 0) setImmediate(() => running === 0 && void leave())
    })
}
