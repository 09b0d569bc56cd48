package io.calm.quantize;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.engine.EngineException;
import io.calm.artifact.Artifact;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.gguf.MixedGguf;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.kernels.BuildInfo;
import io.calm.kernels.KernelVariants;
import io.calm.kernels.MachineInfo;
import io.calm.model.ActivationMode;
import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.QuantizedModel;
import io.calm.quantize.QuantizeException.Kind;
import io.calm.replay.BlockPass;
import io.calm.replay.HiddenStates;
import io.calm.replay.ReferenceHead;
import io.calm.replay.ReferenceModel;
import io.calm.replay.TorchRuntime;
import io.calm.runtime.Decoder;
import io.calm.runtime.JavaDecoder;
import io.calm.runtime.KvType;
import io.calm.search.Progress;
import io.calm.search.QuantPlan;
import io.calm.settings.CalmSettings;
import io.calm.tensor.Matrix;
import io.calm.tensor.QuantizedMatrix;
import io.calm.tensor.TableFormat;
import io.calm.tensor.TokenTable;
import io.calm.tensor.Unpacked;
import io.calm.testing.DequantizedBlock;
import io.calm.testing.Repository;
import io.calm.testing.SealedFiles;
import io.calm.testing.SmolLm2;
import io.calm.testing.TestSettings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** From a model's files to a decoder, on a trained model of five blocks and on the default one. */
class QuantizedModelStoreTest {
  private static final Path TINY = Repository.path("models/calm-tiny-llama");
  private static final String CUDA = "CUDA_VISIBLE_DEVICES=";

  @TempDir Path cache;

  private final List<Progress> moments = new ArrayList<>();

  private CalmSettings settings(String... keysAndValues) {
    Map<String, String> values = new HashMap<>();
    values.put("calm.cache-dir", cache.toString());
    values.put("calm.calibration.samples", "4");
    values.put("calm.calibration.length", "48");
    values.put("calm.group", "64");
    return TestSettings.of(values, keysAndValues);
  }

  private Artifact get(Path model, CalmSettings settings) {
    moments.clear();
    try (Checkpoint checkpoint = Checkpoints.open(model)) {
      return new QuantizedModelStore(settings).get(checkpoint, moments::add);
    }
  }

  private boolean searched() {
    return moments.stream().anyMatch(m -> m.phase().equals("searching"));
  }

  /** The estimate of disk space against the files written, and its bound. */
  @ParameterizedTest
  @ValueSource(strings = {"int8", "int4", "float16", "float32"})
  void theDiskIsAskedForWhatIsWritten(String head) throws IOException {
    CalmSettings settings = settings("calm.algorithm", "rtn", "calm.lm-head", head);
    Artifact made = get(TINY, settings);
    try (Checkpoint checkpoint = Checkpoints.open(TINY);
        Stream<Path> files = Files.list(made.directory())) {
      long written = 0;
      for (Path file : files.toList()) {
        written += Files.size(file);
      }
      long estimate =
          new QuantizedModelStore(settings).layout(checkpoint).bytes(checkpoint.spec(), 1);
      String figures = "%s: %d bytes are there, estimated %d".formatted(head, written, estimate);
      System.out.println("disk: " + figures);
      assertTrue(written <= estimate, figures);
      assertTrue(estimate <= written + 64 * 1024 + 5 * 16 * 1024, figures);
    }
  }

  /** Whatever the group of the blocks: the inputs of the lm_head have outliers. */
  @Test
  void theInputsOfAnInt8HeadAreRoundedInGroupsOf32() throws IOException {
    CalmSettings settings =
        settings("calm.algorithm", "rtn", "calm.lm-head", "int8", "calm.group", "64");
    try (Artifact artifact = get(TINY, settings)) {
      TokenTable.Int8Table head =
          assertInstanceOf(TokenTable.Int8Table.class, artifact.model().head());
      assertEquals(32, head.group());
      assertEquals(64, artifact.model().blocks().get(0).linear(LinearRole.Q).group());
    }
  }

