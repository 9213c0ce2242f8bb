import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { testStores } from '@heirloom/local-stack/testing'
import pg from 'pg'
import { expect, test } from 'vitest'
import { importedUser } from '../src/services/accounts/imported-user.ts'
import { FIREBASE, KNOWN_HASHES } from './credentials/hashes/known-hashes.ts'

const GUIDE = readFileSync('docs/guide/import-users.md', 'utf8')

/** The code in a section of the guide. */
function recipe(heading: string, language: string): string {
  const section = GUIDE.split(/^## /m).find((one) => one.startsWith(`${heading}\n`)) ?? ''
  return new RegExp('```' + language + '\n(.*?)```', 's').exec(section)?.[1] ?? ''
}

/** What jq makes of an export, as the import reads it. */
function byJq(heading: string, input: object, env: Record<string, string> = {}) {
  const command = recipe(heading, 'sh').replace(/ [\w.]+ > users.jsonl\n$/, '')
  return read(
    execFileSync('sh', ['-c', command], {
      input: JSON.stringify(input),
      encoding: 'utf8',
      env: { ...process.env, ...env },
    }),
  )
}

function read(lines: string) {
  return lines
    .trim()
    .split('\n')
    .map((line) => {
      const result = importedUser(line, () => true)
      if (!result.ok) throw new Error(result.fault)
      return result.user
    })
}

/** Runs a query of the guide on tables as the other system has them. */
async function bySql(heading: string, tables: string) {
  const client = new pg.Client({ connectionString: (await testStores()).superuserUrl })
  await client.connect()
  await client.query(tables)
  const { rows } = await client.query({ text: recipe(heading, 'sql'), rowMode: 'array' })
  await client.end()
  return read(rows.map(([row]) => JSON.stringify(row)).join('\n'))
}

const [BCRYPT, KEYCLOAK, DJANGO] = ['bcrypt $2a$ (jBCrypt)', 'Keycloak with SHA-256', 'PBKDF2 of Django'].map(
  (from) => KNOWN_HASHES.find((one) => one.from === from)?.hash ?? '',
) as [string, string, string]

test('users of Supabase keep their ids and passwords', async () => {
  const users = await bySql(
    'From Supabase',
    `CREATE SCHEMA auth;
     CREATE TABLE auth.users (id uuid, email varchar(255), encrypted_password varchar(255), raw_app_meta_data jsonb,
       raw_user_meta_data jsonb, banned_until timestamptz, deleted_at timestamptz, created_at timestamptz);
     INSERT INTO auth.users VALUES
       ('b6c0e9a2-5f0e-4a39-9d3e-6c4b1f0a7d55', 'ada@example.com', '${BCRYPT}', '{"provider":"email","providers":["email"],"tenant":"t1"}',
        '{"sub":"x","email":"ada@example.com"}', NULL, NULL, '2024-03-01T09:30:00.123456Z'),
       ('4b8f6c0e-9a25-4f0e-8a39-9d3e6c4b1f0a', 'grace@example.com', '', '{"provider":"google","providers":["google"]}', '{}', '2999-01-01Z', NULL, now()),
       ('9d3e6c4b-1f0a-4b8f-8c0e-9a254f0e8a39', 'gone@example.com', '${BCRYPT}', '{}', '{}', NULL, now(), now())`,
  )
  expect(users).toMatchObject([
    {
      id: 'b6c0e9a2-5f0e-4a39-9d3e-6c4b1f0a7d55',
      username: 'ada@example.com',
      email: { address: 'ada@example.com' },
      passwordHash: BCRYPT,
      attributes: { tenant: 't1' },
      disabled: false,
      createdAt: '2024-03-01T09:30:00.123Z',
    },
    { username: 'grace@example.com', passwordHash: null, disabled: true },
  ])
})

test('users of Django keep their passwords', async () => {
  const users = await bySql(
    'From Django',
    `CREATE TABLE auth_user (id int, username varchar(150), email varchar(254), password varchar(128), is_active bool, date_joined timestamptz);
     INSERT INTO auth_user VALUES (1, 'ada', '', '${DJANGO}', true, '2020-01-01Z'), (2, 'bob', 'b@example.com', '!unusable', false, '2020-01-01Z')`,
  )
  expect(users).toMatchObject([
    { username: 'ada', email: null, passwordHash: DJANGO, disabled: false, createdAt: '2020-01-01T00:00:00.000Z' },
    { username: 'bob', email: { address: 'b@example.com' }, passwordHash: null, disabled: true },
  ])
})

test('users of Auth0 keep their passwords, and their ids as an attribute', () => {
  const exported = {
    _id: { $oid: '5dea9f9c82dd7c0e76e4ec93' },
    email_verified: false,
    email: 'ada@example.com',
    passwordHash: BCRYPT,
    password_set_date: { $date: '2019-12-06T18:36:12.412Z' },
    tenant: 'example',
    connection: 'Username-Password-Authentication',
    _tmp_is_unique: true,
    identifiers: [{ type: 'email', value: 'ada@example.com', verified: false }],
  }
  const { email: _email, ...withoutEmail } = exported
  const ada = { username: 'ada@example.com', email: { key: 'ada@example.com' }, passwordHash: BCRYPT }
  expect(byJq('From Auth0', exported)).toMatchObject([
    { ...ada, attributes: { auth0_id: 'auth0|5dea9f9c82dd7c0e76e4ec93' } },
  ])
  expect(byJq('From Auth0', { ...withoutEmail, alt_id: 'euclid' })).toMatchObject([
    { ...ada, attributes: { auth0_id: 'auth0|euclid' } },
  ])
})

test('users of Keycloak keep their ids, passwords and attributes', () => {
  const user = {
    id: '1c3f1a0e-2c1b-4d29-8b0f-8e2b6a1f5d11',
    createdTimestamp: 1714566600123,
    username: 'ada',
    enabled: true,
    totp: false,
    emailVerified: true,
    email: 'ada@example.com',
    attributes: { department: ['R&D'], phones: ['1', '2'] },
    credentials: [
      { id: 'o', type: 'otp', secretData: '{}', credentialData: '{}' },
      { id: 'c', type: 'password', createdDate: 1714566600123, ...JSON.parse(KEYCLOAK) },
    ],
    disableableCredentialTypes: [],
    requiredActions: [],
    realmRoles: ['default-roles-x'],
    notBefore: 0,
    groups: [],
  }
  const { email: _email, attributes: _attributes, ...bare } = user
  const service = { ...bare, username: 'service-account-x', serviceAccountClientId: 'x' }
  const users = byJq('From Keycloak', {
    realm: 'x',
    users: [user, { ...bare, username: 'bob', enabled: false, credentials: [] }, service],
  })
  expect(users).toMatchObject([
    {
      id: user.id,
      username: 'ada',
      passwordHash: KEYCLOAK,
      attributes: { department: 'R&D', phones: ['1', '2'] },
      disabled: false,
      createdAt: '2024-05-01T12:30:00.000Z',
    },
    { username: 'bob', passwordHash: null, email: null, disabled: true },
  ])
})

test('users of Firebase keep their passwords, and their ids as an attribute', () => {
  const [, signerKey = '', salt = '', hash = ''] = /,sk=([^$]+)\$([^$]+)\$(.+)$/.exec(FIREBASE) ?? []
  const user = {
    localId: 'DfPQlQnGzCVBHLVIePdx3Nwa0lq1',
    email: 'ada@example.com',
    emailVerified: false,
    passwordHash: hash,
    salt,
    displayName: 'Ada',
    lastSignedInAt: '1714566600000',
    createdAt: '1714566600123',
    customAttributes: '{"tenant":"t1"}',
    providerUserInfo: [],
  }
  const {
    passwordHash: _hash,
    salt: _salt,
    ...byGoogle
  } = { ...user, localId: 'x', email: 'grace@example.com', disabled: true }
  const users = byJq(
    'From Firebase',
    { users: [user, byGoogle, { localId: 'anonymous', createdAt: '1' }] },
    { SIGNER_KEY: signerKey, SALT_SEPARATOR: 'Bw==' },
  )
  expect(users).toMatchObject([
    {
      username: 'ada@example.com',
      passwordHash: FIREBASE,
      attributes: { tenant: 't1', firebase_uid: 'DfPQlQnGzCVBHLVIePdx3Nwa0lq1' },
      disabled: false,
      createdAt: '2024-05-01T12:30:00.000Z',
    },
    { username: 'grace@example.com', passwordHash: null, disabled: true },
  ])
})
