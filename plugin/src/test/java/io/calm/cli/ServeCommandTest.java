package io.calm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.testing.Repository;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The output of {@code calm serve}. */
class ServeCommandTest {
  private static final String TINY = Repository.path("models/calm-tiny-llama").toString();

  /** A label of a host name has at most 63 characters, so this name is never looked up. */
  private static final String UNRESOLVED = "x".repeat(64);

  private static String failure(String... options) {
    List<String> arguments = new ArrayList<>(List.of("serve", TINY, "--host", UNRESOLVED));
    arguments.addAll(List.of(options));
    CommandRun run = CommandRun.of(arguments);
    assertEquals(1, run.status(), run.err());
    return run.err();
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " "})
  void anEmptyApiKeyIsRefused(String key) {
    String message = failure("--api-key", key);
    assertTrue(message.startsWith("calm: API key (--api-key or CALM_API_KEY): expected"), message);
  }

  @Test
  void aHostThatCannotBeResolvedIsNamed() {
    assertEquals(
        "calm: cannot listen on %s:8080: the host name cannot be resolved; choose another host or port"
                .formatted(UNRESOLVED)
            + "\n",
        failure());
  }

  @ParameterizedTest
  @CsvSource({
    "::1, http://[::1]:8080",
    "127.0.0.1, http://127.0.0.1:8080",
    "0.0.0.0, http://127.0.0.1:8080",
    "2001:db8::5, http://[2001:db8::5]:8080",
    "fe80::1, http://[fe80::1]:8080",
  })
  void anAddressIsPrintedAsAUrl(String address, String url) throws UnknownHostException {
    assertEquals(
        url, ServeCommand.url(new InetSocketAddress(InetAddress.getByName(address), 8080)));
  }
}
