import { createClient } from '@heirloom/client'
import { createApp, h, ref, watch } from 'vue'

/** Whether a user is logged in. Undefined until the auth server has said so. */
const isLoggedIn = ref()

const client = createClient({
  authServer: 'https://auth.example',
  resources: [location.origin],
  delivery: 'cookie',
  onEvent({ type }) {
    if (type === 'logged_in') isLoggedIn.value = true
    if (type === 'session_ended') isLoggedIn.value = false
    // Another user has logged in in another tab, and this page still shows the previous user's data.
    if (type === 'session_changed') location.reload()
  },
})

const App = {
  setup() {
    const [me, problem] = [ref(), ref('')]
    const complain = (error) => (problem.value = error.message)
    watch(isLoggedIn, async (is) => (me.value = is && (await (await client.fetch('/api/me')).json())))
    // It rejects if the auth server does not answer: that is no logout.
    client.isLoggedIn().then((is) => (isLoggedIn.value = is), complain)

    const logIn = (event) => {
      event.preventDefault()
      const form = new FormData(event.target)
      client.login({ username: form.get('username'), password: form.get('password') }).catch(complain)
    }
    return () => [
      isLoggedIn.value === true &&
        h('section', [
          h('p', ['You are ', h('output', me.value?.sub), '.']),
          h('button', { onClick: () => client.logout() }, 'Log out'),
        ]),
      isLoggedIn.value === false &&
        h('form', { onSubmit: logIn }, [
          h('input', { name: 'username', autocomplete: 'username', required: true }),
          h('input', { name: 'password', type: 'password', autocomplete: 'current-password', required: true }),
          h('button', 'Log in'),
        ]),
      h('p', { role: 'alert' }, problem.value),
    ]
  },
}

createApp(App).mount(document.body.appendChild(document.createElement('main')))
