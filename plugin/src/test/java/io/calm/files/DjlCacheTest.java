package io.calm.files;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.util.Utils;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Isolated;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Isolated("it changes system properties")
class DjlCacheTest {
  private static final String ENGINES = "ENGINE_CACHE_DIR";
  private static final String ALL = "DJL_CACHE_DIR";
  private static final String HOME = "user.home";

  private final Map<String, Optional<String>> before = new HashMap<>();

  @TempDir Path cache;

  @BeforeEach
  void clear() {
    for (String name : new String[] {ENGINES, ALL}) {
      assumeTrue(System.getenv(name) == null, name + " is set in the environment");
      before.put(name, Optional.ofNullable(System.clearProperty(name)));
    }
    before.put(HOME, Optional.ofNullable(System.getProperty(HOME)));
  }

  @AfterEach
  void restore() {
    before.forEach(
        (name, value) ->
            value.ifPresentOrElse(
                text -> System.setProperty(name, text), () -> System.clearProperty(name)));
  }

  @Test
  void librariesGoBelowTheFirstCacheDirectory() throws Exception {
    DjlCache.use(cache.resolve("a"));
    DjlCache.use(cache.resolve("b"));
    Path chosen = cache.resolve("a").resolve("native");
    assertEquals(chosen.toString(), System.getProperty(ENGINES));
    assertTrue(PrivateFiles.isDirectory(cache.resolve("a"), "native"));
    assertEquals(chosen, Utils.getEngineCacheDir());
  }

  @ParameterizedTest
  @ValueSource(strings = {ENGINES, ALL})
  void theOperatorsOwnChoiceStays(String name) throws Exception {
    System.setProperty(name, "/operators/own");
    DjlCache.use(cache);
    assertEquals("/operators/own", System.getProperty(name));
    assertNull(System.getProperty(name.equals(ALL) ? ENGINES : ALL));
    System.setProperty(HOME, "?");
    assertDoesNotThrow(DjlCache::check);
  }

  @Test
  void aFailureHasItsInnermostReasonAndTheDirectory() {
    System.setProperty(ALL, "/operators/own");
    String reason =
        DjlCache.reason(
            new IllegalStateException("outer", new UnsatisfiedLinkError("No space left")));
    assertTrue(
        reason.startsWith("No space left; DJL unpacks it below /operators/own, which "), reason);
    assertTrue(DjlCache.reason(new StackOverflowError()).contains("StackOverflowError"));
  }

  @Test
  void aLinkInItsPlaceIsRefused() throws Exception {
    Path target = Files.createDirectories(cache.resolve("target"));
    Files.createSymbolicLink(cache.resolve("native"), target);
    assertThrows(UntrustedPathException.class, () -> DjlCache.use(cache));
    assertNull(System.getProperty(ENGINES));
  }

  @ParameterizedTest
  @ValueSource(strings = {"?", "", " "})
  void withoutAHomeTheErrorNamesTheSettings(String home) {
    System.setProperty(HOME, home);
    String message =
        String.valueOf(assertThrows(IllegalArgumentException.class, DjlCache::check).getMessage());
    assertTrue(message.contains("user.home is '" + home + "'"), message);
    assertTrue(message.contains("DJL_CACHE_DIR"), message);
    assertTrue(message.contains("calm.cache-dir"), message);
  }
}
