import type { AccountOverview } from '../services/accounts/account-overview.ts'

// What each page shows. A template has the name of its page, and gets this data and that of the site, nothing else.

/** What all pages have in common. */
export interface Site {
  /** Whose pages they are. */
  name: string
  /** The address of the stylesheet. */
  style: string
  /** The address of the icon. */
  icon: string
}

interface Form {
  /** Where the form is posted to: the address of the page. */
  action: string
  /** A hidden field, which comes back as it is. */
  formToken: string
}

export interface LoginPage extends Form {
  kind: 'login'
  /** The application that the user logs in for. */
  clientName: string
  /** As it was typed before. */
  username: string
  /** What was wrong, or null. */
  problem: string | null
  /** The user must choose a new password. */
  asksNewPassword: boolean
}

export interface ConsentPage extends Form {
  kind: 'consent'
  clientName: string
  /** Who is logged in. */
  username: string
  /** The same request, at the login page. */
  otherUser: string
  /** The host, or the scheme, that the answer goes to. */
  destination: string
  /** Any program on the user's machine may be behind the application. */
  isNative: boolean
  /** What it asks for. `scopes` in words. */
  resources: { name: string; scopes: string[] }[]
}

export interface AccountPage extends Form {
  kind: 'account'
  username: string
  /** What was just done, or null. */
  done: string | null
  /** What was wrong with the change of the password, or null. */
  problem: string | null
  /** The page for logging out. */
  logout: string
  /** The address of the script that shows times as the browser's clock has them. */
  script: string
  overview: AccountOverview
}

export interface LogoutPage extends Form {
  kind: 'logout'
  /** Who is logged in, or null if the session has ended. */
  username: string | null
}

export interface LoggedOutPage {
  kind: 'logged-out'
}

export interface ErrorPage {
  kind: 'error'
  title: string
  /** What happened. */
  description: string
  /** What the user can do. */
  advice: string
  /** The code of the error, for developers. */
  code: string
}

export type Page = LoginPage | ConsentPage | AccountPage | LogoutPage | LoggedOutPage | ErrorPage
