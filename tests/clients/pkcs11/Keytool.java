import java.security.Provider;
import java.security.SecureRandomSpi;
import java.security.Security;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/**
 * Keytool SERIAL WORDS...: keytool with a serial number (8 octets in hex) that is known beforehand. A lint speaks of the
 * octets that will be signed, and keytool has no option for the serial number.
 */
public final class Keytool {
    private static byte[] serial;

    public static final class Known extends SecureRandomSpi {
        @Override protected void engineSetSeed(byte[] seed) {}
        @Override protected void engineNextBytes(byte[] out) {
            for (int i = 0; i < out.length; i++)
                out[i] = serial[i % serial.length];
        }
        @Override protected byte[] engineGenerateSeed(int n) {
            return Arrays.copyOf(serial, n);
        }
    }

    private static final class KnownProvider extends Provider {
        KnownProvider() {
            super("Known", "1", "one number for everything");
            putService(new Service(this, "SecureRandom", "Known", Known.class.getName(), List.of(), null) {
                @Override public Object newInstance(Object parameter) {
                    return new Known();
                }
            });
        }
    }

    public static void main(String[] words) throws Exception {
        serial = HexFormat.of().parseHex(words[0]);
        Security.insertProviderAt(new KnownProvider(), 1);
        sun.security.tools.keytool.Main.main(Arrays.copyOfRange(words, 1, words.length));
    }
}
