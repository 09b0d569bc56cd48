package io.calm.settings;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EditDistanceTest {
  @ParameterizedTest
  @CsvSource({
    "'', '', 0",
    "'', abc, 3",
    "abc, abc, 0",
    "abc, abd, 1",
    "abc, ac, 1",
    "ac, abc, 1",
    "abc, acb, 1",
    "abcd, badc, 2",
    "ca, abc, 3",
    "kitten, sitting, 3"
  })
  void countsInsertionsDeletionsReplacementsAndSwaps(String a, String b, int distance) {
    assertEquals(distance, EditDistance.between(a, b));
    assertEquals(distance, EditDistance.between(b, a));
  }

  @ParameterizedTest
  @CsvSource({
    "--prot, --port",
    "--ste, --set",
    "-set, --set",
    "serv, serve",
    "quantise, quantize",
    "calm.max-contxt, calm.max-context"
  })
  void aMisspeltWordHasANearestOne(String word, String nearest) {
    assertEquals(Optional.of(nearest), nearest(word));
  }

  @ParameterizedTest
  @CsvSource({"-q", "-o", "--", "-vv", "--out", "--text", "eval", "calm.other"})
  void anotherWordHasNone(String word) {
    assertEquals(Optional.empty(), nearest(word));
  }

  @Test
  void theNearerOfTwoIsChosen() {
    assertEquals(
        Optional.of("export"), EditDistance.nearest("exprot", List.of("expert", "export")));
  }

  private static Optional<String> nearest(String word) {
    return EditDistance.nearest(
        word,
        List.of(
            "-s", "--set", "-v", "--port", "serve", "quantize", "calm.max-context", "calm.group"));
  }
}
