export interface Line {
  label: string
  /** One value a second. */
  values: ArrayLike<number>
  colour: string
}

export interface Phase {
  label: string
  /** Seconds. */
  from: number
  to: number
}

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [1_000, 420, 62, 16, 88, 44]
/** Seconds in one point of a line, which shows the most of them. */
const BIN = 10

/** An SVG of counts over time on a logarithmic scale, readable on white and on black; `phases` are shaded and named. */
export function lineChart(title: string, unit: string, lines: readonly Line[], phases: readonly Phase[]): string {
  const seconds = Math.max(...lines.map(({ values }) => values.length))
  const decades = Math.ceil(Math.log10(Math.max(...lines.map(({ values }) => most(values, 0, values.length)), 10)))
  const x = (second: number) => (LEFT + (second / seconds) * (WIDTH - LEFT - RIGHT)).toFixed(1)
  // Below one is the ground.
  const y = (value: number) =>
    (HEIGHT - BOTTOM - (Math.log10(Math.max(value, 1)) / decades) * (HEIGHT - TOP - BOTTOM)).toFixed(1)

  const shades = phases.map(
    ({ label, from, to }) =>
      `  <rect x="${x(from)}" y="${TOP}" width="${Number(x(to)) - Number(x(from))}" height="${HEIGHT - TOP - BOTTOM}" fill="#8a94a6" fill-opacity="0.14"/>
  <text x="${x((from + to) / 2)}" y="${TOP - 6}" font-size="12" text-anchor="middle">${label}</text>`,
  )
  const grid = Array.from({ length: decades + 1 }, (_, power) => 10 ** power).map(
    (value) =>
      `  <line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(value)}" y2="${y(value)}" stroke="#8a94a6" stroke-opacity="0.35"/>
  <text x="${LEFT - 8}" y="${Number(y(value)) + 4}" font-size="12" text-anchor="end">${value.toLocaleString('en')}</text>`,
  )
  const hours = Array.from({ length: Math.floor(seconds / 1_800) + 1 }, (_, half) => half * 1_800).map(
    (second) =>
      `  <text x="${x(second)}" y="${HEIGHT - BOTTOM + 18}" font-size="12" text-anchor="middle">${second / 60} min</text>`,
  )
  const drawn = lines.map(({ label, values, colour }, i) => {
    const points = Array.from(
      { length: Math.ceil(values.length / BIN) },
      (_, bin) => `${x(bin * BIN)},${y(most(values, bin * BIN, (bin + 1) * BIN))}`,
    )
    return `  <polyline points="${points.join(' ')}" fill="none" stroke="${colour}" stroke-width="1.5"/>
  <line x1="${LEFT + i * 280}" x2="${LEFT + i * 280 + 22}" y1="52" y2="52" stroke="${colour}" stroke-width="3"/>
  <text x="${LEFT + i * 280 + 30}" y="56">${label}</text>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="14" fill="#6b7280" role="img" aria-label="${title}">
  <text x="16" y="28" font-size="17" font-weight="600">${title}</text>
  <text x="${WIDTH - RIGHT}" y="28" font-size="12" text-anchor="end">${unit}</text>
${[...shades, ...grid, ...hours, ...drawn].join('\n')}
</svg>
`
}

function most(values: ArrayLike<number>, from: number, to: number): number {
  let highest = 0
  for (let i = from; i < Math.min(to, values.length); i++) highest = Math.max(highest, values[i] ?? 0)
  return highest
}
