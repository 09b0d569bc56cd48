package io.calm.loadtest.trial;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.URI;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ContenderTest {
  @Test
  void readsLabelUrlAndModel() {
    assertEquals(
        new Contender("full precision", URI.create("http://127.0.0.1:8081"), "a/b=c"),
        Contender.of("full precision=http://127.0.0.1:8081/#a/b=c"));
    assertEquals("127.0.0.1:8080", Contender.of("http://127.0.0.1:8080").label());
    assertEquals("m", Contender.of("http://127.0.0.1:8080#m").label());
    assertEquals("a_b", Contender.of("a/b=http://h:1").directory());
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "calm", "calm=", "ftp://h", "=http://h:1", "http://", "http://h h"})
  void refusesOthers(String text) {
    IllegalArgumentException refused =
        assertThrows(IllegalArgumentException.class, () -> Contender.of(text));
    assertTrue(refused.getMessage().startsWith("URL: expected "), refused.getMessage());
  }
}
