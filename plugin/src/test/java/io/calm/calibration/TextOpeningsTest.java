package io.calm.calibration;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.settings.SearchEffort;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** The file of openings. */
class TextOpeningsTest {
  @Test
  void openingsArePassagesThatStartDifferently() {
    Set<String> starts = new HashSet<>();
    for (String opening : TextOpenings.all()) {
      assertTrue(opening.length() >= 150 && opening.length() <= 600, opening);
      assertTrue(!opening.contains("%%") && !opening.endsWith("\n"), opening);
      assertTrue(starts.add(opening.substring(0, 30)), opening);
    }
  }

  @Test
  void noSearchScoresOnAnOpeningThatItIsFittedOn() {
    for (SearchEffort effort : SearchEffort.values()) {
      int continued = CalibrationSet.total(effort.samples()) * 3 / 4;
      assertTrue(continued <= TextOpenings.all().size(), effort + ": an opening comes twice");
    }
  }
}
