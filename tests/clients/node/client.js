// A client of countersign on grpc-js. The cases and their requests come from the driver, the answers go to
// standard output as JSON; tests/clients/test_clients.py says what both look like.
//
// usage: client.js PROTO_FOLDER SOCKET CASES_FILE
'use strict';
const fs = require('fs');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [protoFolder, socket, casesFile] = process.argv.slice(2);
const definition = loader.loadSync(
  ['countersign/v1/signing_service.proto', 'grpc/health/v1/health.proto', 'google/rpc/status.proto',
    'google/rpc/error_details.proto'],
  { includeDirs: [protoFolder], keepCase: true, longs: Number, enums: String });
const api = grpc.loadPackageDefinition(definition);
const credentials = grpc.credentials.createInsecure();
const signing = new api.countersign.v1.SigningService(`unix:${socket}`, credentials);
const health = new api.grpc.health.v1.Health(`unix:${socket}`, credentials);
const signMethod = definition['countersign.v1.SigningService'].SignCertificate;

const decode = (type, bytes) => definition[type].deserialize(bytes);

// One detail of google.rpc.Status: its type and, as text, what a person reads.
function detail(any) {
  const type = any.type_url.split('/').pop();
  const out = { type };
  if (type === 'google.rpc.ErrorInfo') {
    const info = decode(type, any.value);
    Object.assign(out, { reason: info.reason, domain: info.domain, lines: [`${info.domain} ${info.reason}`] });
  } else if (type === 'google.rpc.PreconditionFailure') {
    const failure = decode(type, any.value);
    out.lines = (failure.violations || []).map((v) => `${v.type} ${v.subject}: ${v.description}`);
  } else if (type === 'countersign.v1.Refusal') {
    const refusal = decode(type, any.value);
    out.ledger_entry = refusal.ledger_entry || 0; // fields with their default are absent
    out.request_id = (refusal.request_id || Buffer.alloc(0)).toString('hex');
    out.lines = (refusal.reasons || []).map((r) => `${r.rule} ${r.subject}: there is ${r.found}; needed: ${r.needed}`);
  }
  return out;
}

function outcome(error, answer) {
  if (!error) return { code: 0, answer };
  const out = { code: error.code, text: error.details };
  const bytes = error.metadata && error.metadata.get('grpc-status-details-bin')[0];
  if (bytes) {
    const status = decode('google.rpc.Status', bytes);
    out.status = { code: status.code, message: status.message, details: (status.details || []).map(detail) };
  }
  return out;
}

const deadlineIn = (ms) => ({ deadline: Date.now() + ms });
const raw = (bytes) => bytes;

const kinds = {
  health(c, done) {
    health.Check({}, deadlineIn(c.deadline_ms), (error, answer) => done(outcome(error, answer && answer.status)));
  },
  // Decoded and encoded again by protobufjs: what it writes must be canonical.
  sign(c, done) {
    const request = signMethod.requestDeserialize(fs.readFileSync(c.request));
    const call = signing.SignCertificate(request, deadlineIn(c.deadline_ms), (error, answer) => {
      if (!error) fs.writeFileSync(c.certificate, answer.certificate);
      done(outcome(error, answer && {
        ledger_entry: answer.ledger_entry, admitted: answer.verdict.admitted,
        covers: answer.verdict.covers.map((v) => v.subject) }));
    });
    if (c.cancel_after_ms) setTimeout(() => call.cancel(), c.cancel_after_ms);
  },
  raw(c, done) {
    signing.makeUnaryRequest(c.path, raw, raw, fs.readFileSync(c.request), deadlineIn(c.deadline_ms),
      (error, answer) => done(outcome(error, answer && answer.length)));
  },
};

const cases = JSON.parse(fs.readFileSync(casesFile, 'utf8'));
const results = {};
function next() {
  const c = cases.shift();
  if (!c) {
    process.stdout.write(JSON.stringify(results, null, 1) + '\n');
    signing.close();
    health.close();
    return;
  }
  const since = Date.now();
  kinds[c.kind](c, (result) => {
    results[c.name] = Object.assign(result, { ms: Date.now() - since });
    next();
  });
}
next();
