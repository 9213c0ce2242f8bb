import { hash } from 'node:crypto'

export interface Model<State> {
  initial: State
  /** Everything that can happen next, by name. Makes new states; never changes the given one. */
  next: (state: State) => Iterable<[name: string, state: State]>
  /** The invariant that a state breaks, or null. */
  violation: (state: State) => string | null
  /** Equal for states that behave the same from here on. */
  keyOf: (state: State) => string
}

export interface Explored {
  states: number
  transitions: number
  /** Every sequence of this many steps was explored. */
  depth: number
  ms: number
  /** The shortest way to a state that breaks an invariant, or null. */
  broken: { violation: string; trace: string[] } | null
}

/** Breadth first, each state once, until the depth is reached, no new state is found or an invariant is broken. */
export function explore<State>({ initial, next, violation, keyOf }: Model<State>, maxDepth: number): Explored {
  const began = performance.now()
  // A digest of each key, which may be a kilobyte: there are millions of states.
  const digestOf = (state: State) => hash('sha256', keyOf(state), 'latin1')
  const seen = new Set([digestOf(initial)])
  const cameFrom: Step[] = [{ parent: -1, name: '' }]
  // One string for each name.
  const names = new Map<string, string>()
  let frontier: { state: State; index: number }[] = [{ state: initial, index: 0 }]
  let transitions = 0
  let depth = 0
  const explored = (broken: Explored['broken']): Explored => ({
    states: seen.size,
    transitions,
    depth,
    ms: performance.now() - began,
    broken,
  })

  while (depth < maxDepth && frontier.length > 0) {
    depth++
    const found: typeof frontier = []
    for (const { state, index } of frontier) {
      for (const [name, after] of next(state)) {
        transitions++
        const digest = digestOf(after)
        if (seen.has(digest)) continue
        seen.add(digest)
        if (!names.has(name)) names.set(name, name)
        cameFrom.push({ parent: index, name: names.get(name) ?? name })
        const last = cameFrom.length - 1
        const broken = violation(after)
        if (broken !== null) return explored({ violation: broken, trace: traceTo(last, cameFrom) })
        found.push({ state: after, index: last })
      }
    }
    frontier = found
  }
  return explored(null)
}

interface Step {
  parent: number
  name: string
}

function traceTo(last: number, cameFrom: readonly Step[]): string[] {
  const trace: string[] = []
  for (let at = cameFrom[last]; at && at.parent >= 0; at = cameFrom[at.parent]) trace.unshift(at.name)
  return trace
}
