export interface Growth {
  label: string
  values: readonly number[]
  /** Written at the end of the line. */
  text: string
  /** Drawn in the colour of what is ours. */
  ours: boolean
}

interface Panel {
  title: string
  lines: readonly Growth[]
}

const [PANEL, HEIGHT, TOP, LEFT] = [420, 250, 84, 16]
/** Lines that end closer than this have their texts moved apart. */
const TEXT = 34

/** An SVG of panels side by side, each from zero and with a scale of its own: readable on white and on black. */
export function growthChart(title: string, axis: string, panels: readonly Panel[]): string {
  const [width, height] = [LEFT + panels.length * PANEL + 16, TOP + HEIGHT + 44]
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="13" fill="#6b7280" role="img" aria-label="${title}">
  <text x="16" y="30" font-size="17" font-weight="600">${title}</text>
${panels.map((panel, i) => drawPanel(panel, axis, LEFT + i * PANEL)).join('\n')}
</svg>
`
}

function drawPanel({ title, lines }: Panel, axis: string, left: number): string {
  const right = left + PANEL - 190
  const bottom = TOP + HEIGHT
  const most = Math.max(...lines.flatMap(({ values }) => values)) * 1.05
  const y = (value: number) => bottom - (value / most) * HEIGHT
  let below = bottom + TEXT
  const drawn = lines
    .toSorted((a, b) => (a.values.at(-1) ?? 0) - (b.values.at(-1) ?? 0))
    .map(({ label, values, text, ours }) => {
      const x = (i: number) => left + (i / Math.max(1, values.length - 1)) * (right - left)
      const points = values.map((value, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`).join(' ')
      const end = Math.min(y(values.at(-1) ?? 0), below - TEXT)
      below = end
      const colour = ours ? '#2f7d5b' : '#8a94a6'
      return `  <polyline points="${points}" fill="none" stroke="${colour}" stroke-width="2.5"/>
  <text x="${right + 8}" y="${(end - 4).toFixed(1)}" font-weight="600" fill="${colour}">${label}</text>
  <text x="${right + 8}" y="${(end + 11).toFixed(1)}">${text}</text>`
    })
  return `  <text x="${left}" y="${TOP - 22}">${title}</text>
  <path d="M${left} ${TOP - 8}V${bottom}H${right}" fill="none" stroke="#9ca3af"/>
  <text x="${(left + right) / 2}" y="${bottom + 22}" text-anchor="middle">${axis}</text>
${drawn.join('\n')}`
}
