/** Files that `npm run prose` does not fail for yet, with the day on which the list was written. It only gets shorter. */
export const ALLOWED: { since: string; files: readonly string[] } = {
  since: '2026-11-29',
  files: [
    'apps/auth-server/src/app.ts',
    'apps/auth-server/src/credentials/password-hasher.ts',
    'apps/auth-server/src/keys/algorithms.ts',
    'apps/auth-server/test/mistakes.slow.test.ts',
    'apps/auth-server/test/replication/redis-fence.int.test.ts',
    'packages/http-service/src/health.ts',
    'packages/http-service/src/run-service.ts',
    'packages/verifier/test/virtual-runtime.ts',
    'apps/auth-server/src/services/accounts/change-password.ts',
    'apps/auth-server/test/credentials/attempt-throttle.int.test.ts',
    'docs/reference/metrics.md',
    'packages/claims/README.md',
  ],
}
