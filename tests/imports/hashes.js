// Prints hashes that npm packages make: of a Firebase project with parameters of its own, and of ASP.NET Identity.
// Usage: node hashes.js PASSWORD

import { randomBytes } from 'node:crypto';
import { hash } from 'aspnetcore-identity-password-hasher';
import { PasswordHasher, PasswordHasherCompatibilityMode } from 'aspnetcore-identity-password-hasher/build/PasswordHasher.js';
import { FirebaseScrypt } from 'firebase-scrypt';

const password = process.argv[2];
const parameters = {
  memCost: 14,
  rounds: 8,
  saltSeparator: 'Bw==',
  signerKey: randomBytes(64).toString('base64'),
};
const salt = randomBytes(8).toString('base64');
const urlSafe = (text) => text.replaceAll('+', '-').replaceAll('/', '_');
const firebase = await new FirebaseScrypt(parameters).hash(password, salt);
const version2 = new PasswordHasher(1000, PasswordHasherCompatibilityMode.IdentityV2);

console.log(JSON.stringify({
  parameters,
  hashes: {
    'Firebase, as its command line exports it': `$fbscrypt$${salt}$${firebase}`,
    'Firebase, as its Admin SDK lists it': `$fbscrypt$${urlSafe(salt)}$${urlSafe(firebase)}`,
    'ASP.NET Core Identity': await hash(password),
    'ASP.NET Identity 2': await version2.hashPassword(password),
  },
}));
