package io.calm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.testing.Repository;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The output of {@code calm serve}. */
class ServeCommandTest {
  private static final String TINY = Repository.path("models/calm-tiny-llama").toString();

  /** A label of a host name has at most 63 characters, so this name is never looked up. */
  private static final String UNRESOLVED = "x".repeat(64);

  private static String failure(int status, String... options) {
    List<String> arguments = new ArrayList<>(List.of("serve", TINY, "--host", UNRESOLVED));
    arguments.addAll(List.of(options));
    CommandRun run = CommandRun.of(arguments);
    assertEquals(status, run.status(), run.err());
    return run.err();
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " "})
  void anEmptyApiKeyIsRefused(String key) {
    String message = failure(2, "--api-key", key);
    assertTrue(message.startsWith("calm: API key (--api-key or CALM_API_KEY): expected"), message);
  }

  @ParameterizedTest
  @CsvSource({
    "--port, 70000, port: expected 0 to 65535",
    "--port, x, Invalid value for option '--port'",
    "--max-body-mb, 0, --max-body-mb: expected 1 to 1024",
    "-s, clam.group=128, got 'clam.group'",
    "-s, calm.grup=128, calm.grup",
    "-s, option.calm_group=7, option.calm_group",
    "-s, calm.group=7, calm.group",
    "-s, calm.algorithm=bogus, no algorithm 'bogus'",
  })
  void aWrongArgumentHasAStatusOfItsOwn(String option, String value, String message) {
    String error = failure(2, option, value);
    assertTrue(error.contains(message), error);
    assertEquals(1, error.lines().count(), error);
  }

  @Test
  void aWrongSettingInAFileIsAFailure(@TempDir Path directory) throws IOException {
    Files.writeString(directory.resolve("model.properties"), "calm.group=7\n");
    Files.writeString(directory.resolve("config.json"), "{}");
    CommandRun run = CommandRun.of("serve", directory.toString());
    assertEquals(1, run.status(), run.err());
    assertTrue(run.err().contains("calm.group"), run.err());
  }

  @Test
  void aHostThatCannotBeResolvedIsNamed() {
    assertEquals(
        "calm: cannot listen on %s:8080: the host name cannot be resolved; choose another host or port"
                .formatted(UNRESOLVED)
            + "\n",
        failure(1));
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
