package io.calm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.testing.Repository;
import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** Tests that README's first screen has the two commands and its table lists every command. */
class ReadmeTest {
  private static final int FIRST_SCREEN = 20;
  private static final Pattern ROW = Pattern.compile("\\| `\\./calm ([a-z]+).*");

  private static List<String> readme() throws IOException {
    return Files.readAllLines(Repository.path("README.md"));
  }

  @Test
  void theFirstLinesHaveTheTwoCommands() throws IOException {
    List<String> first = readme().subList(0, FIRST_SCREEN);
    assertTrue(first.stream().anyMatch(line -> line.startsWith("./calm serve ")));
    assertTrue(first.stream().anyMatch(line -> line.startsWith("mvn -B verify ")));
  }

  @Test
  void theTableListsEveryCommand() throws IOException {
    TreeSet<String> listed = new TreeSet<>();
    for (String line : readme()) {
      Matcher row = ROW.matcher(line);
      if (row.matches()) {
        listed.add(row.group(1));
      }
    }
    assertEquals(new TreeSet<>(Main.commandLine().getSubcommands().keySet()), listed);
  }
}
