export {
  type AccessTokenClaims,
  type ClientClaims,
  type HeirloomClaims,
  type Status,
  type UserClaims,
} from './claims.ts'
export { type ClaimsFault, type ClaimsResult, type Expected, checkClaims } from './check-claims.ts'
export { type Disagreement, type Profile, heirloomProfile, rfc9068Profile } from './profiles.ts'
export * as shapes from './shapes.ts'
export { type Shape } from './shapes.ts'
