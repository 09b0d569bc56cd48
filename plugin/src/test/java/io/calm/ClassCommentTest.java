package io.calm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.testing.Repository;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The first words of class comments, in every module. A comment defines its class: it starts with a
 * noun phrase ("A paged KV cache") or a verb in the third person ("Rounds a weight matrix"), and
 * never with a clause ("What a cache holds").
 */
class ClassCommentTest {
  private static final List<String> MODULES =
      List.of("plugin", "djl-serving-spi", "bench", "loadtest");

  private static final String CLAUSE =
      "(?:What|Whatever|How|Where|Wherever|Which|Whichever|Who|Whoever|Whose|Whom|When|Whenever"
          + "|Why|That)";

  /** A Javadoc comment, annotations, and the head of a type or a package. */
  private static final Pattern COMMENTED_TYPE =
      Pattern.compile(
          "/\\*\\*((?:[^*]|\\*(?!/))*+)\\*/\\s*"
              + "(?:@[\\w.]+(?:\\((?:[^()\"]|\"(?:[^\"\\\\]|\\\\.)*\"|\\([^()]*\\))*+\\))?\\s*)*+"
              + "(?:(?:public|protected|private|static|final|abstract|sealed|non-sealed)\\s+)*+"
              + "(?:class|interface|enum|record|@interface|package)\\s+([\\w.]+)");

  private static final Pattern OPENS_WITH_CLAUSE = Pattern.compile("^[\\s*]*" + CLAUSE + "\\b");

  private static final Pattern JAVADOC = Pattern.compile("/\\*\\*((?:[^*]|\\*(?!/))*+)\\*/");

  /** Words for people, used of threads, requests and callers. */
  private static final Pattern PEOPLE =
      Pattern.compile("\\b([Ww]hoever|[Ww]homever|[Nn]obody|[Aa]nybody|[Ss]omebody|[Ww]ho)\\b");

  private static final Pattern TEXT_BLOCK =
      Pattern.compile("\"{3}[^\"]*+(?:\"{1,2}[^\"]++)*+\"{3}");

  private static List<Path> sources(String set) throws IOException {
    List<Path> files = new ArrayList<>();
    for (String module : MODULES) {
      Path root = Repository.path(module).resolve("src").resolve(set);
      if (Files.isDirectory(root)) {
        try (Stream<Path> tree = Files.walk(root)) {
          tree.filter(file -> file.toString().endsWith(".java")).sorted().forEach(files::add);
        }
      }
    }
    return files;
  }

  private static List<String> clauses(String source) {
    List<String> found = new ArrayList<>();
    Matcher types = COMMENTED_TYPE.matcher(source);
    while (types.find()) {
      if (OPENS_WITH_CLAUSE.matcher(types.group(1)).find()) {
        found.add(types.group(2) + ": " + types.group(1).replaceAll("[\\s*]+", " ").strip());
      }
    }
    return found;
  }

  /** Returns the source of a file without its text blocks, which may quote comments. */
  private static String read(Path file) throws IOException {
    return TEXT_BLOCK.matcher(Files.readString(file)).replaceAll("\"\"");
  }

  @ParameterizedTest
  @ValueSource(strings = {"main", "test", "jmh"})
  void noClassCommentOpensWithAClause(String set) throws IOException {
    List<Path> files = sources(set);
    assertFalse(files.isEmpty());
    List<String> found = new ArrayList<>();
    for (Path file : files) {
      clauses(read(file)).forEach(clause -> found.add(file + ": " + clause));
    }
    assertEquals(
        List.of(),
        found,
        "start these class comments with a noun phrase or a verb in the third person");
  }

  @Test
  void javadocNamesNoPeople() throws IOException {
    Set<String> found = new TreeSet<>();
    for (Path file : sources("main")) {
      Matcher comments = JAVADOC.matcher(read(file));
      while (comments.find()) {
        Matcher people = PEOPLE.matcher(comments.group(1));
        if (people.find()) {
          found.add(file + ": " + people.group(1));
        }
      }
    }
    assertEquals(Set.of(), found, "name the thread, request, client or caller instead");
  }

  @Test
  void clausesAreFoundBehindAnnotationsAndInNestedTypes() {
    assertEquals(
        List.of("A: What it does.", "B: How so.", "io.calm.c: Where all is."),
        clauses(
            """
            /** What it does. */
            @Tag("a)")
            final class A {
              /**
               * How
               * so.
               */
              private static final record B(int i) {}
            }
            /** Where all is. */
            @NullMarked
            package io.calm.c;
            """));
    assertEquals(
        List.of(),
        clauses(
            "/** Whatnot of a class. */ class A {}\n/** What a field is. */ int b; class C {}"));
    assertTrue(PEOPLE.matcher("a thread who waits").find());
    assertFalse(PEOPLE.matcher("the whole").find());
  }
}
