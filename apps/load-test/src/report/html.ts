import { escape } from '@heirloom/harness/escape'

/** The first row is the head. Cells that begin with a digit are aligned to the right. */
export function tableOf(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows
  const cell = (text: string) => `<td${/^[\d.,]/.test(text) ? ' class="n"' : ''}>${escape(text)}</td>`
  return `<table><thead><tr>${head.map((text) => `<th>${escape(text)}</th>`).join('')}</tr></thead>
<tbody>${body.map((row) => `<tr>${row.map(cell).join('')}</tr>`).join('\n')}</tbody></table>`
}

export const pairs = (of: Record<string, string>): string =>
  `<dl>${Object.entries(of)
    .map(([name, value]) => `<dt>${escape(name)}</dt><dd>${escape(value)}</dd>`)
    .join('\n')}</dl>`