  /** Also of an algorithm that needs no calibration: the file's digest is in the key. */
  @ParameterizedTest
  @ValueSource(strings = {"/dev/zero", "/dev/null", "/"})
  void aCalibrationTextThatIsNoFileIsRefusedBeforeItIsRead(String file) {
    assumeTrue(Files.exists(Path.of(file)), "this system has no " + file);
    CalmSettings settings = settings("calm.algorithm", "rtn", "calm.calibration", file);
    QuantizeException e =
        assertTimeoutPreemptively(
            Duration.ofMinutes(1),
            () -> assertThrows(QuantizeException.class, () -> get(TINY, settings)));
    assertEquals(QuantizeException.Kind.INVALID, e.kind());
    assertTrue(
        e.getMessage().startsWith("calm.calibration: " + file + ": expected a regular file, got"),
        e.getMessage());
  }

  @Test
  void aFailureOfTheEngineIsAFailureOfTheSearch() {
    requireFailure("CUDA out of memory. Tried to allocate 2 MiB", Kind.NOT_ENOUGH_MEMORY, CUDA);
    requireFailure("CUDA error: an illegal memory access", Kind.ENGINE_MISSING, CUDA);
    requireFailure(
        "DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes.",
        Kind.NOT_ENOUGH_MEMORY,
        "a lower calm.calibration.samples");
    requireFailure(
        "Unrecognized data format", Kind.ENGINE_MISSING, "check the version of the engine");
  }

  private static void requireFailure(String message, Kind kind, String remedy) {
    QuantizeException e =
        assertThrows(
            QuantizeException.class,
            () ->
                QuantizedModelStore.failing(
                    () -> {
                      throw new EngineException(message + "\nframe");
                    }));
    assertEquals(kind, e.kind());
    assertFalse(e.getMessage().contains("frame"), e.getMessage());
    assertTrue(e.getMessage().contains(remedy), e.getMessage());
    assertEquals(remedy.equals(CUDA), e.getMessage().contains(CUDA), e.getMessage());
  }

  @Test
  void searchesOnceAndServesWhatWasScored() {
    CalmSettings settings = settings("calm.pool", "rtn,gptq", "calm.lm-head", "float32");
    Artifact made = get(TINY, settings);
    assertTrue(searched());
    QuantPlan plan = made.plan();
    assertEquals(5 * 2, plan.evaluations());
    assertEquals(4 + 1 + 1, plan.calibration().sequences().size());

    Artifact found = get(TINY, settings);
    assertFalse(searched(), "the second start does not search");
    assertEquals(plan, found.plan());

    int[] tokens = {17, 400, 3, 1999, 250, 250, 7, 61, 1024, 5, 88, 300};
    requireEqualLogits(found.model(), tokens);
  }

  /** The decoder against the same modules run on PyTorch: two ways to the same numbers. */
  private static void requireEqualLogits(QuantizedModel model, int[] tokens) {
    float[][] got;
    try (Decoder decoder = new JavaDecoder(model, KvType.FLOAT16, 2, 1)) {
      Decoder.Chunk all = new Decoder.Chunk(new int[] {0}, 0, tokens, Decoder.Wanted.ALL);
      got =
          decoder.step(List.of(all)).get(0).stream()
              .map(row -> row.values().clone())
              .toArray(float[][]::new);
    }
    try (Checkpoint checkpoint = Checkpoints.open(TINY);
        TorchRuntime torch = TorchRuntime.open(2, KernelVariants.ofThisMachine().searchKernels())) {
      ReferenceModel reference = new ReferenceModel(torch, checkpoint);
      HiddenStates states = reference.embed(List.of(tokens));
      for (int layer = 0; layer < model.spec().layers(); layer++) {
        HiddenStates next = quantizedBlock(model, layer, states);
        states.close();
        states = next;
      }
      try (HiddenStates normalized = reference.finalNorm(states);
          ReferenceHead head = reference.head();
          Matrix rows = normalized.toMatrix();
          Matrix expected = head.logits(rows)) {
        requireClose(expected, got);
      } finally {
        states.close();
      }
    }
  }

