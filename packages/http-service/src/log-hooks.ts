import { shownJson } from './shown-text.ts'

/** For every logger of a service, so that its lines are safe to show in a terminal. */
export const LOG_HOOKS = { streamWrite: shownJson }
