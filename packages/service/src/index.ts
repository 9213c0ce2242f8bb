export { type App, type AppOptions, type ErrorAnswer, createApp } from './create-app.ts'
export { ErrorBody, errorBody } from './error-body.ts'
export { LOG_HOOKS } from './log-hooks.ts'
export {
  SettingsError,
  issuer,
  issuerFaults,
  logLevel,
  nodeEnv,
  opsPort,
  range,
  readSettings,
  url,
} from './settings.ts'
export { UNSHOWABLE, shownJson, shownText } from './shown-text.ts'
export { runService } from './run-service.ts'
export { createMetrics } from './metrics.ts'
export { Type } from './type.ts'
