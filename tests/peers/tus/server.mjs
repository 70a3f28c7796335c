// An independent tus server (@tus/server with @tus/file-store) for our upload client. Tests only, loopback only.
// Arguments: folder for the uploads, certificate, key. Prints {"port": N} when ready; ends when its input does.
// The token is the adapter's: our client always asks for one, a plain tus server gives none.
import fs from 'node:fs';
import https from 'node:https';
import { FileStore } from '@tus/file-store';
import { Server } from '@tus/server';

const [folder, certificate, key] = process.argv.slice(2);
const DAY_MS = 24 * 3600 * 1000;

const tus = new Server({
  path: '/v1/uploads',
  relativeLocation: true,
  datastore: new FileStore({ directory: folder, expirationPeriodInMilliseconds: DAY_MS }),
});

const front = https.createServer(
  { cert: fs.readFileSync(certificate), key: fs.readFileSync(key) },
  (request, response) => {
    if (request.url === '/v1/token') {
      request.resume();
      response.setHeader('Content-Type', 'application/json');
      response.end(JSON.stringify({ access_token: 'peer', token_type: 'Bearer', expires_in: 600 }));
      return;
    }
    if (request.headers.authorization !== 'Bearer peer') {
      request.resume();
      response.writeHead(401).end();
      return;
    }
    tus.handle(request, response);
  },
);

front.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ port: front.address().port })}\n`);
});
process.stdin.resume().on('end', () => process.exit(0));
