package io.calm.serving.load;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.artifact.Artifact;
import io.calm.artifact.ArtifactLayout;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.gguf.GgufBuilder;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.generate.Scheduler;
import io.calm.generate.SchedulerSettings;
import io.calm.model.ModelSpec;
import io.calm.model.RopeSpec;
import io.calm.quantize.QuantizedModelStore;
import io.calm.quantize.SearchMemory;
import io.calm.settings.CalmSettings;
import io.calm.tensor.TableFormat;
import io.calm.testing.LlamaShapes;
import io.calm.testing.Repository;
import io.calm.testing.ScriptedDecoder;
import io.calm.testing.TestSettings;
import io.calm.torch.Backends;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MemoryEstimateTest {
  private static final long MIB = 1 << 20;

  /** LLaMA 7B's shape. */
  private static final ModelSpec SEVEN_BILLION = LlamaShapes.of(4096, 11008, 32);

  private static final ArtifactLayout LAYOUT =
      new ArtifactLayout(128, TableFormat.INT8, Optional.of(TableFormat.INT8));

  @TempDir Path cache;

  private CalmSettings settings(String... keysAndValues) {
    Map<String, String> values = new HashMap<>();
    values.put("calm.cache-dir", cache.toString());
    values.put("calm.kernel", "java");
    return TestSettings.of(values, keysAndValues);
  }

  private static long part(MemoryEstimate estimate, String name) {
    return estimate.parts().stream()
        .filter(part -> part.name().startsWith(name))
        .mapToLong(MemoryEstimate.Part::bytes)
        .sum();
  }

  @ParameterizedTest
  @ValueSource(strings = {"models/calm-tiny-llama", "models/calm-tiny-qwen2"})
  void weightsAndTablesAreWhatTheArtifactHolds(String model) {
    for (String head : List.of("int8", "int4", "float16", "float32")) {
      CalmSettings settings = settings("calm.algorithm", "rtn", "calm.lm-head", head);
      Path path = Repository.path(model);
      long told;
      try (Checkpoint checkpoint = Checkpoints.open(path)) {
        Artifact artifact = new QuantizedModelStore(settings).get(checkpoint, moment -> {});
        MemoryEstimate estimate = ModelLoader.estimate(path, settings);
        told = part(estimate, "weights") + part(estimate, "embeddings");
        long held = artifact.sizeInBytes();
        assertTrue(
            Math.abs(told - held) < held / 100 + 65_536, // which are the plan and the manifest
            "%s: told %d, held %d".formatted(head, told, held));
      }
    }
  }

  /** The group of 32 of such a checkpoint makes its weights 18 % larger than a group of 128. */
  @Test
  void aModelOfFourBitBlocksIsEstimatedWithTheGroupOfItsArtifact() throws IOException {
    Path model = fourBitBlocks(cache.resolve("q4_0.gguf"));
    CalmSettings settings = settings("calm.lm-head", "int8");
    long blocks;
    long tables;
    try (Checkpoint checkpoint = Checkpoints.open(model);
        Artifact artifact = new QuantizedModelStore(settings).get(checkpoint, moment -> {})) {
      assertEquals("uniform-source", artifact.plan().served());
      blocks = Files.size(artifact.directory().resolve("blocks.bin"));
      tables = Files.size(artifact.directory().resolve("tables.bin"));
    }
    MemoryEstimate estimate = ModelLoader.estimate(model, settings);
    assertEquals(blocks, part(estimate, "weights"));
    assertEquals(tables, part(estimate, "embeddings"));

    MemoryEstimate coarser =
        ModelLoader.estimate(model, settings("calm.lm-head", "int8", "calm.group", "128"));
    assertEquals(5 / 4.25, part(estimate, "weights") / (double) part(coarser, "weights"), 0.01);
  }

  /** Writes a LLaMA of two blocks in Q4_0, whose scales and codes are 0. */
  private static Path fourBitBlocks(Path file) throws IOException {
    GgufBuilder builder = new GgufBuilder().text("general.architecture", "llama");
    builder
        .integer("llama.block_count", 2)
        .integer("llama.context_length", 64)
        .integer("llama.embedding_length", 256)
        .integer("llama.feed_forward_length", 512)
        .integer("llama.attention.head_count", 4)
        .integer("llama.attention.head_count_kv", 2)
        .number("llama.attention.layer_norm_rms_epsilon", 1e-5)
        .zeros("token_embd.weight", 50, 256)
        .zeros("output_norm.weight", 256);
    for (int layer = 0; layer < 2; layer++) {
      String block = "blk.%d.".formatted(layer);
      builder.zeros(block + "attn_norm.weight", 256).zeros(block + "ffn_norm.weight", 256);
      fourBits(builder, block + "attn_q", 256, 256);
      fourBits(builder, block + "attn_k", 128, 256);
      fourBits(builder, block + "attn_v", 128, 256);
      fourBits(builder, block + "attn_output", 256, 256);
      fourBits(builder, block + "ffn_gate", 512, 256);
      fourBits(builder, block + "ffn_up", 512, 256);
      fourBits(builder, block + "ffn_down", 256, 512);
    }
    return builder.write(file);
  }

  private static void fourBits(GgufBuilder builder, String name, int rows, int columns) {
    builder.tensor(name + ".weight", 2, new byte[rows * columns / 32 * 18], rows, columns);
  }

  @Test
  void aLargeModelIsRefusedWithEveryNumber() {
    CalmSettings settings = settings("calm.kv-budget-mb", "1024", "calm.lm-head", "int8");
    SchedulerSettings budgets =
        SchedulerBudgets.of(SEVEN_BILLION, settings, 64L << 30, OptionalLong.empty());
    MemoryEstimate estimate = MemoryEstimate.of(SEVEN_BILLION, LAYOUT, settings, budgets, true);
    // 6.5e9 weights of 4.25 bits are 3281 MiB; two tables of 32000 x 4096 bytes are 250 MiB.
    assertEquals(3282.0, part(estimate, "weights") / (double) MIB, 8);
    assertEquals(250.0, part(estimate, "embeddings and lm_head") / (double) MIB, 1);
    assertEquals(1024.0, part(estimate, "KV cache") / (double) MIB, 1);

    NotEnoughMemoryException refused =
        assertThrows(
            NotEnoughMemoryException.class, () -> estimate.requireFits(2000 * MIB, 500 * MIB));
    String message = String.valueOf(refused.getMessage());
    assertTrue(
        message.matches(
            "memory: the model needs 4[0-9]{3} MiB \\(weights 32[0-9]{2}, embeddings and lm_head"
                + " 25[01], KV cache 102[34], step buffers [0-9]+\\), 2000 MiB are available beside"
                + " the 500 MiB of the models that are loaded; use a smaller model, set"
                + " calm.lm-head=int8 or int4, lower calm.kv-budget-mb, lower calm.max-running, or"
                + " give the process more memory"),
        message);
    estimate.requireFits(estimate.bytes(), 0);
  }

  @Test
  void aSearchTakesMoreThanItsResult() {
    CalmSettings settings = settings("calm.kv-budget-mb", "64", "calm.calibration", "/texts");
    SchedulerSettings budgets =
        SchedulerBudgets.of(SEVEN_BILLION, settings, 64L << 30, OptionalLong.empty());
    long serving = MemoryEstimate.of(SEVEN_BILLION, LAYOUT, settings, budgets, true).bytes();
    MemoryEstimate search = MemoryEstimate.of(SEVEN_BILLION, LAYOUT, settings, budgets, false);
    // A block in float32 is 772 MiB, and its largest stage five times 344 MiB; two Hessians are 924
    // MiB; the hidden states are 832 MiB, and the inputs of a stage in both streams 944 MiB. glibc
    // may keep as much as the last two.
    assertTrue(search.bytes() > serving + 7000 * MIB, search.toString());
    assertTrue(search.bytes() < serving + 10_000 * MIB, search.toString());
    CalmSettings thorough =
        settings(
            "calm.kv-budget-mb",
            "64",
            "calm.calibration",
            "/texts",
            "calm.calibration.samples",
            "128",
            "calm.search.effort",
            "thorough");
    MemoryEstimate stages = MemoryEstimate.of(SEVEN_BILLION, LAYOUT, thorough, budgets, false);
    // The inputs of a stage are 3776 MiB in both streams, and the hidden states 3328 MiB.
    assertTrue(stages.bytes() > search.bytes() + 6000 * MIB, stages.toString());
    assertTrue(stages.bytes() < search.bytes() + 14_000 * MIB, stages.toString());
  }

  /** The passes, forks and shared matrices that a search by parts holds beside those of blocks. */
  @Test
  void aSearchByPartsTakesMoreThanOneOfWholeBlocks() {
    long blocks = searchOf("block");
    long stages = searchOf("stage");
    long halves = searchOf("half");
    long fit = 24L * 512; // tokens, as is the score part's quarter
    long pass = 4 * (4096 + 11008);
    // The copy that a fold divides and the pass over the score part; outputs and matrices on top.
    assertTrue(stages >= blocks + fit * pass, "%d and %d".formatted(stages, blocks));
    // Forks of the fit part and of full precision, and what glibc keeps of them.
    long forks = fit * pass * (System.getenv("MALLOC_MMAP_THRESHOLD_") == null ? 2 : 1);
    assertTrue(halves >= stages + forks, "%d and %d".formatted(halves, stages));
    assertTrue(halves < 3 * blocks, "%d and %d".formatted(halves, blocks));
  }

  @Test
  void theRemedyOfASearchNamesALowerEffortWhereItHelps() {
    assertEquals("set calm.search.effort=fast, lower calm", remedy("calm.group", "64"));
    assertEquals("lower calm", remedy("calm.search.effort", "fast"));
  }

  /** Returns the remedy up to what every search has. */
  private String remedy(String key, String value) {
    String remedy = SearchMemory.remedy(SEVEN_BILLION, LAYOUT, settings(key, value));
    return remedy.substring(0, remedy.indexOf(".calibration.samples"));
  }

  private long searchOf(String granularity) {
    return searchWith("calm.search.granularity", granularity);
  }

  private long searchWith(String key, String value) {
    CalmSettings settings =
        settings(
            "calm.calibration",
            "/texts",
            "calm.calibration.samples",
            "24",
            "calm.calibration.length",
            "512",
            key,
            value);
    return SearchMemory.bytes(SEVEN_BILLION, LAYOUT, settings);
  }

  @Test
  void aFoldBeforeErrorFeedbackKeepsItsHessianWithoutScales() {
    long hessian = 4L * 11008 * 11008;
    long gptq = searchWith("calm.algorithm", "gptq");
    assertEquals(gptq, searchWith("calm.algorithm", "awq"));
    assertEquals(gptq + hessian, searchWith("calm.algorithm", "awq+gptq"));
    assertEquals(
        hessian, searchWith("calm.algorithm", "awq+qep") - searchWith("calm.algorithm", "qep"));
  }

  @Test
  void keysAndValuesTakeAShareOfWhatIsThereUnlessTheOperatorSays() {
    CalmSettings automatic = settings();
    int little =
        SchedulerBudgets.of(SEVEN_BILLION, automatic, 1L << 30, OptionalLong.empty()).kvTokens();
    int much =
        SchedulerBudgets.of(SEVEN_BILLION, automatic, 2L << 30, OptionalLong.empty()).kvTokens();
    assertTrue(little > 0 && little < much, little + " and " + much);
    assertEquals(
        1, SchedulerBudgets.of(SEVEN_BILLION, automatic, 0, OptionalLong.empty()).blocks());
    IllegalArgumentException tooSmall =
        assertThrows(
            IllegalArgumentException.class,
            () ->
                SchedulerBudgets.of(
                    new ModelSpec(
                        "llama",
                        8192,
                        80,
                        64,
                        64,
                        128,
                        100,
                        100,
                        4096,
                        1e-5f,
                        new RopeSpec(10_000, new RopeSpec.None()),
                        true,
                        Set.of(),
                        false,
                        Collections.nCopies(80, 0)),
                    settings("calm.kv-budget-mb", "1"),
                    1L << 30,
                    OptionalLong.empty()));
    assertTrue(
        String.valueOf(tooSmall.getMessage())
            .startsWith("calm.kv-budget-mb: 1048576 bytes hold no block"),
        tooSmall.getMessage());
  }

  @Test
  void keysAndValuesOnADeviceTakeHalfOfWhatItHasBesideTheModel() {
    OptionalLong device = OptionalLong.of(4L << 30);
    SchedulerSettings budgets = SchedulerBudgets.of(SEVEN_BILLION, settings(), 0, device);
    long blockBytes = Backends.blockBytes(SEVEN_BILLION, settings().decoder().forDecoder());
    assertEquals((2L << 30) / blockBytes, budgets.blocks());
    CalmSettings set = settings("calm.kv-budget-mb", "1024");
    assertEquals(
        (1L << 30) / blockBytes, SchedulerBudgets.of(SEVEN_BILLION, set, 0, device).blocks());
  }

  @Test
  void whatAModelWasPromisedIsNotPromisedAgainUntilItEnds() throws Exception {
    MemoryLedger ledger = new MemoryLedger(() -> 100 * MIB);
    MemoryEstimate sixty =
        new MemoryEstimate(List.of(new MemoryEstimate.Part("weights", 60 * MIB, "nothing")));
    try (MemoryLedger.MemoryReservation first = ledger.reserve(sixty)) {
      assertThrows(NotEnoughMemoryException.class, () -> ledger.reserve(sixty));
      Scheduler scheduler =
          Scheduler.start(
              "m",
              new ScriptedDecoder(16),
              new SchedulerSettings(16, 1, 1, 1, 16),
              System::nanoTime);
      first.allocated(10 * MIB); // the machine below does not count it, unlike a real one
      first.keep(scheduler);
      assertEquals(50 * MIB, ledger.room().available());
      NotEnoughMemoryException refused =
          assertThrows(NotEnoughMemoryException.class, () -> ledger.reserve(sixty));
      assertTrue(
          String.valueOf(refused.getMessage())
              .contains("50 MiB are available beside the 50 MiB of the models that are loaded"),
          refused.getMessage());
      scheduler.close();
      assertTrue(scheduler.awaitClosed(Duration.ofSeconds(10)));
    }
    ledger.reserve(sixty).close();
    assertEquals(100 * MIB, ledger.room().available(), "a load that fails gives its claim back");
  }
}
