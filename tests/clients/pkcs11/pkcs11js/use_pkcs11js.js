// use_pkcs11js.js FOLDER_OF_PKCS11JS MODULE LABEL MECHANISM IN OUT: one signature with pkcs11js.
"use strict";
const fs = require("fs");
const [folder, library, label, mechanism, source, out] = process.argv.slice(2);
const pkcs11js = require(folder);
const p11 = new pkcs11js.PKCS11();
p11.load(library);
p11.C_Initialize();
try {
    const session = p11.C_OpenSession(p11.C_GetSlotList(true)[0], pkcs11js.CKF_SERIAL_SESSION);
    p11.C_FindObjectsInit(session, [
        { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_PRIVATE_KEY },
        { type: pkcs11js.CKA_LABEL, value: label },
    ]);
    const key = p11.C_FindObjects(session);
    p11.C_FindObjectsFinal(session);
    p11.C_SignInit(session, { mechanism: pkcs11js[mechanism] }, key);
    fs.writeFileSync(out, p11.C_Sign(session, fs.readFileSync(source), Buffer.alloc(512)));
} finally {
    p11.C_Finalize();
}
