package io.calm.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;

class JavaProcessTest {
  @Test
  @DisabledOnOs(value = OS.WINDOWS, disabledReason = "there is no sh")
  void aReaderOfAProcessThatHangsIsReleased() throws Exception {
    Process process = new ProcessBuilder("sh", "-c", "sleep 600; true").start();
    Program.limit(process, Duration.ofMillis(100));
    assertEquals(0, process.getInputStream().readAllBytes().length);
    assertNotEquals(0, process.waitFor());
  }

  @Test
  void theDevelopersSettingsAreRemoved() {
    Map<String, String> environment =
        new HashMap<>(
            Map.of("CALM_API_KEY", "k", "OPTION_CALM_THREADS", "1", "SERVING_X", "", "PATH", "/"));
    JavaProcess.removeSettings(environment);
    assertEquals(Map.of("PATH", "/"), environment);
  }

  @Test
  void aResultHasBothStreams() throws Exception {
    JavaProcess.Result result = JavaProcess.of("io.calm.NoSuchClass").run();
    assertEquals(1, result.status());
    assertEquals("", result.output());
    assertTrue(result.errors().contains("io.calm.NoSuchClass"), result.errors());
  }
}
