const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })

export const integer = (value: number) => whole.format(value)

/** Three significant digits: measurements are no more precise. */
export const number = (value: number) =>
  value >= 100 || value === 0 ? integer(value) : String(Number(value.toPrecision(3)))

export const milliseconds = (ms: number) => (ms >= 10_000 ? `${number(ms / 1000)} s` : `${number(ms)} ms`)

export const megabytes = (bytes: number) => `${number(bytes / 2 ** 20)} MB`

export const percent = (share: number) => `${number(share * 100)} %`
