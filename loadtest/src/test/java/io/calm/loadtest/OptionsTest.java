package io.calm.loadtest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.calm.loadtest.work.Range;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** Settings of a run, their defaults, and their documentation. */
class OptionsTest {
  private static Options options(String... keysAndValues) {
    Properties properties = new Properties();
    for (int i = 0; i < keysAndValues.length; i += 2) {
      properties.setProperty(keysAndValues[i], keysAndValues[i + 1]);
    }
    return Options.of(properties);
  }

  @Test
  void theThroughputProfileAsksForItsRatios() {
    Options options = options("profile", "throughput");
    assertEquals(8, options.users());
    assertEquals(new Range(128, 128), options.mix().tokens());
    assertEquals(OptionalDouble.of(4), options.goals().minSpeedup());
    assertEquals(OptionalDouble.of(3), options.goals().maxFirstToken());
    assertEquals(OptionalDouble.empty(), options.goals().maxGrowth());
  }

  @Test
  void theSoakIsTenMinutesOf32Clients() {
    Options options = options("profile", "soak");
    assertEquals(32, options.users());
    assertEquals(600, options.seconds());
    assertEquals(0.1, options.mix().hangUps());
    assertEquals(OptionalDouble.of(0.05), options.goals().maxGrowth());
  }

  @Test
  void thePropertiesWin() {
    Options options = options("profile", "soak", "users", "3", "maxGrowth", "");
    assertEquals(3, options.users());
    assertEquals(OptionalDouble.empty(), options.goals().maxGrowth());
    assertThrows(IllegalArgumentException.class, () -> options("profile", "sock"));
  }

  @Test
  void oldNamesOfPropertiesStillWork() {
    Options.Goals old =
        options("leastSpeedup", "2", "mostFirstToken", "5", "mostGrowth", "0.2").goals();
    assertEquals(OptionalDouble.of(2), old.minSpeedup());
    assertEquals(OptionalDouble.of(5), old.maxFirstToken());
    assertEquals(OptionalDouble.of(0.2), old.maxGrowth());
    Options.Goals both =
        options("profile", "soak", "mostGrowth", "0.2", "maxGrowth", "0.1").goals();
    assertEquals(OptionalDouble.of(0.1), both.maxGrowth(), "the new name wins");
  }

  @Test
  void metricsAreTheServersOwnUnlessSaid() {
    assertEquals(
        Optional.of(URI.create("http://h:1/calm/metrics")),
        options("baseUrl", "http://h:1").metrics());
    assertEquals(Optional.empty(), options("metrics", "none").metrics());
    assertEquals(
        Optional.of(URI.create("http://h:2/m")), options("metrics", "http://h:2/m").metrics());
  }

  @Test
  void theTableListsEverySetting() throws IOException {
    Pattern row = Pattern.compile("\\| `(\\w+)` \\|.*");
    Set<String> documented = new TreeSet<>();
    String section =
        Files.readString(Path.of("README.md"))
            .split("\n## Properties\n", -1)[1]
            .split("\n## ", -1)[0];
    for (String line : section.lines().toList()) {
      Matcher matcher = row.matcher(line);
      if (matcher.matches()) {
        documented.add(matcher.group(1));
      }
    }
    Set<String> known = new TreeSet<>(Profile.COMMON.keySet());
    known.add("profile");
    assertEquals(known, documented);
  }
}
