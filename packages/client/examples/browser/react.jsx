import { createClient } from '@heirloom/client'
import { StrictMode, useEffect, useState, useSyncExternalStore } from 'react'
import { createRoot } from 'react-dom/client'

/** Whether a user is logged in. Undefined until the auth server has said so. */
let isLoggedIn
const listeners = new Set()
const set = (is) => {
  isLoggedIn = is
  for (const listener of listeners) listener()
}

// One client for the page, outside of all components.
const client = createClient({
  authServer: 'https://auth.example',
  resources: [location.origin],
  delivery: 'cookie',
  onEvent({ type }) {
    if (type === 'logged_in') set(true)
    if (type === 'session_ended') set(false)
    // Another user has logged in in another tab, and this page still shows the previous user's data.
    if (type === 'session_changed') location.reload()
  },
})

function useIsLoggedIn() {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => isLoggedIn,
  )
}

function App() {
  const is = useIsLoggedIn()
  const [problem, setProblem] = useState('')
  useEffect(() => {
    // It rejects if the auth server does not answer: that is no logout.
    client.isLoggedIn().then(set, (error) => setProblem(error.message))
  }, [])

  const logIn = (form) =>
    client
      .login({ username: form.get('username'), password: form.get('password') })
      .catch((error) => setProblem(error.message))
  return (
    <>
      {is === true && <Me />}
      {is === false && (
        <form action={logIn}>
          <input name="username" autoComplete="username" required />
          <input name="password" type="password" autoComplete="current-password" required />
          <button>Log in</button>
        </form>
      )}
      <p role="alert">{problem}</p>
    </>
  )
}

function Me() {
  const [me, setMe] = useState()
  useEffect(() => {
    const leave = new AbortController()
    client
      .fetch('/api/me', { signal: leave.signal })
      .then((response) => response.json())
      .then(setMe, () => undefined)
    return () => leave.abort()
  }, [])
  return (
    <section>
      <p>
        You are <output>{me?.sub}</output>.
      </p>
      <button onClick={() => void client.logout()}>Log out</button>
    </section>
  )
}

createRoot(document.body.appendChild(document.createElement('main'))).render(
  <StrictMode>
    <App />
  </StrictMode>,
)
