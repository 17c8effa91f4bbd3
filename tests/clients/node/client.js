// A client of countersign on grpc-js; driver.py of the folder above says what it reads and writes.
//
// usage: client.js PROTO_FOLDER TARGET
'use strict';
const fs = require('fs');
const path = require('path');
const readline = require('readline');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [protoFolder, target] = process.argv.slice(2);
const definition = loader.loadSync(
  ['countersign/v1/signing_service.proto', 'grpc/health/v1/health.proto', 'google/rpc/status.proto',
    'google/rpc/error_details.proto', 'grpc/reflection/v1/reflection.proto'],
  { includeDirs: [protoFolder], keepCase: true, longs: Number, enums: String });
const api = grpc.loadPackageDefinition(definition);

function connect() {
  const [kind, where, folder] = target.split(':');
  if (kind === 'unix') return [target, grpc.credentials.createInsecure()];
  const file = (name) => fs.readFileSync(path.join(folder, name));
  return [`localhost:${where}`,
    grpc.credentials.createSsl(file('roots.pem'), file('client.key'), file('client.pem'))];
}
const where = connect();
const signing = new api.countersign.v1.SigningService(...where);
const health = new api.grpc.health.v1.Health(...where);
const reflection = new api.grpc.reflection.v1.ServerReflection(...where);
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

const deadlineIn = (ms) => ({ deadline: Date.now() + Number(ms) });
const serviceOf = (word) => ({ service: word === '-' ? '' : word });
const raw = (bytes) => bytes;

// Each starts a call and says done(outcome) when it has ended.
const kinds = {
  health(ms, service, _, done) {
    return health.Check(serviceOf(service), deadlineIn(ms), (error, answer) =>
      done(outcome(error, answer && answer.status)));
  },
  // Decoded and encoded again by protobufjs: what it writes must be canonical.
  sign(ms, file, certificate, done) {
    const request = signMethod.requestDeserialize(fs.readFileSync(file));
    return signing.SignCertificate(request, deadlineIn(ms), (error, answer) => {
      if (error) return done(outcome(error));
      fs.writeFileSync(certificate, answer.certificate);
      const verdict = answer.verdict || {}; // a repeated answer has none
      return done(outcome(null, {
        ledger_entry: answer.ledger_entry, admitted: Boolean(verdict.admitted), replayed: Boolean(answer.replayed),
        covers: (verdict.covers || []).map((v) => v.subject) }));
    });
  },
  raw(ms, file, method, done) {
    return signing.makeUnaryRequest(method, raw, raw, fs.readFileSync(file), deadlineIn(ms),
      (error, answer) => done(outcome(error, answer && answer.length)));
  },
};

const calls = new Map();

function watch(ms, service) {
  const call = health.Watch(serviceOf(service), deadlineIn(ms));
  const seen = [];
  const waiting = [];
  const put = (what) => (waiting.length ? waiting.shift()(what) : seen.push(what));
  call.on('data', (answer) => put({ answer: answer.status }));
  call.on('end', () => {});
  call.on('error', (error) => put(outcome(error)));
  const next = () => (seen.length ? seen.shift() : new Promise((done) => waiting.push(done)));
  return { call, next };
}

function reflect(request) {
  return new Promise((done, failed) => {
    const call = reflection.ServerReflectionInfo(deadlineIn(20000));
    call.on('data', done);
    call.on('error', failed);
    call.write(request);
    call.end();
  });
}

const words = {
  begin(name, kind, ms, what, more) {
    if (kind === 'watch') {
      calls.set(name, watch(ms, what));
      return {};
    }
    const begun = {};
    const since = Date.now();
    begun.ended = new Promise((done) => {
      begun.call = kinds[kind](ms, what, more, (result) => done(Object.assign(result, { ms: Date.now() - since })));
    });
    calls.set(name, begun);
    return {};
  },
  next: (name) => calls.get(name).next(),
  cancel(name) {
    calls.get(name).call.cancel();
    return {};
  },
  end: (name) => calls.get(name).ended,
  async services() {
    return { answer: (await reflect({ list_services: '*' })).list_services_response.service.map((s) => s.name) };
  },
  async methods(service) {
    const answer = await reflect({ file_containing_symbol: service });
    const files = loader.loadFileDescriptorSetFromBuffer(
      Buffer.concat(answer.file_descriptor_response.file_descriptor_proto.map(asFileOfSet)));
    return { answer: Object.keys(files[service]) };
  },
};

// One member of FileDescriptorSet: field 1, length, bytes.
function asFileOfSet(bytes) {
  const head = [0x0a];
  for (let n = bytes.length; ; n >>>= 7) {
    head.push(n < 0x80 ? n : (n & 0x7f) | 0x80);
    if (n < 0x80) return Buffer.concat([Buffer.from(head), bytes]);
  }
}

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [word, ...more] = line.split(' ');
    process.stdout.write(JSON.stringify(await words[word](...more)) + '\n');
  }
  process.exit(0);
})();
