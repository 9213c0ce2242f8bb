/** How often a property is tried: `RUNS=10000 npx vitest run FILE` tries it more often than CI does. */
export const runs = (usually: number): number => Number(process.env['RUNS'] ?? usually)
