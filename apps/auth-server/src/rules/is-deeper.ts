/** Whether objects and arrays stand within each other in more levels than these. It looks no deeper, so no input exhausts the stack. */
export const isDeeper = (value: unknown, levels: number): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1)))
