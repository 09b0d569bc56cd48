package io.calm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.testing.Repository;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * The arguments of log messages, in every module. SLF4J takes an exception that is the last
 * argument as the one whose stack trace follows, so it fills no <code>{}</code> of the message.
 */
class LogMessageTest {
  private static final List<String> MODULES =
      List.of("plugin", "djl-serving-spi", "bench", "loadtest");

  private static final String LITERAL = "\"(?:[^\"\\\\]|\\\\.)*+\"";

  private static final String NESTED =
      "\\((?:[^()\"]|" + LITERAL + "|\\((?:[^()\"]|" + LITERAL + ")*+\\))*+\\)";

  private static final Pattern CALL =
      Pattern.compile(
          "\\blogger\\s*\\.(?:trace|debug|info|warn|error)\\(((?:[^()\"]|"
              + LITERAL
              + "|"
              + NESTED
              + ")*+)\\)");

  private static final Pattern PLACEHOLDER = Pattern.compile("\\{\\}");

  private static final Pattern LAST_ARGUMENT = Pattern.compile(",\\s*(\\w+)\\s*$");

  /** Returns the log calls whose exception would have to fill the last placeholder. */
  private static List<String> unfilled(String source) {
    List<String> found = new ArrayList<>();
    Matcher calls = CALL.matcher(source);
    while (calls.find()) {
      String arguments = calls.group(1).replaceAll(LITERAL, "").replaceAll(NESTED, "");
      Matcher last = LAST_ARGUMENT.matcher(arguments);
      long placeholders = PLACEHOLDER.matcher(calls.group(1)).results().count();
      if (last.find()
          && isThrowable(last.group(1), source)
          && placeholders >= arguments.chars().filter(c -> c == ',').count()) {
        found.add(calls.group().replaceAll("\\s+", " "));
      }
    }
    return found;
  }

  private static boolean isThrowable(String name, String source) {
    return Pattern.compile("(?:Throwable|Exception|Error)\\s+" + name + "\\b")
        .matcher(source)
        .find();
  }

  @Test
  void everyPlaceholderIsFilled() throws IOException {
    List<String> found = new ArrayList<>();
    for (String module : MODULES) {
      Path root = Repository.path(module).resolve("src/main");
      if (Files.isDirectory(root)) {
        try (Stream<Path> tree = Files.walk(root)) {
          for (Path file : tree.filter(path -> path.toString().endsWith(".java")).toList()) {
            unfilled(Files.readString(file)).forEach(call -> found.add(file + ": " + call));
          }
        }
      }
    }
    assertEquals(List.of(), found, "append .toString() to the exception");
  }

  @Test
  void onlyAnExceptionInThePlaceOfAnArgumentIsFound() {
    String handler = "catch (IOException e) { %s }";
    for (String wrong :
        List.of(
            "logger.warn(\"{} cannot be read ({}); \"\n + \"again\", file, e);",
            "logger.info(\"{}: {}\", name(file(), 1), e);")) {
      assertEquals(1, unfilled(handler.formatted(wrong)).size(), wrong);
    }
    for (String right :
        List.of(
            "logger.warn(\"{} cannot be read\", file, e);",
            "logger.warn(\"{}: {}\", file, e.toString());",
            "logger.warn(\"{}: {}\", file, text);")) {
      assertEquals(List.of(), unfilled(handler.formatted(right)), right);
    }
    assertTrue(isThrowable("failure", "void failed(Throwable failure)"));
  }
}
