/** Preloaded into a server: a SIGWINCH moves its clock by CLOCK_STEP_MS, and the next one moves it back. */
const step = Number(process.env['CLOCK_STEP_MS'])
const now = Date.now
let offset = 0
process.on('SIGWINCH', () => void (offset = offset === 0 ? step : 0))

Date.now = () => now() + offset
globalThis.Date = new Proxy(Date, {
  construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [Date.now()] : args, newTarget),
})
