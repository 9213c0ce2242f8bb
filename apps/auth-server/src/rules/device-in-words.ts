import bowser from 'bowser'

/** A device as its owner knows it: `Firefox on Windows`. A name that is not a browser's `User-Agent` stays as it is. */
export function deviceInWords(device: string | null): string {
  if (device === null || device.trim() === '') return 'Unknown device'
  const { browser, os, platform } = bowser.parse(device)
  if (!browser.name || !os.name) return device
  return `${browser.name} on ${platform.model ?? os.name}`
}
