package io.calm.quantize;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.artifact.Artifact;
import io.calm.artifact.ArtifactKey;
import io.calm.artifact.ArtifactStore;
import io.calm.artifact.ArtifactWriter;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.search.Progress;
import io.calm.settings.CalmSettings;
import io.calm.testing.Repository;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.function.BiFunction;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The uniform twin of a mix: kept by the search or made on first use. */
class UniformTwinTest {
  private static final Path TINY = Repository.path("models/calm-tiny-llama");

  /** A search whose mix has both algorithms and is served. */
  private static final String[] MIX = {"calm.pool", "rtn,gptq"};

  @TempDir Path cache;

  private final List<Progress> moments = new ArrayList<>();

  private CalmSettings settings(Path cacheDir, String[] first, String... more) {
    Map<String, String> values = new HashMap<>();
    values.put("calm.cache-dir", cacheDir.toString());
    values.put("calm.calibration.samples", "8");
    // samples and a reference with which there is a mix that the guard serves, by seven errors
    values.put("calm.calibration.length", "16");
    values.put("calm.calibration.seed", "2");
    values.put("calm.search.reference", "full-precision");
    values.put("calm.group", "64");
    values.put("calm.lm-head", "int8");
    for (String[] pairs : List.of(first, more)) {
      for (int i = 0; i < pairs.length; i += 2) {
        values.put(pairs[i], pairs[i + 1]);
      }
    }
    return CalmSettings.of(values, Map.of());
  }

  private CalmSettings settings(String... keysAndValues) {
    return settings(cache, MIX, keysAndValues);
  }

  private <T> T with(CalmSettings settings, BiFunction<QuantizedModelStore, Checkpoint, T> work) {
    try (Checkpoint checkpoint = Checkpoints.open(TINY)) {
      return work.apply(new QuantizedModelStore(settings), checkpoint);
    }
  }

  private Artifact get(CalmSettings settings) {
    return with(settings, (store, checkpoint) -> store.get(checkpoint, step -> {}));
  }

  private Baseline baseline(CalmSettings settings, Artifact served) {
    return with(settings, (store, checkpoint) -> store.baseline(checkpoint, served));
  }

  private Baseline.Uniform uniform(CalmSettings settings, Artifact served) {
    return assertInstanceOf(Baseline.Uniform.class, baseline(settings, served));
  }

  private Artifact open(CalmSettings settings, Artifact served) {
    moments.clear();
    return with(
        settings,
        (store, checkpoint) -> store.openTwin(checkpoint, served, moments::add, () -> () -> {}));
  }

  private boolean made() {
    return moments.stream().anyMatch(moment -> moment.phase().equals("quantizing"));
  }

  private static Object fileKey(Artifact artifact) throws IOException {
    Path tables = artifact.directory().resolve("tables.bin");
    return String.valueOf(Files.readAttributes(tables, BasicFileAttributes.class).fileKey());
  }

  private static void requireSameBlocks(Artifact expected, Artifact got) throws IOException {
    assertEquals(
        -1,
        Files.mismatch(
            expected.directory().resolve("blocks.bin"), got.directory().resolve("blocks.bin")));
    assertEquals(expected.plan().served(), got.plan().served());
  }

  private static List<String> artifacts(Path cacheDir) throws IOException {
    try (Stream<Path> entries = Files.list(cacheDir.resolve("artifacts"))) {
      return entries
          .map(path -> path.getFileName().toString())
          .filter(name -> !name.endsWith(".lock"))
          .toList();
    }
  }

