package io.calm.host;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.calm.testing.Program;
import io.calm.testing.Repository;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** OpenAI's official clients against the host, wherever they are installed. */
class OpenAiClientTest {
  private static TestHost host = TestHost.closed();

  @BeforeAll
  static void start() throws Exception {
    host = TestHost.start();
    host.serve("scripted");
  }

  @AfterAll
  static void stop() {
    host.close();
  }

  @Test
  void thePythonClientIsContent() throws Exception {
    String script = Repository.path("plugin/src/test/python/openai_client.py").toString();
    Program run = Program.python("openai", Map.of(), List.of(script, host.url() + "/v1"));
    assertEquals("ok", run.output().strip());
    assertEquals(0, run.status());
  }

  @Test
  void theNodeClientIsContent() throws Exception {
    Path script = Repository.path("plugin/src/test/node/openai_client.mjs");
    Program run = Program.node("openai", script, host.url() + "/v1");
    assertEquals("ok", run.output().strip());
    assertEquals(0, run.status());
  }
}
