// How an issuance back end on Node calls countersign: one certificate signed, or a refusal that a person can read.
//
// usage: node sign.js PROTO_FOLDER SOCKET ISSUER TBS_FILE [EVIDENCE_FILE ...]
//
// npm install @grpc/grpc-js @grpc/proto-loader
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [protos, socket, issuer, tbsFile, ...evidenceFiles] = process.argv.slice(2);
const types = loader.loadSync(
  ['countersign/v1/signing_service.proto', 'google/rpc/status.proto'], { includeDirs: [protos], longs: Number });
const { SigningService } = grpc.loadPackageDefinition(types).countersign.v1;
const decode = (type, bytes) => types[type].deserialize(bytes);

const request = { // leave out what you do not set: an explicit default is not canonical, and refused
  requestId: crypto.randomBytes(16), // keep it for retries: the same id never signs twice
  issuer: Buffer.from(issuer),
  tbsCertificate: fs.readFileSync(tbsFile),
  evidence: evidenceFiles.map((f) => decode('countersign.v1.Envelope', fs.readFileSync(f))),
};
const client = new SigningService(`unix:${socket}`, grpc.credentials.createInsecure());
client.SignCertificate(request, { deadline: Date.now() + 10000 }, (error, answer) => {
  if (!error) {
    fs.writeFileSync('certificate.der', answer.certificate);
    console.log('signed, ledger entry', answer.ledgerEntry);
    return;
  }
  console.log(grpc.status[error.code], error.details);
  for (const bytes of error.metadata.get('grpc-status-details-bin')) {
    for (const detail of decode('google.rpc.Status', bytes).details) {
      if (!detail.typeUrl.endsWith('/countersign.v1.Refusal')) continue;
      for (const r of decode('countersign.v1.Refusal', detail.value).reasons) {
        console.log(`  ${r.rule} ${r.subject}: there is ${r.found}; needed: ${r.needed}`);
      }
    }
  }
  process.exitCode = 1;
});
