package io.calm.calibration;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashSet;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The file of openings. */
class TextOpeningsTest {
  @Test
  void openingsAreShortDifferentAndEndWithinALine() {
    List<String> openings = TextOpenings.all();
    assertTrue(openings.size() >= 90, openings.size() + " openings");
    assertEquals(openings.size(), new HashSet<>(openings).size(), "an opening came twice");
    for (String opening : openings) {
      assertTrue(opening.length() >= 10 && opening.length() < 200, opening);
      assertTrue(!opening.contains("%%") && !opening.endsWith("\n"), opening);
    }
  }
}