  private static HiddenStates quantizedBlock(QuantizedModel model, int layer, HiddenStates states) {
    BlockParameters<Matrix> block = DequantizedBlock.of(model.blocks().get(layer));
    BlockPass.InputRounding rounding = new BlockPass.InputRounding(model.activation(), 64);
    try (BlockPass pass =
        new BlockPass(states, model.spec(), layer, block, Optional.of(rounding))) {
      while (pass.stage().isPresent()) {
        pass.advance(block.linears(), block.biases());
      }
      return pass.output();
    }
  }

  private static void requireClose(Matrix expected, float[][] got) {
    double largest = 0;
    double error = 0;
    for (int t = 0; t < got.length; t++) {
      for (int v = 0; v < expected.columns(); v++) {
        largest = Math.max(largest, Math.abs(expected.get(t, v)));
        error = Math.max(error, Math.abs(expected.get(t, v) - got[t][v]));
      }
    }
    // Sums in another order may turn a rounding to float16 or int8 over.
    assertTrue(error <= 1e-2 * largest, "error %g of %g".formatted(error, largest));
  }

  private boolean sampled() {
    return moments.stream().anyMatch(m -> m.phase().equals("sampling"));
  }

  private List<List<Integer>> samples(CalmSettings settings) {
    return get(TINY, settings).plan().calibration().sequences();
  }

  @Test
  void plansOfOneModelAreCalibratedOnTheSameSamplesWrittenOnce() throws IOException {
    List<List<Integer>> first = samples(settings("calm.algorithm", "gptq"));
    assertTrue(sampled());
    assertEquals(first, samples(settings("calm.algorithm", "awq")));
    assertFalse(sampled(), "the second plan has the samples of the first");

    List<List<Integer>> other =
        samples(settings("calm.algorithm", "gptq", "calm.calibration.seed", "1"));
    assertTrue(sampled(), "another seed is another set");
    assertFalse(other.equals(first));

    for (Path kept : files(cache.resolve("samples"))) {
      SealedFiles.overwrite(kept, new byte[] {1, 2, 3});
    }
    assertEquals(first, samples(settings("calm.algorithm", "smoothquant")));
    assertTrue(sampled(), "damaged samples are written again");
  }

  private static List<Path> files(Path directory) throws IOException {
    try (Stream<Path> entries = Files.list(directory)) {
      return entries.toList();
    }
  }

  @Test
  void anAlgorithmThatLooksAtWeightsAloneIsNotCalibrated() {
    Artifact artifact = get(TINY, settings("calm.algorithm", "rtn", "calm.lm-head", "float32"));
    assertFalse(sampled());
    assertFalse(Files.exists(cache.resolve("samples")));
    assertEquals("uniform-rtn", artifact.plan().served());
    QuantPlan.MadeBy maker = artifact.plan().madeBy().orElseThrow();
    assertEquals(BuildInfo.current(), maker.build());
    assertEquals(MachineInfo.of(maker.machine().kernel()), maker.machine());
    assertEquals("none", artifact.plan().calibration().source());
    assertEquals(0, artifact.plan().collectionForwards());
    requireEqualLogits(artifact.model(), new int[] {17, 400, 3, 1999, 250, 250, 7});
  }

  @Test
  void everySettingThatChangesTheResultMakesAnotherArtifact() {
    Artifact first = get(TINY, settings("calm.algorithm", "rtn"));
    Artifact other = get(TINY, settings("calm.algorithm", "rtn", "calm.group", "32"));
    assertFalse(first.directory().equals(other.directory()));
    assertEquals("uniform-rtn", first.plan().served());
    Artifact same = get(TINY, settings("calm.algorithm", "rtn", "calm.threads", "1"));
    assertEquals(first.directory(), same.directory());
  }

  @Test
  void activationsAreRoundedAsSet() {
    Artifact artifact =
        get(TINY, settings("calm.algorithm", "rtn", "calm.activation", "per-token"));
    assertEquals(ActivationMode.PER_TOKEN, artifact.model().activation());
  }

