import { shownJson } from './shown-text.ts'

/** For every logger of a service: a line of the log can be read in a terminal. */
export const LOG_HOOKS = { streamWrite: shownJson }
