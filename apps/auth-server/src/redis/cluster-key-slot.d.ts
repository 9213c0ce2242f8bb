declare module 'cluster-key-slot' {
  /**
   * In which of the 16,384 slots of a cluster a key is. Wrong for `{}` before another pair of braces, which none of our keys
   * has: names that users choose are hashed first.
   */
  export default function calculateSlot(key: string): number
}
