// A client of countersign on Connect for Node, with gRPC as the protocol; driver.py of the folder above says what it
// reads and writes. It has no code made from the interface definitions: it reads the descriptors that protoc wrote.
//
// usage: connect.mjs DESCRIPTOR_SET TARGET
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import readline from 'node:readline';
import { createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { createClient, ConnectError } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';

const [descriptors, target] = process.argv.slice(2);
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, fs.readFileSync(descriptors)));
const message = (name) => registry.getMessage(name);

function connect() {
  const [kind, where, folder] = target.split(':');
  if (kind === 'unix') {
    return { baseUrl: 'http://localhost', nodeOptions: { createConnection: () => net.connect(where) } };
  }
  const file = (name) => fs.readFileSync(path.join(folder, name));
  return {
    baseUrl: `https://localhost:${where}`,
    nodeOptions: { ca: file('roots.pem'), cert: file('client.pem'), key: file('client.key') },
  };
}
const transport = createGrpcTransport(connect());
const client = (name) => createClient(registry.getService(name), transport);
const signing = client('countersign.v1.SigningService');
const health = client('grpc.health.v1.Health');
const reflection = client('grpc.reflection.v1.ServerReflection');

function detail({ type, value }) {
  const out = { type, lines: [] };
  const m = fromBinary(message(type), value);
  if (type === 'google.rpc.ErrorInfo') {
    Object.assign(out, { reason: m.reason, domain: m.domain, lines: [`${m.domain} ${m.reason}`] });
  } else if (type === 'google.rpc.PreconditionFailure') {
    out.lines = m.violations.map((v) => `${v.type} ${v.subject}: ${v.description}`);
  } else if (type === 'countersign.v1.Refusal') {
    out.ledger_entry = Number(m.ledgerEntry);
    out.request_id = Buffer.from(m.requestId).toString('hex');
    out.lines = m.reasons.map((r) => `${r.rule} ${r.subject}: there is ${r.found}; needed: ${r.needed}`);
  }
  return out;
}

function failed(thrown) {
  const error = ConnectError.from(thrown);
  const out = { code: error.code, text: error.rawMessage };
  if (error.metadata.has('grpc-status-details-bin')) {
    out.status = { code: error.code, message: error.rawMessage, details: error.details.map(detail) };
  }
  return out;
}

const statusName = (n) => registry.getEnum('grpc.health.v1.HealthCheckResponse.ServingStatus').value[n].name;
const serviceOf = (word) => ({ service: word === '-' ? '' : word });

const kinds = {
  async health(options, service) {
    return statusName((await health.check(serviceOf(service), options)).status);
  },
  async sign(options, file, certificate) {
    const request = fromBinary(message('countersign.v1.SignCertificateRequest'), fs.readFileSync(file));
    const answer = await signing.signCertificate(request, options);
    fs.writeFileSync(certificate, answer.certificate);
    return {
      ledger_entry: Number(answer.ledgerEntry), replayed: answer.replayed,
      admitted: answer.verdict?.admitted ?? false, // a repeated answer has no verdict
      covers: (answer.verdict?.covers ?? []).map((v) => v.subject) };
  },
};

async function reflect(kind, value) {
  async function* requests() {
    yield { messageRequest: { case: kind, value } };
  }
  for await (const answer of reflection.serverReflectionInfo(requests(), { timeoutMs: 20000 })) {
    return answer.messageResponse.value;
  }
  throw new Error('no answer');
}

const calls = new Map();
const words = {
  begin(name, kind, ms, what, more) {
    const abort = new AbortController();
    const options = { timeoutMs: Number(ms), signal: abort.signal };
    const since = Date.now();
    if (kind === 'watch') {
      calls.set(name, { abort, stream: health.watch(serviceOf(what), options)[Symbol.asyncIterator]() });
      return {};
    }
    const ended = kinds[kind](options, what, more).then((answer) => ({ code: 0, answer }), failed);
    calls.set(name, { abort, ended: ended.then((out) => ({ ...out, ms: Date.now() - since })) });
    return {};
  },
  async next(name) {
    try {
      const { done, value } = await calls.get(name).stream.next();
      return done ? { code: 0, text: '' } : { answer: statusName(value.status) };
    } catch (thrown) {
      return failed(thrown);
    }
  },
  cancel(name) {
    calls.get(name).abort.abort();
    return {};
  },
  end: (name) => calls.get(name).ended,
  async services() {
    return { answer: (await reflect('listServices', '*')).service.map((s) => s.name) };
  },
  async methods(service) {
    const files = (await reflect('fileContainingSymbol', service)).fileDescriptorProto
      .map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
    return { answer: files.flatMap((f) => f.service.filter((s) => `${f.package}.${s.name}` === service))
      .flatMap((s) => s.method.map((m) => m.name)) };
  },
};

for await (const line of readline.createInterface({ input: process.stdin })) {
  const [word, ...more] = line.split(' ');
  process.stdout.write(JSON.stringify(await words[word](...more)) + '\n');
}
process.exit(0);
