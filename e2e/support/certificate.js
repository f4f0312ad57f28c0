// A certificate that signs itself, for localhost and for a day.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

export function makeCertificate(folder) {
  const certificate = { key: join(folder, 'key.pem'), cert: join(folder, 'cert.pem') };
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const files = ['-keyout', certificate.key, '-out', certificate.cert];
  execFileSync('openssl', ['req', '-x509', ...kind, ...names, ...files], { stdio: 'pipe' });
  return certificate;
}