  @Test
  void theUniformPlanOfTheGuardIsKeptAndEqualsThatOfTheAlgorithm() throws IOException {
    Artifact served = get(settings());
    assertEquals("calm", served.plan().served(), served.plan().reason());
    Baseline.Uniform uniform = uniform(settings(), served);
    assertFalse(uniform.identical());
    assertTrue(uniform.stored());
    assertEquals(2, artifacts(cache).size());

    Artifact twin = open(settings(), served);
    assertFalse(made(), "the twin is that of the search");
    assertNotEquals(served.key().id(), twin.key().id());
    assertEquals(uniform.variant(), twin.plan().served());
    assertEquals(fileKey(served), fileKey(twin), "the tables are one file");
    assertEquals(served.plan().head(), twin.plan().head());
    requireSameBlocks(get(settings("calm.algorithm", uniform.algorithm().text())), twin);
  }

  @Test
  void aMissingTwinIsMadeOnFirstUseWithTheSameBlocks() throws IOException {
    Artifact served = get(settings("calm.baseline", "off"));
    assertEquals(1, artifacts(cache).size());
    Baseline none = baseline(settings("calm.baseline", "off"), served);
    assertEquals(new Baseline.None("calm.baseline=off"), none);
    assertThrows(QuantizeException.class, () -> open(settings("calm.baseline", "off"), served));

    for (String algorithm : List.of("rtn", "gptq")) {
      CalmSettings settings = settings("calm.baseline", algorithm);
      assertFalse(uniform(settings, served).stored());
      Artifact twin = open(settings, served);
      assertTrue(made());
      assertEquals(fileKey(served), fileKey(twin));
      requireSameBlocks(get(settings("calm.algorithm", algorithm)), twin);
      assertTrue(uniform(settings, served).stored());
      open(settings, served).close();
      assertFalse(made(), "it is made once");
    }
  }

  @Test
  void withoutAGuardTheErrorsOfTheSearchSelectThePlan() {
    CalmSettings settings = settings("calm.search.guard", "false");
    Artifact served = get(settings);
    Baseline.Uniform uniform = uniform(settings, served);
    assertFalse(uniform.stored());
    double rtn = errors(served, "rtn");
    double gptq = errors(served, "gptq");
    assertEquals(rtn < gptq ? "rtn" : "gptq", uniform.algorithm().text());
  }

  private static double errors(Artifact served, String algorithm) {
    return served.plan().blocks().stream()
        .flatMap(block -> Stream.ofNullable(block.candidates().get(algorithm)))
        .mapToDouble(candidate -> candidate.normalizedMse())
        .sum();
  }

  @Test
  void theTwinOfAUniformPlanIsThePlanItself() throws IOException {
    CalmSettings settings = settings("calm.algorithm", "rtn");
    Artifact served = get(settings);
    Baseline.Uniform uniform = uniform(settings, served);
    assertTrue(uniform.identical() && uniform.stored(), uniform.toString());
    Artifact twin = open(settings, served);
    assertEquals(served.directory(), twin.directory());
    assertEquals(1, artifacts(cache).size(), "nothing is stored for it");
    served.close();
    assertTrue(twin.model().blocks().size() == 5);
    twin.close();
  }

  @Test
  void theTwinOfAMixOfOneAlgorithmIsTheMixItself() throws IOException {
    CalmSettings settings =
        settings(
            "calm.calibration.length", "48",
            "calm.calibration.seed", "1");
    Artifact served = get(settings);
    assertEquals("calm", served.plan().served(), served.plan().reason());
    assertEquals(Optional.of("gptq"), served.plan().servedUniform());
    assertTrue(uniform(settings, served).identical());
    assertEquals("uniform-gptq", uniform(settings, served).variant());
    assertEquals(served.directory(), open(settings, served).directory());
    assertEquals(1, artifacts(cache).size(), "the guard's other plan is not kept");
  }

