import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Provider;
import java.security.Security;
import java.security.Signature;

/** CA software on SunPKCS11: Sign CONFIG ALIAS ALGORITHM IN OUT signs the octets of IN as it would a certificate. */
public final class Sign {
    public static void main(String[] words) throws Exception {
        Provider token = Security.getProvider("SunPKCS11").configure(words[0]);
        Security.addProvider(token);
        KeyStore store = KeyStore.getInstance("PKCS11", token);
        store.load(null, "any".toCharArray());
        PrivateKey key = (PrivateKey) store.getKey(words[1], null);
        byte[] data = Files.readAllBytes(Path.of(words[3]));
        Signature signer = Signature.getInstance(words[2], token);
        signer.initSign(key);
        signer.update(data);
        byte[] signature = signer.sign();
        Signature verifier = Signature.getInstance(words[2]);
        verifier.initVerify(store.getCertificate(words[1]).getPublicKey());
        verifier.update(data);
        if (!verifier.verify(signature))
            throw new IllegalStateException("the signature does not verify");
        Files.write(Path.of(words[4]), signature);
    }
}
