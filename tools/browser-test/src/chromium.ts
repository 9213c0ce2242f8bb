export { launchChromium as startChromium } from '@heirloom/local-stack/browser'
