package io.calm.docs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.testing.Repository;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * Tests that every relative link and anchor of the Markdown pages resolves, and that lines wrap.
 */
class DocumentationTest {
  private static final int MAX_COLUMNS = 100;

  /** A run without spaces of this length is a link that cannot be wrapped. */
  private static final int LONG_LINK = 60;

  private static final Set<String> SKIPPED = Set.of("target", "node_modules", "venv", "resources");

  /** The end of an inline link or image: {@code ](target)}, also where the label is wrapped. */
  private static final Pattern LINK = Pattern.compile("\\]\\(([^)\\s]+)\\)");

  private static final Pattern EXTERNAL = Pattern.compile("[a-z][a-z0-9+.-]*:.*");
  private static final Pattern HEADING = Pattern.compile("#{1,6} (.+)");
  private static final Pattern FENCE = Pattern.compile("\\s*(```|~~~).*");

  /**
   * A page without the lines of its code blocks.
   *
   * @param lines the page's lines; those of code blocks are empty
   */
  private record Page(Path file, List<String> lines) {
    static Page read(Path file) {
      List<String> prose = new ArrayList<>();
      boolean code = false;
      for (String line : lines(file)) {
        boolean fence = FENCE.matcher(line).matches();
        prose.add(code || fence ? "" : line);
        code ^= fence;
      }
      return new Page(file, prose);
    }

    private static List<String> lines(Path file) {
      try {
        return Files.readAllLines(file);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    /** Returns the anchors of the headings, as GitHub makes them. */
    Set<String> anchors() {
      Set<String> anchors = new HashSet<>();
      Map<String, Integer> seen = new HashMap<>();
      for (String line : lines) {
        Matcher heading = HEADING.matcher(line);
        if (heading.matches()) {
          String anchor = anchor(heading.group(1));
          int count = seen.merge(anchor, 1, Integer::sum);
          anchors.add(count == 1 ? anchor : anchor + "-" + (count - 1));
        }
      }
      return anchors;
    }

    List<String> targets() {
      Matcher link = LINK.matcher(String.join("\n", lines).replaceAll("`[^`\n]*`", ""));
      List<String> targets = new ArrayList<>();
      while (link.find()) {
        if (!EXTERNAL.matcher(link.group(1)).matches()) {
          targets.add(link.group(1));
        }
      }
      return targets;
    }

    /** Returns why a link does not resolve; empty if it does. */
    String fault(String target) {
      int hash = target.indexOf('#');
      String path =
          URLDecoder.decode(hash < 0 ? target : target.substring(0, hash), StandardCharsets.UTF_8);
      Path file = path.isEmpty() ? this.file : this.file.resolveSibling(path).normalize();
      if (!Files.exists(file)) {
        return "%s: no such file".formatted(target);
      }
      if (hash < 0) {
        return "";
      }
      Set<String> anchors = read(file).anchors();
      return anchors.contains(target.substring(hash + 1))
          ? ""
          : "%s: no such heading, there are %s".formatted(target, anchors);
    }
  }

  private static String anchor(String heading) {
    return heading
        .strip()
        .replaceAll("\\[([^]]*)\\]\\([^)]*\\)", "$1")
        .toLowerCase(Locale.ROOT)
        .replaceAll("[^\\p{L}\\p{N} _-]", "")
        .replace(' ', '-');
  }

  private static List<Path> pages() throws IOException {
    Path root = Repository.path(".").normalize();
    List<Path> pages = new ArrayList<>();
    Files.walkFileTree(
        root,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult preVisitDirectory(Path directory, BasicFileAttributes attributes) {
            String name = directory.getFileName().toString();
            boolean hidden = name.startsWith(".") && !name.equals(".github");
            return !directory.equals(root) && (hidden || SKIPPED.contains(name))
                ? FileVisitResult.SKIP_SUBTREE
                : FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
            if (file.toString().endsWith(".md")) {
              pages.add(file);
            }
            return FileVisitResult.CONTINUE;
          }
        });
    return pages;
  }

  @TestFactory
  Stream<DynamicTest> everyRelativeLinkResolves() throws IOException {
    return everyPageIsWithout(
        page -> page.targets().stream().map(page::fault).filter(fault -> !fault.isEmpty()));
  }

  @TestFactory
  Stream<DynamicTest> linesOfProseWrapAtOneHundredColumns() throws IOException {
    return everyPageIsWithout(page -> page.lines().stream().filter(DocumentationTest::isTooLong));
  }

  private static Stream<DynamicTest> everyPageIsWithout(Function<Page, Stream<String>> faults)
      throws IOException {
    return pages().stream()
        .map(Page::read)
        .map(
            page ->
                DynamicTest.dynamicTest(
                    page.file().toString(),
                    () -> assertEquals(List.of(), faults.apply(page).toList())));
  }

  private static boolean isTooLong(String line) {
    boolean table = line.strip().startsWith("|");
    boolean longLink = Stream.of(line.split(" ", -1)).anyMatch(word -> word.length() >= LONG_LINK);
    return !table && !longLink && line.codePointCount(0, line.length()) > MAX_COLUMNS;
  }

  @Test
  void theIndexNamesEveryPage() throws IOException {
    Path docs = Repository.path("docs").normalize();
    Page index = Page.read(docs.resolve("README.md"));
    Set<Path> linked = new HashSet<>();
    index.targets().forEach(target -> linked.add(docs.resolve(target).normalize()));
    List<Path> missing =
        pages().stream()
            .map(Path::normalize)
            .filter(page -> page.startsWith(docs) && !page.startsWith(docs.resolve("adr")))
            .filter(page -> !page.equals(docs.resolve("README.md")) && !linked.contains(page))
            .toList();
    assertEquals(List.of(), missing, "docs/README.md must link to every page");
    assertTrue(linked.contains(docs.resolve("adr/README.md")), "the decisions");
  }
}
