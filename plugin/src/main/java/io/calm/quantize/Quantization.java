package io.calm.quantize;

import io.calm.artifact.Artifact;
import io.calm.artifact.ArtifactWriter;
import io.calm.calibration.CalibrationSet;
import io.calm.calibration.CalibrationText;
import io.calm.checkpoint.Checkpoint;
import io.calm.kernels.KernelVariants;
import io.calm.kernels.SearchKernels;
import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.quant.Compute;
import io.calm.quant.Quantizer;
import io.calm.quant.Quantizers;
import io.calm.quant.Rounding;
import io.calm.replay.TorchRuntime;
import io.calm.search.BlockSink;
import io.calm.search.HeadRule;
import io.calm.search.QuantPlan;
import io.calm.search.Search;
import io.calm.search.SearchProgress;
import io.calm.search.SearchSettings;
import io.calm.search.WeightsOnlyPlan;
import io.calm.settings.CalmSettings;
import io.calm.tensor.Parallel;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.QuantizedMatrix;
import io.calm.tensor.TokenTable;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/** One making of an artifact: pool and group by the checkpoint, calibration, search, tables. */
final class Quantization {
  private static final int DEFAULT_GROUP = 128;
  private static final int SOURCE_GROUP = 32;
  private static final String SOURCE = "source";
  private static final String HEAD_ROUNDING = "gptq";
  private static final String SOURCE_REASON =
      "the checkpoint's own 4-bit blocks are W4A8 modules as they stand: no weight error, so no"
          + " other algorithm was tried";

  private final Checkpoint checkpoint;
  private final List<String> modelDigests;
  private final CalmSettings settings;
  private final Consumer<SearchProgress> progress;
  private final int group;
  private final SearchKernels kernels = KernelVariants.ofThisMachine().searchKernels();

  Quantization(
      Checkpoint checkpoint,
      List<String> modelDigests,
      CalmSettings settings,
      Consumer<SearchProgress> progress) {
    this.checkpoint = checkpoint;
    this.modelDigests = List.copyOf(modelDigests);
    this.settings = settings;
    this.progress = progress;
    this.group = group(checkpoint, settings);
  }

  /** Returns the maximum number of inputs that share a grid. */
  static int group(Checkpoint checkpoint, CalmSettings settings) {
    return settings.group().orElse(checkpoint.hasSourceCodes() ? SOURCE_GROUP : DEFAULT_GROUP);
  }

  Artifact run(ArtifactWriter writer) {
    try (Parallel parallel = new Parallel(settings.threadCount())) {
      List<Quantizer> pool = pool();
      checkpoint.requireFinite(
          parallel, () -> progress.accept(SearchProgress.phase("checking", 0)));
      Tables tables = Tables.build(checkpoint, settings.lmHead(), group);
      Drafts drafts = new Drafts(writer);
      QuantPlan plan =
          pool.size() == 1 && !pool.get(0).needsCalibration()
              ? weightsOnly(pool.get(0), parallel, drafts)
              : search(pool, tables, parallel, drafts);
      writer.embeddings(tables.embeddings());
      TokenTable head = head(plan, drafts, tables, parallel);
      if (head == tables.embeddings()) {
        writer.tiedHead();
      } else {
        writer.head(head);
      }
      return writer.publish(
          plan, drafts.get(plan.served()), checkpoint.finalNorm(), settings.activation());
    }
  }

  /** Returns the lm_head of the plan's format: the search's, or one made of weights alone. */
  private TokenTable head(QuantPlan plan, Drafts drafts, Tables tables, Parallel parallel) {
    return drafts
        .head()
        .orElseGet(
            () ->
                plan.head().format().equals(CalmSettings.HeadFormat.INT4.setting())
                    ? Tables.int4Head(checkpoint, group, new Compute(parallel, kernels))
                    : tables.head());
  }

  /** Returns the algorithms to try; {@code source} alone where it applies and none was named. */
  private List<Quantizer> pool() {
    Quantizers quantizers = Quantizers.load();
    if (settings.algorithm().isPresent()) {
      return List.of(required(quantizers.get(settings.algorithm().get())));
    }
    if (!settings.pool().isEmpty()) {
      return settings.pool().stream().map(quantizers::get).map(this::required).toList();
    }
    if (sourceApplies()) {
      return List.of(quantizers.get(SOURCE));
    }
    return quantizers.defaultPool().stream().filter(q -> !q.name().equals(SOURCE)).toList();
  }

  private boolean sourceApplies() {
    return group == SOURCE_GROUP && checkpoint.hasSourceCodes();
  }

