package io.calm.serving.djl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.gson.JsonElement;
import io.calm.testing.JsonFile;
import io.calm.testing.Repository;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Properties;
import java.util.Set;
import java.util.jar.JarFile;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.zip.ZipEntry;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The contents of the plugin jar: all that it needs, and nothing that DJL Serving provides. */
class PluginJarIT {
  /** A tenth more than the jar has with the kernels of one processor; each has 0.25 MB. */
  private static final long MAX_BYTES = 4_500_000;

  @Test
  void isNoLargerThanItWas() throws IOException {
    long bytes = Files.size(RealDjlServing.pluginJar());
    assertTrue(
        bytes <= MAX_BYTES,
        () ->
            "the plugin jar: expected at most %,d bytes, got %,d; leave out what it does not need, or raise the bound here and the size in ADR 8"
                .formatted(MAX_BYTES, bytes));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "ai/djl/",
        "com/google/gson/",
        "com/google/common/",
        "com/fasterxml/",
        "io/netty/",
        "io/prometheus/metrics/config/",
        "io/prometheus/metrics/model/",
        "org/slf4j/",
        "org/apache/",
        "org/yaml/",
        "com/sun/jna/",
        "native/lib/",
      })
  void leavesOutWhatTheServerHasOrMayHave(String directory) throws IOException {
    try (JarFile jar = new JarFile(RealDjlServing.pluginJar().toFile())) {
      assertEquals(
          List.of(),
          jar.stream().map(ZipEntry::getName).filter(n -> n.startsWith(directory)).toList());
    }
  }

  /** A line of NOTICE: where a library is in the jar, and its Maven coordinates. */
  private record Notice(String directory, List<String> artifacts) {
    private static final Pattern LINE = Pattern.compile("  (io/\\S+/) +(\\S+:\\S.*?)   .*");

    static List<Notice> parse(String text) {
      return text.lines()
          .map(LINE::matcher)
          .filter(Matcher::matches)
          .map(m -> new Notice(m.group(1), List.of(m.group(2).strip().split(" ", -1))))
          .toList();
    }
  }

  private static String text(JarFile jar, String name) throws IOException {
    ZipEntry entry = jar.getEntry(name);
    assertNotNull(entry, name);
    try (InputStream in = jar.getInputStream(entry)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  private static boolean isOurs(String name) {
    return name.startsWith("io/calm/") && !name.startsWith("io/calm/shaded/");
  }

  @Test
  void everyLibraryInItHasAnEntryInTheNoticeAndNoOther() throws IOException {
    try (JarFile jar = new JarFile(RealDjlServing.pluginJar().toFile())) {
      List<Notice> notices = Notice.parse(text(jar, "META-INF/NOTICE"));
      List<String> classes =
          jar.stream().map(ZipEntry::getName).filter(name -> name.endsWith(".class")).toList();
      assertEquals(
          List.of(),
          classes.stream()
              .filter(name -> !isOurs(name))
              .filter(name -> notices.stream().noneMatch(n -> name.startsWith(n.directory())))
              .map(name -> name.replaceFirst("[^/]*$", ""))
              .distinct()
              .toList(),
          "directories of no library that META-INF/NOTICE names");
      for (Notice notice : notices) {
        assertTrue(
            classes.stream().anyMatch(name -> name.startsWith(notice.directory())),
            () -> "META-INF/NOTICE names what is not in the jar: " + notice);
      }
    }
  }

  @Test
  void theLicenceAndTheNoticeAreTheProjects() throws IOException {
    try (JarFile jar = new JarFile(RealDjlServing.pluginJar().toFile())) {
      for (String name : List.of("LICENSE", "NOTICE")) {
        assertEquals(
            Files.readString(Repository.path(name)).strip(), text(jar, "META-INF/" + name).strip());
        assertEquals(1, jar.stream().filter(e -> e.getName().endsWith("/" + name)).count(), name);
      }
    }
  }

  @Test
  void theBillOfMaterialsNamesEveryLibraryOfTheNotice() throws IOException {
    Path bom = RealDjlServing.pluginJar().resolveSibling("bom.json");
    if (!Files.exists(bom)) {
      System.out.println("SKIPPED PluginJarIT: Maven makes no bom.json when it is offline");
    }
    assumeTrue(Files.exists(bom), "Maven makes no bom.json when it is offline");
    Set<String> components =
        JsonFile.object(bom).getAsJsonArray("components").asList().stream()
            .map(JsonElement::getAsJsonObject)
            .map(c -> c.get("group").getAsString() + ":" + c.get("name").getAsString())
            .collect(Collectors.toSet());
    List<Notice> notices = Notice.parse(Files.readString(Repository.path("NOTICE")));
    assertFalse(notices.isEmpty());
    for (Notice notice : notices) {
      assertTrue(components.containsAll(notice.artifacts()), () -> notice + " in " + components);
    }
    assertTrue(components.contains("ai.djl:api"), () -> "what lies beside the jar: " + components);
    assertFalse(components.stream().anyMatch(name -> name.contains("junit")), "a test's library");
  }

  @Test
  void exportsTheHandler() throws IOException {
    try (JarFile jar = new JarFile(RealDjlServing.pluginJar().toFile())) {
      Properties definition = new Properties();
      ZipEntry entry = jar.getEntry("META-INF/plugin.definition");
      assertNotNull(entry, "META-INF/plugin.definition");
      try (InputStream in = jar.getInputStream(entry)) {
        definition.load(in);
      }
      assertEquals("calm", definition.getProperty("name"));
      assertEquals(CalmPlugin.class.getName(), definition.getProperty("export"));
      assertNotNull(jar.getEntry(CalmPlugin.class.getName().replace('.', '/') + ".class"));
    }
  }
}
