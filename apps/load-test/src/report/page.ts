import { writeFileSync } from 'node:fs'
import { escapeHtml } from '@heirloom/harness/escape-html'
import type { Level, RevocationPoint, RunResult, SharedTokenPoint, TradeOff } from '../result.ts'
import { machine } from '../result.ts'
import { curveSection } from './curve-section.ts'
import { pairs } from './html.ts'
import { revocationSection } from './revocation-section.ts'
import { runSection } from './run-section.ts'
import { sharedTokenSection } from './shared-token-section.ts'
import { tradeOffSection } from './trade-off-section.ts'

export interface Report {
  runs?: readonly RunResult[]
  levels?: readonly Level[]
  tradeOff?: TradeOff
  revocations?: readonly RevocationPoint[]
  sharedToken?: SharedTokenPoint
  broken: readonly string[]
}

/** A self-contained page without scripts, fonts or network. It holds the numbers as JSON, too. */
export function writePage(file: string, report: Report): void {
  const { runs = [], levels = [], tradeOff, revocations = [], sharedToken, broken } = report
  const data = JSON.stringify(report).replaceAll('<', String.raw`\u003c`)
  writeFileSync(
    file,
    `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Heirloom under load</title>
<style>${STYLE}</style>
</head>
<body>
<header><h1>Heirloom under load</h1><p>${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC</p></header>
${broken.length ? `<ul class="warning">${broken.map((sentence) => `<li>${escapeHtml(sentence)}</li>`).join('')}</ul>` : '<p class="good">All limits were kept.</p>'}
${levels.length ? curveSection(levels) : ''}
${tradeOff ? tradeOffSection(tradeOff) : ''}
${revocations.length ? revocationSection(revocations) : ''}
${sharedToken ? sharedTokenSection(sharedToken) : ''}
${[...runs, ...levels.map(({ run }) => run)].map(runSection).join('\n')}
<section><h2>The machine</h2>${pairs(machine())}</section>
<script type="application/json" id="data">${data}</script>
</body>
</html>
`,
  )
}

const STYLE = `
:root { color-scheme: light dark; --ink: light-dark(#1f2733, #dfe5ee); --faint: light-dark(#dfe3ea, #353d4a); --soft: light-dark(#5d6878, #9aa6b8);
  --s0: light-dark(#24713f, #5fbf86); --s1: light-dark(#2b61b5, #7fb0ff); --s2: light-dark(#b5452b, #ff9b7f);
  --s3: light-dark(#8250a8, #c79bea); --s4: light-dark(#6b5d00, #d6c24a) }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); max-width: 780px; margin: 2rem auto; padding: 0 1rem }
h1 { margin: 0 } header p, figcaption, .legend, dt { color: var(--soft) }
h2 { margin-top: 3rem; border-bottom: 1px solid var(--faint) }
.good { color: var(--s0) } .warning { border-left: 4px solid var(--s2); padding: .5rem 1rem .5rem 2rem }
.tiles { list-style: none; padding: 0; display: grid; grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); gap: .8rem }
.tiles li { border: 1px solid var(--faint); border-radius: 6px; padding: .6rem .8rem; color: var(--soft) }
.tiles b { display: block; font-size: 1.5rem; color: var(--ink) }
figure { margin: 1.5rem 0 } figcaption { font-weight: 600 } svg { width: 100%; height: auto; overflow: visible }
svg text { font-size: 12px; fill: var(--soft) } .grid { stroke: var(--faint) } .mark { stroke: var(--soft); stroke-dasharray: 2 4; stroke-width: 2 }
.s path { fill: none; stroke-width: 2; stroke: currentColor } .s circle { fill: currentColor }
.s0 { color: var(--s0) } .s1 { color: var(--s1) } .s2 { color: var(--s2) } .s3 { color: var(--s3) } .s4 { color: var(--s4) }
.legend { margin: 0 } .key::before { content: ''; display: inline-block; width: .8em; height: .8em; border-radius: 2px; background: currentColor; margin: 0 .4em 0 .8em }
table { border-collapse: collapse; width: 100%; font-size: .9rem; display: block; overflow-x: auto }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--faint) } th:not(:first-child), .n { text-align: right; font-variant-numeric: tabular-nums }
pre { overflow-x: auto; font-size: .8rem } dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1rem } dd { margin: 0 }
`
