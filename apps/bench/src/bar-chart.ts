export interface Bar {
  label: string
  value: number
  /** As it is written behind the bar. */
  text: string
  /** Drawn in the colour of what is ours. */
  ours?: boolean
}

const [WIDTH, LABELS, ROW, TOP] = [860, 330, 34, 56]

/** An SVG of horizontal bars that fits a README: readable on white and on black. */
export function barChart(title: string, bars: readonly Bar[]): string {
  const most = Math.max(...bars.map(({ value }) => value))
  const height = TOP + bars.length * ROW + 16
  const rows = bars.map(({ label, value, text, ours }, i) => {
    const y = TOP + i * ROW
    const width = Math.max(2, (value / most) * (WIDTH - LABELS - 150))
    return `  <text x="${LABELS - 12}" y="${y + 16}" text-anchor="end">${escape(label)}</text>
  <rect x="${LABELS}" y="${y}" width="${width.toFixed(1)}" height="22" rx="3" fill="${ours ? '#2f7d5b' : '#8a94a6'}"/>
  <text x="${(LABELS + width + 8).toFixed(1)}" y="${y + 16}">${escape(text)}</text>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="14" fill="#6b7280" role="img" aria-label="${escape(title)}">
  <text x="16" y="30" font-size="17" font-weight="600">${escape(title)}</text>
${rows.join('\n')}
</svg>
`
}

const escape = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
