package io.calm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BlockListTest {
  @Test
  void aListHasNumbersAndRanges() {
    assertEquals(List.of(0, 1, 2, 3, 29), BlockList.parse("0-3,29"));
    assertEquals(List.of(1, 2, 3), BlockList.parse("3, 1-2,2"), "ascending, each once");
    assertEquals(List.of(7), BlockList.parse("7-7"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", ",", "1,", "a", "-1", "3-1", "1-", "1-2-3", "1.5", "99999999999"})
  void anythingElseIsRefusedByName(String text) {
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> BlockList.parse(text));
    assertTrue(e.getMessage().startsWith("--blocks " + text + ": expected"), e.getMessage());
  }
}