  /** The other writer may wait for this search, so that a wait for it would never end. */
  @Test
  @SuppressWarnings("try") // a writer is held, not used
  void aSearchDoesNotWaitForAnotherWriterOfItsTwin() throws IOException {
    CalmSettings before = settings(cache.resolve("before"), MIX);
    Artifact sample = get(before);
    ArtifactKey twin = UniformTwin.key(sample.key(), uniform(before, sample).algorithm());
    ArtifactStore.Claim other =
        with(
            settings(),
            (store, checkpoint) ->
                new ArtifactStore(cache)
                    .begin(twin, checkpoint.spec(), store.layout(checkpoint), 1)
                    .orElseThrow());
    try (ArtifactWriter writer = assertInstanceOf(ArtifactStore.Granted.class, other).writer()) {
      Artifact served = assertTimeoutPreemptively(Duration.ofMinutes(2), () -> get(settings()));
      assertFalse(uniform(settings(), served).stored());
    }
  }

  @Test
  void aDamagedTwinIsMadeAgain() throws IOException {
    Artifact served = get(settings());
    Artifact twin = open(settings(), served);
    Path blocks = twin.directory().resolve("blocks.bin");
    byte[] good = Files.readAllBytes(blocks);
    byte[] bad = good.clone();
    bad[good.length / 2] ^= 1;
    twin.close();
    Files.delete(blocks);
    Files.write(blocks, bad);

    Artifact again = open(settings(), served);
    assertTrue(made());
    assertEquals(-1, Files.mismatch(again.directory().resolve("blocks.bin"), blocks));
    assertEquals(HexFormat.of().formatHex(good), hex(again));
    get(settings()).close();
  }

  private static String hex(Artifact artifact) throws IOException {
    return HexFormat.of().formatHex(Files.readAllBytes(artifact.directory().resolve("blocks.bin")));
  }

  @Test
  void theListenerCancelsAndNothingIsLeft() throws IOException {
    CalmSettings settings = settings("calm.baseline", "awq");
    Artifact served = get(settings);
    assertThrows(
        CancellationException.class,
        () ->
            with(
                settings,
                (store, checkpoint) ->
                    store.openTwin(
                        checkpoint,
                        served,
                        step -> {
                          if (step instanceof Progress.Quantizing block
                              && block.position().block() == 2) {
                            throw new CancellationException("cancelled");
                          }
                        },
                        () -> () -> {})));
    assertEquals(1, artifacts(cache).size(), artifacts(cache).toString());
    assertFalse(uniform(settings, served).stored());
  }

  @Test
  void aTwinWhoseMixIsGoneIsRefusedWithTheRemedy() throws IOException {
    CalmSettings settings = settings("calm.baseline", "awq");
    Artifact served = get(settings);
    Files.delete(served.directory().resolve("manifest.json"));
    QuantizeException e = assertThrows(QuantizeException.class, () -> open(settings, served));
    assertEquals(QuantizeException.Kind.STORAGE, e.kind());
    assertTrue(e.getMessage().contains("load the model again"), e.getMessage());
    assertFalse(uniform(settings, served).stored());
  }

  /** The twin's key has the digest of the text that the served plan was fitted on. */
  @Test
  void aTwinIsNotMadeFromOtherFilesThanTheMix() throws IOException {
    String sentence = "The package manager installs a file. ";
    Path text = Files.writeString(cache.resolve("text.txt"), sentence.repeat(200));
    CalmSettings settings = settings("calm.baseline", "awq", "calm.calibration", text.toString());
    Artifact served = get(settings);
    Files.writeString(text, sentence.repeat(201));
    QuantizeException e = assertThrows(QuantizeException.class, () -> open(settings, served));
    assertTrue(e.getMessage().contains("not those that it was made from"), e.getMessage());
    assertFalse(made());
  }

  @Test
  void anAlgorithmThatDoesNotApplyIsRefusedWhenTheModelIsLoaded() {
    for (String name : List.of("source", "nosuch")) {
      QuantizeException e =
          assertThrows(QuantizeException.class, () -> get(settings("calm.baseline", name)));
      assertEquals(QuantizeException.Kind.INVALID, e.kind());
      assertTrue(e.getMessage().contains("calm.baseline: "), e.getMessage());
      assertTrue(e.getMessage().contains(name), e.getMessage());
    }
  }
}
