/** A Markdown table, which Prettier aligns. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

export const code = (text: string): string => `\`${text}\``

/** The text with a full stop. */
export const sentence = (text: string): string => (/[.:!?]$/.test(text) ? text : `${text}.`)

/** The first lines of a page that is made from the source. */
export const page = (title: string, introduction: string, ...parts: string[]): string =>
  [
    `<!-- Made by \`npm run reference\`: change the source and run it again. -->\n\n# ${title}`,
    introduction,
    ...parts,
  ].join('\n\n')
