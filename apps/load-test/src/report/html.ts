import { escapeHtml } from '@heirloom/harness/escape-html'

/** The first row is the head. Cells that begin with a digit are aligned to the right. */
export function tableOf(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows
  const cell = (text: string) => `<td${/^[\d.,]/.test(text) ? ' class="n"' : ''}>${escapeHtml(text)}</td>`
  return `<table><thead><tr>${head.map((text) => `<th>${escapeHtml(text)}</th>`).join('')}</tr></thead>
<tbody>${body.map((row) => `<tr>${row.map(cell).join('')}</tr>`).join('\n')}</tbody></table>`
}

export const pairs = (of: Record<string, string>): string =>
  `<dl>${Object.entries(of)
    .map(([name, value]) => `<dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd>`)
    .join('\n')}</dl>`