  @Test
  void sinksAreTheTokensAboveTheThresholdThatIsSet() {
    QuantPlan plan =
        get(TINY, settings("calm.pool", "rtn,gptq", "calm.search.sink-threshold", "1")).plan();
    String rows = "%d of %d rows".formatted(plan.sinkRows(), plan.scoredRows());
    assertEquals(0.5 * plan.scoredRows(), plan.sinkRows(), 0.05 * plan.scoredRows(), rows);
  }

  @Test
  void calibratesOnATextWhereOneIsGiven() throws Exception {
    Path text = cache.resolve("text.jsonl");
    Files.writeString(
        text,
        "{\"text\": \"%s\"}\n"
            .formatted("The package manager installs a file. ".repeat(40))
            .repeat(4));
    Artifact artifact =
        get(TINY, settings("calm.algorithm", "gptq", "calm.calibration", text.toString()));
    assertEquals("text.jsonl", artifact.plan().calibration().source());
    assertTrue(artifact.plan().calibration().sequences().isEmpty());
  }

  @Test
  void aTextThatIsTooShortIsRefusedWithTheNumbers() throws Exception {
    Path text = Files.writeString(cache.resolve("short.txt"), "too short");
    QuantizeException e =
        assertThrows(
            QuantizeException.class,
            () ->
                get(TINY, settings("calm.algorithm", "gptq", "calm.calibration", text.toString())));
    assertTrue(e.getMessage().contains("6 windows of 48 need 288"), e.getMessage());
  }

  @Test
  void sourceIsRefusedWhereTheCheckpointHasNoBlocksOfFourBits() {
    QuantizeException e =
        assertThrows(
            QuantizeException.class,
            () -> get(TINY, settings("calm.algorithm", "source", "calm.group", "32")));
    assertTrue(
        e.getMessage().contains("needs a checkpoint with linears of type Q4_0, Q4_1 or Q4_K"),
        e.getMessage());
    assertTrue(e.getMessage().contains("got one without, and group 32"), e.getMessage());
  }

  /** Writes a file in the manner of Q4_K_M: v and o have another type than the others. */
  private Path mixed(MixedGguf.Type vAndO, MixedGguf.Type others) throws IOException {
    Map<LinearRole, MixedGguf.Type> types = new EnumMap<>(LinearRole.class);
    for (LinearRole role : LinearRole.values()) {
      boolean other = role == LinearRole.V || role == LinearRole.O;
      types.put(role, other ? vAndO : others);
    }
    return MixedGguf.write(cache.resolve("mixed.gguf"), 2, types, 7);
  }

  @Test
  void aFileOfMostlySuperBlocksIsTakenWithItsErrorsStated() throws IOException {
    Path file = mixed(MixedGguf.Type.Q6_K, MixedGguf.Type.Q4_K);
    CalmSettings settings = settings("calm.group", "auto", "calm.lm-head", "auto");
    Artifact artifact = get(file, settings);
    assertFalse(searched());
    assertFalse(sampled());
    QuantPlan plan = artifact.plan();
    assertEquals("uniform-source", plan.served());
    assertEquals(32, plan.group());
    assertEquals(TableFormat.INT8, plan.head().format());
    // v and o are 98304 of 589824 weights of a block
    assertTrue(plan.reason().startsWith("83.3 % of the blocks' weights are"), plan.reason());
    assertTrue(plan.reason().contains("scales rounded to float16"), plan.reason());
    for (QuantPlan.BlockChoice block : plan.blocks()) {
      assertTrue(
          block.reason().startsWith("own codes: relative error ")
              && block.reason().contains("nearest codes in v, o: relative error "),
          block.reason());
      QuantPlan.Candidate candidate = block.candidates().get("source");
      assertTrue(
          candidate != null
              && String.valueOf(candidate.detail().get("q")).startsWith("own codes, relative"),
          block.toString());
    }
    try (Checkpoint checkpoint = Checkpoints.open(file)) {
      for (LinearRole role : List.of(LinearRole.Q, LinearRole.GATE, LinearRole.DOWN)) {
        QuantizedMatrix own = checkpoint.sourceCodes(1, role).orElseThrow();
        QuantizedMatrix served = Unpacked.of(artifact.model().blocks().get(1).linear(role));
        assertArrayEquals(own.codes(), served.codes());
        assertArrayEquals(own.scales(), served.scales());
        assertArrayEquals(own.minimums(), served.minimums());
      }
    }
    assertEquals(plan, get(file, settings).plan(), "the errors are stored with the plan");
  }

