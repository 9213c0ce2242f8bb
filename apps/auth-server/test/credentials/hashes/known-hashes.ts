// Hashes that other programs made: from their documentation, their tests, the RFCs, or glibc's crypt and Python's hashlib.

const keycloak = (algorithm: string, iterations: number, value: string, additional: object = {}) =>
  JSON.stringify({
    credentialData: JSON.stringify({ hashIterations: iterations, algorithm, additionalParameters: additional }),
    secretData: JSON.stringify({ value, salt: 'MDEyMzQ1Njc4OWFiY2RlZg==', additionalParameters: {} }),
  })

export const FIREBASE =
  '$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ=='

export interface KnownHash {
  from: string
  kind: string
  hash: string
  password: string
}

export const KNOWN_HASHES: readonly KnownHash[] = [
  ['bcrypt $2a$ (jBCrypt)', 'bcrypt', '$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe', 'a'],
  ['bcrypt $2b$ (glibc)', 'bcrypt', '$2b$06$abcdefghijklmnopqrstuuPb/IntJLlirAv12HWgtofWRkx/a4ZV.', 'lètmein'],
  [
    'bcrypt $2y$ (PHP writes it so)',
    'bcrypt',
    '$2y$06$abcdefghijklmnopqrstuuPb/IntJLlirAv12HWgtofWRkx/a4ZV.',
    'lètmein',
  ],
  [
    'bcrypt of more than 72 bytes (crypt_blowfish)',
    'bcrypt',
    '$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui',
    '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789chars after 72 are ignored',
  ],
  ['bcrypt of Django', 'bcrypt', 'bcrypt$$2b$06$abcdefghijklmnopqrstuuPb/IntJLlirAv12HWgtofWRkx/a4ZV.', 'lètmein'],
  ['bcrypt of Spring', 'bcrypt', '{bcrypt}$2b$06$abcdefghijklmnopqrstuuPb/IntJLlirAv12HWgtofWRkx/a4ZV.', 'lètmein'],
  [
    'bcrypt over SHA-256 of Django',
    'bcrypt',
    'bcrypt_sha256$$2b$06$abcdefghijklmnopqrstuul5B/dAdshjIhHjT6my8nuQ0dMXgwHGG',
    'lètmein',
  ],
  [
    'argon2id (phc-winner-argon2)',
    'argon2',
    '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
    'password',
  ],
  [
    'argon2i of version 1.0 (phc-winner-argon2)',
    'argon2',
    '$argon2i$m=65536,t=2,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ',
    'password',
  ],
  [
    'argon2 of Django',
    'argon2',
    'argon2$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
    'password',
  ],
  [
    'scrypt in PHC’s format (RFC 7914)',
    'scrypt',
    '$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw',
    'pleaseletmein',
  ],
  [
    'scrypt of Django',
    'scrypt',
    'scrypt$16384$seasalt$8$1$Qj3+9PPyRjSJIebHnG81TMjsqtaIGxNQG/aEB/NYafTJ7tibgfYz71m0ldQESkXFRkdVCBhhY8mx7rQwite/Pw==',
    'lètmein',
  ],
  [
    'scrypt of Werkzeug',
    'scrypt',
    'scrypt:4096:8:1$pmEF3xPQ$f43dd2d31d89f5b523e3da1977a2a79b1ff0b6f49107d935697576a4e90b8b6b246b3e0d6c06ed854f69a144dd3668bdba3d6c3e344ed377b58afe362af9dc1d',
    'lètmein',
  ],
  ['Firebase', 'Firebase scrypt', FIREBASE, 'user1password'],
  [
    'PBKDF2 in PHC’s format (RFC 7914)',
    'PBKDF2',
    '$pbkdf2-sha256$i=80000$TmFDbA$TdzY9guYviGDDO5e8icB+WQaRBjQTAQUrv8Ih2s0q1ah1CWhIlgzVJrbhBtRybMXaicr3ruh0HhHj2Kzl/M8jQ',
    'Password',
  ],
  [
    'PBKDF2 of passlib',
    'PBKDF2',
    '$pbkdf2-sha256$6400$.6UI/S.nXIk8jcbdHx3Fhg$98jZicV16ODfEsEZeYPGHU3kbrUrvUEXOPimVSQDD44',
    'password',
  ],
  ['PBKDF2 of Django', 'PBKDF2', 'pbkdf2_sha256$10000$seasalt$CWWFdHOWwPnki7HvkcqN9iA2T3KLW1cf2uZ5kvArtVY=', 'lètmein'],
  ['PBKDF2 with SHA-1 of Django', 'PBKDF2', 'pbkdf2_sha1$10000$seasalt$oAfF6vgs95ncksAhGXOWf4Okq7o=', 'lètmein'],
  [
    'PBKDF2 of Werkzeug',
    'PBKDF2',
    'pbkdf2:sha256:26000$pmEF3xPQ$18f268a0381835b0634ff2ec9cf43be6f4d416b8fae26071ae0163dd7ed7f9a3',
    'lètmein',
  ],
  [
    'Keycloak with SHA-256',
    'Keycloak',
    keycloak(
      'pbkdf2-sha256',
      27_500,
      '6EIeRJF2m1mCMMS/GkQBGp+jW2kx+b5aO9BrvhV7SDOwaPO27EX9nBsMKUPPDdQeuGp5CyuMYvBCNONwqnnoxg==',
    ),
    'lètmein',
  ],
  [
    'Keycloak with SHA-512',
    'Keycloak',
    keycloak(
      'pbkdf2-sha512',
      30_000,
      'mwK94c364E0q0V/Oki8Ky3A/QRD69nLasX36J8LtOgNKf5tg67WaKJV3yXD/8sQpCf5y+0hmVGqxXmomN2ZUQA==',
    ),
    'lètmein',
  ],
  [
    'Keycloak with SHA-1',
    'Keycloak',
    keycloak(
      'pbkdf2',
      20_000,
      'qxMoJmJ+1/SwvBG0+IEeNedf71Q+UQVYHsgfvgCrPY6tL1li5lDAYzQ4LSCi4OGS0t5/Wlr/HDxQ0Fq4LLvzPg==',
    ),
    'lètmein',
  ],
].map(([from = '', kind = '', hash = '', password = '']) => ({ from, kind, hash, password }))
