package io.calm.host;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** API keys that a server may start with. */
class HostSettingsTest {

  private static String refusal(String key) {
    HostSettings settings = HostSettings.of("127.0.0.1", 0);
    return String.valueOf(
        assertThrows(IllegalArgumentException.class, () -> settings.withApiKey(key)).getMessage());
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " ", "\n", "\t \r\n"})
  void anEmptyApiKeyIsRefused(String key) {
    assertEquals(
        "API key (--api-key or CALM_API_KEY): expected a token, got an empty one; leave the option"
            + " out and the variable unset to serve without a key",
        refusal(key));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"s3cret\n", "s3cret\r\n", " s3cret", "s3cret ", "\ts3cret", "s3cret\u2003"})
  void anApiKeyWithWhiteSpaceAroundItIsRefused(String key) {
    String message = refusal(key);
    boolean start = key.startsWith(" ") || key.startsWith("\t");
    assertTrue(message.contains("white space at its " + (start ? "start" : "end")), message);
    assertFalse(message.contains("s3cret"), "a key is not printed: " + message);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"schl\u00fcssel", "k\u00a0", "s3cret\ud83d\udd11", "a\u0000b", "a\tb", "a\nb"})
  void anApiKeyThatNoHeaderCarriesIsRefused(String key) {
    String message = refusal(key);
    assertTrue(message.contains("expected printable ASCII characters"), message);
    assertFalse(message.contains(key), "a key is not printed: " + message);
  }

  @Test
  void thePositionOfABadCharacterIsNamed() {
    assertTrue(refusal("schl\u00fcssel").contains("at position 5 of 9"));
  }

  @Test
  void otherApiKeysAreKept() {
    for (String key : List.of("s3cret", "two words", "~!#$%&'*+.^_`|-/=\"\\:")) {
      assertEquals(Optional.of(key), HostSettings.of("127.0.0.1", 0).withApiKey(key).apiKey());
    }
  }
}
