declare module 'cluster-key-slot' {
  /**
   * The slot of a key, of the 16,384 slots of a cluster. Wrong for `{}` before another pair of braces, which none of our keys
   * has: names that users choose are hashed first.
   */
  export default function calculateSlot(key: string): number
}
