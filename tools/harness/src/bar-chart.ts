import { escapeHtml } from './escape-html.ts'

export interface Bar {
  label: string
  value: number
  /** Written behind the bar. */
  text: string
  /** Whether to use our colour. */
  ours?: boolean
  /** The heading above the first bar of each group. */
  group?: string
}

const [WIDTH, LABELS, ROW, TOP] = [860, 330, 34, 56]

/** An SVG of horizontal bars for a README, readable on white and on black. */
export function barChart(title: string, bars: readonly Bar[]): string {
  const most = Math.max(...bars.map(({ value }) => value))
  let y = TOP - ROW
  const rows = bars.map(({ label, value, text, ours, group }, i) => {
    y += ROW
    const begins = group !== undefined && group !== bars[i - 1]?.group
    const heading = begins ? `  <text x="16" y="${y + 16}" font-weight="600">${escapeHtml(group)}</text>\n` : ''
    if (begins) y += ROW
    const width = Math.max(2, (value / most) * (WIDTH - LABELS - 150))
    return `${heading}  <text x="${LABELS - 12}" y="${y + 16}" text-anchor="end">${escapeHtml(label)}</text>
  <rect x="${LABELS}" y="${y}" width="${width.toFixed(1)}" height="22" rx="3" fill="${ours ? '#2f7d5b' : '#8a94a6'}"/>
  <text x="${(LABELS + width + 8).toFixed(1)}" y="${y + 16}">${escapeHtml(text)}</text>`
  })
  const height = y + ROW + 16
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="14" fill="#6b7280" role="img" aria-label="${escapeHtml(title)}">
  <text x="16" y="30" font-size="17" font-weight="600">${escapeHtml(title)}</text>
${rows.join('\n')}
</svg>
`
}
