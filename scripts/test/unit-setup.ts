import { vi } from 'vitest'

// A file of the project `unit` must start nothing, not even through its imports.
vi.mock('node:child_process', () => refuse('node:child_process'))
vi.mock('@heirloom/local-stack', () => refuse('@heirloom/local-stack'))
vi.mock('@heirloom/local-stack/testing', () => refuse('@heirloom/local-stack/testing'))

function refuse(name: string): never {
  throw new Error(`A unit test cannot load ${name}: name a file that starts something x.int.test.ts.`)
}
