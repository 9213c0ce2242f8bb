export { acceptForms } from './accept-forms.ts'
export { type ErrorAnswer } from './answer-errors.ts'
export { type App, type AppOptions, createApp } from './create-app.ts'
export { ErrorBody, errorBody } from './error-body.ts'
export { SettingsError, issuerFaults, issuerWarnings, readSettings } from './settings.ts'
export { LOG_HOOKS } from './log-hooks.ts'
export {
  type SettingDescription,
  audience,
  choice,
  describeSetting,
  host,
  listOf,
  port,
  range,
  settingType,
  url,
} from './setting-types.ts'
export { serviceSettings } from './service-settings.ts'
export { misspelt } from './misspelt.ts'
export { LineBudget } from './line-budget.ts'
export { UNSHOWABLE, shownJson, shownText } from './shown-text.ts'
export { runService } from './run-service.ts'
export { createMetrics } from './metrics.ts'