  @Test
  void linearsWithFallbackTypesOfLlamaCppAreRounded() throws IOException {
    Path file = mixed(MixedGguf.Type.Q8_0, MixedGguf.Type.Q4_K);
    QuantPlan plan = get(file, settings("calm.group", "auto")).plan();
    assertEquals("uniform-source", plan.served());
    assertTrue(plan.blocks().get(0).reason().contains("nearest codes in v, o"), plan.toString());
  }

  @Test
  void aFileWithFewSuperBlocksIsSearchedUnlessSourceIsNamed() throws IOException {
    Path file = mixed(MixedGguf.Type.Q4_K, MixedGguf.Type.Q5_0);
    try (Checkpoint checkpoint = Checkpoints.open(file)) {
      CalmSettings automatic = settings("calm.group", "auto");
      assertEquals(128, AlgorithmPool.group(checkpoint, automatic));
      assertFalse(AlgorithmPool.isSourceAlone(checkpoint, automatic));
      CalmSettings grouped = settings("calm.group", "32");
      assertFalse(AlgorithmPool.isSourceAlone(checkpoint, grouped));
      CalmSettings pool = settings("calm.group", "auto", "calm.pool", "gptq,source+gptq");
      assertEquals(32, AlgorithmPool.group(checkpoint, pool));
    }
    for (String algorithm : List.of("source", "source+rtn")) {
      QuantPlan plan =
          get(file, settings("calm.group", "auto", "calm.algorithm", algorithm)).plan();
      assertFalse(searched());
      assertEquals("uniform-" + algorithm, plan.served());
      assertEquals(32, plan.group());
      assertTrue(plan.reason().startsWith("16.7 % of the blocks' weights are"), plan.reason());
    }
  }

  @Test
  void fiveBitFilesHaveNoCodesToTake() throws IOException {
    Path file = mixed(MixedGguf.Type.Q6_K, MixedGguf.Type.Q5_K);
    QuantizeException e =
        assertThrows(
            QuantizeException.class,
            () -> get(file, settings("calm.group", "auto", "calm.algorithm", "source")));
    assertTrue(e.getMessage().contains("got one without, and group 128"), e.getMessage());
  }

  @Test
  void sourceIsRefusedInAnotherGroup() throws IOException {
    Path file = mixed(MixedGguf.Type.Q6_K, MixedGguf.Type.Q4_K);
    QuantizeException e =
        assertThrows(
            QuantizeException.class,
            () -> get(file, settings("calm.group", "64", "calm.algorithm", "source+gptq")));
    assertTrue(
        e.getMessage().contains("'source+gptq' needs a checkpoint")
            && e.getMessage().contains("calm.group=32 or auto; got one, and group 64"),
        e.getMessage());
  }

  @Test
  void theDefaultModelsOwnBlocksAreTakenWithoutASearch() {
    Path file = SmolLm2.fileOrSkip();
    Artifact artifact = get(file, settings("calm.group", "auto"));
    assertFalse(searched());
    assertEquals("uniform-source", artifact.plan().served());
    assertEquals(32, artifact.plan().group());
    try (Decoder decoder = new JavaDecoder(artifact.model(), KvType.FLOAT16, 2, 1)) {
      int[] prompt = {504, 3575, 282, 4649, 314}; // The capital of France is
      Decoder.Chunk chunk = new Decoder.Chunk(new int[] {0}, 0, prompt, Decoder.Wanted.LAST);
      float[] logits = decoder.step(List.of(chunk)).get(0).get(0).values();
      int best = 0;
      for (int v = 0; v < logits.length; v++) {
        best = logits[v] > logits[best] ? v : best;
      }
      assertEquals(7042, best, "' Paris'");
    }
  }
}
