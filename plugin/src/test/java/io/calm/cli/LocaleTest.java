package io.calm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.testing.JavaProcess;
import io.calm.testing.Repository;
import java.io.IOException;
import org.junit.jupiter.api.Test;

/** A command on a machine whose locale has digits of its own. */
class LocaleTest {
  @Test
  void messagesHaveAsciiDigits() throws IOException, InterruptedException {
    JavaProcess.Result result =
        JavaProcess.of(
                Main.class,
                "eval",
                Repository.path("models/calm-tiny-llama").toString(),
                "--text",
                Repository.path("README.md").toString(),
                "--length",
                "1")
            .flags("-Duser.language=ar", "-Duser.country=EG")
            .run();
    assertEquals(2, result.status(), result::toString);
    assertTrue(
        result.errors().contains("--length: expected 2 or more tokens, got 1"), result::toString);
  }
}
