/** A hash of each kind that other systems make, and its password: from RFCs, documentation and tests of those systems. */
export const IMPORTED_HASHES = [
  ['bcrypt', '$2b$10$ckDH0NriQsy8ZRhLhVJhMuUeQfQRQW5zOc/z1iDLHPLLxKWsmCo2a', 'password'],
  ['argon2id', '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc', 'password'],
  [
    'scrypt',
    '$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw',
    'pleaseletmein',
  ],
  [
    'PBKDF2',
    '$pbkdf2-sha256$i=80000$TmFDbA$TdzY9guYviGDDO5e8icB+WQaRBjQTAQUrv8Ih2s0q1ah1CWhIlgzVJrbhBtRybMXaicr3ruh0HhHj2Kzl/M8jQ',
    'Password',
  ],
  [
    'Firebase',
    '$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==',
    'user1password',
  ],
  [
    'Keycloak',
    JSON.stringify({
      credentialData: '{"hashIterations":27500,"algorithm":"pbkdf2-sha256","additionalParameters":{}}',
      secretData:
        '{"value":"6EIeRJF2m1mCMMS/GkQBGp+jW2kx+b5aO9BrvhV7SDOwaPO27EX9nBsMKUPPDdQeuGp5CyuMYvBCNONwqnnoxg==","salt":"MDEyMzQ1Njc4OWFiY2RlZg==","additionalParameters":{}}',
    }),
    'lètmein',
  ],
].map(([kind = '', hash = '', password = '']) => ({ kind, hash, password }))
