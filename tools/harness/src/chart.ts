import { type Axis, scaleOf } from './axis.ts'
import { escapeHtml } from './escape-html.ts'

interface Series {
  name: string
  points: readonly (readonly [x: number, y: number])[]
  style: 'line' | 'dashed' | 'dots'
  /** One per point, written beside it. */
  labels?: readonly string[]
}

export interface Chart {
  title: string
  x: Axis
  y: Axis
  series: readonly Series[]
  /** Vertical lines. */
  marks?: readonly { at: number; label: string }[]
  /** Shaded ranges of the x axis, each with its name above it. */
  spans?: readonly { from: number; to: number; label: string }[]
  width?: number
}

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [720, 300, 78, 30, 30, 46]

/** A chart of lines and dots as part of a page, in the colours of the page. */
export function chart(of: Chart): string {
  const { title, series, width = WIDTH } = of
  const drawn = drawingOf(of)
  if (drawn === '') return ''
  const legend = series.map(({ name }, i) => `<span class="key s${i}">${escapeHtml(name)}</span>`).join(' ')
  return `<figure><figcaption>${escapeHtml(title)}</figcaption>
<svg viewBox="0 0 ${width} ${HEIGHT}" role="img" aria-label="${escapeHtml(title)}">
${drawn}
</svg><p class="legend">${legend}</p></figure>`
}

/** Charts side by side as an SVG file, in colours that are visible on light and dark pages. */
export function picture(...charts: readonly Chart[]): string {
  const row = (i: number) => HEIGHT + 8 + i * 18
  let width = 0
  const panels = charts.map((of) => {
    const legend = of.series.map(
      ({ name }, i) =>
        `<g class="s${i}"><rect x="${LEFT}" y="${row(i)}" width="11" height="11" rx="2" fill="currentColor"/><text x="${LEFT + 18}" y="${row(i) + 10}">${escapeHtml(name)}</text></g>`,
    )
    const at = width
    width += of.width ?? WIDTH
    return `<g transform="translate(${at})"><text x="${LEFT}" y="12">${escapeHtml(of.title)}</text>
${[drawingOf(of), ...legend].join('\n')}</g>`
  })
  const height = row(Math.max(...charts.map(({ series }) => series.length))) + 4
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeHtml(charts.map(({ title }) => title).join('; '))}"><style>${STYLE}</style>
${panels.join('\n')}
</svg>
`
}

const STYLE =
  'text{font:12px system-ui,sans-serif;fill:#6b7280}.grid{stroke:#c9ced6}.mark{stroke:#6b7280;stroke-dasharray:2 4;stroke-width:2}' +
  '.s path{fill:none;stroke-width:2;stroke:currentColor}.s circle{fill:currentColor}.s0{color:#2f8f54}.s1{color:#3b78d8}.s2{color:#d0573a}.s3{color:#9b6bc4}.s4{color:#a08a00}'

/** Returns an empty string if there are no points. */
function drawingOf({ x, y, series, marks = [], spans = [], width = WIDTH }: Chart): string {
  const points = series.flatMap((one) => one.points)
  if (points.length === 0) return ''
  const xScale = scaleOf(
    x,
    points.map(([value]) => value),
  )
  const yScale = scaleOf(
    y,
    points.map(([, value]) => value),
  )
  const px = (value: number) => round(LEFT + xScale.place(value) * (width - LEFT - RIGHT))
  const py = (value: number) => round(HEIGHT - BOTTOM - yScale.place(value) * (HEIGHT - TOP - BOTTOM))
  const [bottom, right] = [HEIGHT - BOTTOM, width - RIGHT]

  const grid = [
    ...yScale.ticks.map(
      (tick) =>
        `<line class="grid" x1="${LEFT}" x2="${right}" y1="${py(tick)}" y2="${py(tick)}"/><text x="${LEFT - 8}" y="${py(tick) + 4}" text-anchor="end">${escapeHtml(yScale.format(tick))}</text>`,
    ),
    ...xScale.ticks.map(
      (tick) =>
        `<line class="grid" x1="${px(tick)}" x2="${px(tick)}" y1="${bottom}" y2="${bottom + 4}"/><text x="${px(tick)}" y="${bottom + 18}" text-anchor="middle">${escapeHtml(xScale.format(tick))}</text>`,
    ),
    `<text x="${(LEFT + right) / 2}" y="${HEIGHT - 8}" text-anchor="middle">${escapeHtml(x.label)}</text>`,
    `<text transform="translate(16 ${(TOP + bottom) / 2}) rotate(-90)" text-anchor="middle">${escapeHtml(y.label)}</text>`,
  ]
  const shaded = spans.map(
    ({ from, to, label }) =>
      `<rect x="${px(from)}" y="${TOP}" width="${round(px(to) - px(from))}" height="${bottom - TOP}" fill="#8a94a6" fill-opacity="0.14"/><text x="${px((from + to) / 2)}" y="${TOP - 4}" text-anchor="middle">${escapeHtml(label)}</text>`,
  )
  const marked = marks.map(
    ({ at, label }) =>
      `<line class="mark" x1="${px(at)}" x2="${px(at)}" y1="${TOP}" y2="${bottom}"><title>${escapeHtml(label)}</title></line>`,
  )
  const drawn = series.map(({ name, points: own, style, labels }, i) => {
    const path = own.map(([a, b], at) => `${at ? 'L' : 'M'}${px(a)} ${py(b)}`).join('')
    const dots = own.map(
      ([a, b], at) =>
        `<circle cx="${px(a)}" cy="${py(b)}" r="4"><title>${escapeHtml(`${name}: ${xScale.format(a)}, ${yScale.format(b)}`)}</title></circle>${
          labels?.[at] === undefined ? '' : `<text x="${px(a) + 8}" y="${py(b) - 7}">${escapeHtml(labels[at])}</text>`
        }`,
    )
    const line = `<path d="${path}"${style === 'dashed' ? ' stroke-dasharray="5 5"' : ''}/>`
    return `<g class="s s${i}">${style === 'dots' ? '' : line}${style === 'line' && own.length > 40 ? '' : style === 'dashed' ? '' : dots.join('')}</g>`
  })
  return [...shaded, ...grid, ...marked, ...drawn].join('\n')
}

const round = (value: number) => Math.round(value * 10) / 10
