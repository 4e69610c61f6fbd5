// A CORS proxy on http-proxy, as one would write it: `node node_proxy.js CONFIGURATION.json` (see node.py).

const cluster = require('node:cluster');
const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const httpProxy = require('http-proxy');

const site = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const origins = new Set(site.origins);
const prefixes = new Map(site.routes);
const log = site.access_log ? fs.createWriteStream(site.access_log, { flags: 'a' }) : null;

const proxy = httpProxy.createProxyServer({
  xfwd: true,
  agent: new http.Agent({ keepAlive: true, maxSockets: site.kept, maxFreeSockets: site.kept }),
});

proxy.on('proxyRes', (answer, request, response) => {
  for (const name of site.cors_fields) delete answer.headers[name];
  answer.headers.vary = answer.headers.vary ? `${answer.headers.vary}, Origin` : 'Origin';
  const origin = request.headers.origin;
  if (origins.has(origin)) {
    answer.headers['access-control-allow-origin'] = origin;
    answer.headers['access-control-allow-credentials'] = 'true';
    answer.headers['access-control-expose-headers'] = site.exposed;
  }
});

proxy.on('error', (error, request, response) => {
  if (response.writeHead && !response.headersSent) response.writeHead(502);
  response.end();
});

// All prefixes have one segment.
function target(url) {
  return prefixes.get(url.slice(0, url.indexOf('/', 1) + 1));
}

function answerPreflight(request, response) {
  const fields = { Vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers' };
  const origin = request.headers.origin;
  if (origins.has(origin)) {
    fields['Access-Control-Allow-Origin'] = origin;
    fields['Access-Control-Allow-Credentials'] = 'true';
    fields['Access-Control-Allow-Methods'] = site.methods;
    fields['Access-Control-Allow-Headers'] = site.headers;
    fields['Access-Control-Max-Age'] = site.max_age;
  }
  response.writeHead(204, fields);
  response.end();
}

function handle(request, response) {
  if (log) {
    const began = Date.now();
    response.on('finish', () => {
      log.write(`${request.socket.remoteAddress} [${new Date(began).toISOString()}] "${request.method} ${request.url}" ` +
        `${response.statusCode} "${request.headers['user-agent']}" ${Date.now() - began}\n`);
    });
  }
  if (request.method === 'OPTIONS' && request.headers['access-control-request-method'] && request.headers.origin) {
    answerPreflight(request, response);
    return;
  }
  const to = target(request.url);
  if (to) {
    proxy.web(request, response, { target: to });
  } else {
    response.writeHead(404);
    response.end();
  }
}

if (cluster.isPrimary && site.workers > 1) {
  for (let n = 0; n < site.workers; n += 1) cluster.fork();
} else {
  const server = site.tls
    ? https.createServer({ cert: fs.readFileSync(site.tls.chain), key: fs.readFileSync(site.tls.key) }, handle)
    : http.createServer(handle);
  server.keepAliveTimeout = 600000;
  server.requestTimeout = 0;
  server.on('upgrade', (request, socket, head) => proxy.ws(request, socket, head, { target: target(request.url) }));
  server.listen({ port: site.port, host: '127.0.0.1', backlog: 4096 });
}
