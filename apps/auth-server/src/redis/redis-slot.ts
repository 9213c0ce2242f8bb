const SLOTS = 16_384

/** In which slot of a cluster a key is: CRC-16/XMODEM of what its first braces hold, or of all of it. */
export function slotOf(key: string): number {
  const tag = /\{([^}]+)\}/.exec(key)
  // Only the first opening brace counts, and only where something stands before the next closing one.
  const hashed = tag && tag.index === key.indexOf('{') ? (tag[1] ?? key) : key
  let crc = 0
  for (const byte of Buffer.from(hashed)) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff
  }
  return crc % SLOTS
}
