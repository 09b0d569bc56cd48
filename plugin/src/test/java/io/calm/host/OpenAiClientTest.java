package io.calm.host;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.calm.testing.Repository;
import io.calm.testing.ScriptedModels;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

/** OpenAI's official Python client against the host, wherever Python has it. */
class OpenAiClientTest {
  private static final String PYTHON = System.getenv().getOrDefault("CALM_TEST_PYTHON", "python3");

  private record Run(int exit, String output) {
    static Run of(List<String> command) throws InterruptedException {
      try {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Run(process.waitFor(), output);
      } catch (IOException e) {
        return new Run(-1, String.valueOf(e.getMessage()));
      }
    }
  }

  @Test
  void theOfficialClientIsContent() throws Exception {
    Run probe = Run.of(List.of(PYTHON, "-c", "import openai"));
    assumeTrue(
        probe.exit() == 0,
        "no Python with the package openai: set CALM_TEST_PYTHON to one that has it");
    try (TestHost host = TestHost.start(HostSettings.of("127.0.0.1", 0))) {
      host.registry().ready(ScriptedModels.create("scripted"));
      String script = Repository.path("plugin/src/test/python/openai_client.py").toString();
      Run run = Run.of(List.of(PYTHON, script, host.url() + "/v1"));
      assertEquals("ok", run.output().strip());
      assertEquals(0, run.exit());
    }
  }
}