  private Quantizer required(Quantizer quantizer) {
    if (quantizer.name().equals(SOURCE) && !sourceApplies()) {
      throw new IllegalArgumentException(
          ("calm.pool or calm.algorithm: 'source' needs a checkpoint whose linears are all Q4_0 or"
                  + " Q4_1, and calm.group=32 or auto; got %s and group %d; remove it or use such"
                  + " a checkpoint")
              .formatted(checkpoint.hasSourceCodes() ? "one" : "another", group));
    }
    return quantizer;
  }

  /** Makes a plan that neither calibration nor PyTorch has a part in. */
  private QuantPlan weightsOnly(Quantizer quantizer, Parallel parallel, BlockSink sink) {
    String reason =
        quantizer.name().equals(SOURCE)
            ? SOURCE_REASON
            : settings
                .algorithm()
                .map(name -> "calm.algorithm=" + name)
                .orElse("calm.pool names no other algorithm");
    return new WeightsOnlyPlan(
            checkpoint,
            this::sourceCodes,
            searchSettings(List.of(quantizer)),
            new Compute(parallel, kernels),
            progress)
        .make(sink, reason);
  }

  private SearchSettings searchSettings(List<Quantizer> pool) {
    return new SearchSettings(
        pool,
        group,
        settings.activation(),
        settings.metric().setting(),
        settings.reference() == CalmSettings.Reference.FULL_PRECISION,
        settings.sinkThreshold(),
        settings.guard(),
        headRule());
  }

  /** Returns the rule of {@code calm.lm-head}; an int4 head is rounded as GPTQ does. */
  private HeadRule headRule() {
    return switch (settings.lmHead()) {
      case AUTO -> new HeadRule.Rounded(gptq(), false);
      case INT4 -> new HeadRule.Rounded(gptq(), true);
      case INT8, FLOAT16, FLOAT32 -> new HeadRule.Given(settings.lmHead().setting());
    };
  }

  private static Rounding gptq() {
    return Quantizers.load().get(HEAD_ROUNDING).rounding().orElseThrow();
  }

  private QuantPlan search(List<Quantizer> pool, Tables tables, Parallel parallel, BlockSink sink) {
    // The engine first: if it is missing, the load fails before the samples are written.
    try (TorchRuntime torch = TorchRuntime.open(settings.threadCount(), kernels)) {
      CalibrationSet set = calibration(tables, parallel);
      Search search =
          new Search(
              torch,
              checkpoint,
              this::sourceCodes,
              searchSettings(pool),
              new Compute(parallel, kernels),
              progress);
      return settings.algorithm().isPresent()
          ? search.runUniform(set, sink, "calm.algorithm=" + pool.get(0).name())
          : search.run(set, sink);
    }
  }

  private CalibrationSet calibration(Tables tables, Parallel parallel) {
    int samples = settings.calibrationSamples();
    int length = Math.min(settings.calibrationLength(), checkpoint.spec().maxContext());
    return settings
        .calibration()
        .map(file -> CalibrationText.read(file, checkpoint.tokenizer(), samples, length))
        .orElseGet(
            () ->
                new OwnSamples(
                        checkpoint,
                        modelDigests,
                        settings,
                        group,
                        tables,
                        new Compute(parallel, kernels),
                        progress)
                    .get(samples, length));
  }

  private Map<LinearRole, QuantizedMatrix> sourceCodes(int layer) {
    Map<LinearRole, QuantizedMatrix> codes = new EnumMap<>(LinearRole.class);
    if (sourceApplies()) {
      for (LinearRole role : LinearRole.values()) {
        checkpoint.sourceCodes(layer, role).ifPresent(code -> codes.put(role, code));
      }
    }
    return codes;
  }

  /** The drafts of an artifact, opened as the search comes upon variants. */
  private static final class Drafts implements BlockSink {
    private final ArtifactWriter writer;
    private final Map<String, ArtifactWriter.Draft> drafts = new HashMap<>();
    private Optional<TokenTable> head = Optional.empty();

    Drafts(ArtifactWriter writer) {
      this.writer = writer;
    }

    ArtifactWriter.Draft get(String variant) {
      return drafts.computeIfAbsent(variant, writer::draft);
    }

    @Override
    public void block(String variant, int layer, BlockParameters<QuantizedLinear> block) {
      get(variant).block(layer, block);
    }

    @Override
    public void head(TokenTable table) {
      head = Optional.of(table);
    }

    /** Returns the lm_head that the search chose in the place of the one it was given. */
    Optional<TokenTable> head() {
      return head;
    }
  }
}
