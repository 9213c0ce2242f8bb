export {
  type AccessTokenClaims,
  type ClientClaims,
  type HeirloomClaims,
  type Profile,
  type Status,
  type UserClaims,
  heirloomProfile,
  rfc9068Profile,
} from '@heirloom/claims'
export { type RefusalAnswer, answerRefusal } from './answer-refusal.ts'
export { authorizeRequest, resourceMetadataResponse } from './authorize-request.ts'
export { bearerToken } from './bearer-token.ts'
export { callerOf } from './caller.ts'
export { type ConnectBearerOptions, connectBearer, connectResourceMetadata } from './connect.ts'
export { type Algorithm } from './keys/algorithms.ts'
export { type KeySet } from './keys/key-set.ts'
export { type JwkSet, type LocalKeySet, localKeySet } from './keys/local-key-set.ts'
export { type KeySetEvent, type KeySetStats, RemoteKeySet, type RemoteKeySetOptions } from './keys/remote-key-set.ts'
export { type Runtime } from './remote/runtime.ts'
export { type ImportedKey, type VerificationKey, importKey } from './keys/verification-key.ts'
export { type Requirement, unmetRequirement } from './requirement.ts'
export { type Refusal, type RefusalCode } from './refusal.ts'
export {
  type ProtectedResource,
  type ResourceMetadata,
  type ResourceOptions,
  protectedResource,
} from './resource/protected-resource.ts'
export { type MetadataAnswer, answerMetadata } from './resource/answer-metadata.ts'
export { type StatusEvent, type StatusOptions, type StatusStats } from './status/status-lists.ts'
export { type OnRefusal } from './report-refusals.ts'
export { type Verdict, type Verifier, type VerifierOptions, type VerifierStats, createVerifier } from './verifier.ts'
