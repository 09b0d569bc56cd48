package io.calm.quantize;

import io.calm.artifact.Artifact;
import io.calm.artifact.ArtifactKey;
import io.calm.artifact.ArtifactWriter;
import io.calm.artifact.FileDigests;
import io.calm.calibration.CalibrationSet;
import io.calm.calibration.CalibrationText;
import io.calm.checkpoint.Checkpoint;
import io.calm.kernels.BuildInfo;
import io.calm.kernels.MachineInfo;
import io.calm.kernels.SearchKernels;
import io.calm.model.ActivationMode;
import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.quant.AlgorithmName;
import io.calm.quant.Compute;
import io.calm.quant.Quantizer;
import io.calm.quant.Quantizers;
import io.calm.quant.Rounding;
import io.calm.replay.TorchRuntime;
import io.calm.search.BlockSink;
import io.calm.search.HeadRule;
import io.calm.search.Progress;
import io.calm.search.QuantPlan;
import io.calm.search.Search;
import io.calm.search.SearchInputs;
import io.calm.search.SearchSettings;
import io.calm.search.WeightsOnlyPlan;
import io.calm.settings.CalibrationSettings;
import io.calm.settings.CalmSettings;
import io.calm.settings.DecoderSettings;
import io.calm.settings.PlanSettings;
import io.calm.tensor.Parallel;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.QuantizedMatrix;
import io.calm.tensor.TableFormat;
import io.calm.tensor.TokenTable;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiFunction;
import java.util.function.Consumer;

/** Makes one artifact: gets the calibration, runs the search, and writes blocks and tables. */
final class Quantization {
  private static final AlgorithmName HEAD_ROUNDING = new AlgorithmName("gptq");
  private final Checkpoint checkpoint;
  private final ArtifactKey key;
  private final CalmSettings settings;
  private final Consumer<Progress> progress;
  private final boolean background;
  private final AlgorithmPool algorithms;
  private final SearchKernels kernels;

  Quantization(
      Checkpoint checkpoint, ArtifactKey key, CalmSettings settings, Consumer<Progress> progress) {
    this(checkpoint, key, settings, progress, false);
  }

  /**
   * @param background whether other models answer requests meanwhile: the decoder of the samples
   *     then computes on one thread, so that it does not hold the workers that all decoders share
   */
  Quantization(
      Checkpoint checkpoint,
      ArtifactKey key,
      CalmSettings settings,
      Consumer<Progress> progress,
      boolean background) {
    this.background = background;
    this.checkpoint = checkpoint;
    this.key = key;
    this.settings = settings;
    this.progress = progress;
    this.algorithms = new AlgorithmPool(checkpoint, settings);
    this.kernels = settings.decoder().searchKernels();
  }

  /**
   * Makes the artifact.
   *
   * @param place destination of the uniform plan that the search makes beside the mix
   */
  Artifact run(ArtifactWriter writer, UniformTwin.Place place) {
    try (Parallel parallel = new Parallel(settings.decoder().threadCount())) {
      List<Quantizer> pool = algorithms.quantizers();
      requireFinite(parallel);
      ModelTables tables = tables(parallel);
      Drafts drafts = new Drafts(writer);
      QuantPlan made =
          AlgorithmPool.isWeightsOnly(pool)
              ? weightsOnly(
                  pool.get(0), algorithms.weightsOnlyReason(pool.get(0)), parallel, drafts)
              : search(pool, tables, parallel, drafts);
      QuantPlan plan = made.withMadeBy(maker());
      writer.embeddings(tables.embeddings());
      TokenTable head = head(plan, drafts, tables, parallel);
      if (head == tables.embeddings()) {
        writer.tiedHead();
      } else {
        writer.head(head);
      }
      Optional<UniformTwin> twin = UniformTwin.of(place, plan, writer, drafts);
      try {
        Artifact artifact =
            writer.publish(
                plan,
                drafts.get(plan.served()),
                checkpoint.finalNorm(),
                settings.quantization().activation());
        twin.ifPresent(UniformTwin::publish);
        return artifact;
      } finally {
        twin.ifPresent(UniformTwin::close);
      }
    }
  }

  private void requireFinite(Parallel parallel) {
    checkpoint.requireFinite(
        parallel, () -> progress.accept(new Progress.Step(Progress.Kind.CHECKING)));
  }

  private ModelTables tables(Parallel parallel) {
    return ModelTables.build(checkpoint, settings.quantization().lmHead(), parallel);
  }

  /**
   * Makes the uniform plan of one algorithm on the calibration of a finished artifact, whose tables
   * it shares. Its blocks are those of {@code calm.algorithm} with that name.
   *
   * @param served the finished artifact
   */
  Artifact twin(ArtifactWriter writer, Baseline.Uniform uniform, Artifact served) {
    try (Parallel parallel = new Parallel(settings.decoder().threadCount())) {
      Quantizer quantizer = algorithms.baseline(uniform.algorithm());
      requireFinite(parallel);
      writer.tablesOf(served.key());
      Drafts drafts = new Drafts(writer);
      QuantPlan plan =
          quantizer.needsCalibration()
              ? calibrated(quantizer, uniform.reason(), parallel, drafts)
              : weightsOnly(quantizer, uniform.reason(), parallel, drafts);
      return writer.publishShared(
          plan.withHead(served.plan().head()).withMadeBy(maker()), drafts.get(uniform.variant()));
    }
  }

  private QuantPlan.MadeBy maker() {
    return new QuantPlan.MadeBy(
        BuildInfo.current(), MachineInfo.of(settings.decoder().kernelsOnThisMachine()));
  }

  private QuantPlan calibrated(
      Quantizer quantizer, String reason, Parallel parallel, BlockSink sink) {
    List<Quantizer> pool = List.of(quantizer);
    ModelTables tables = tables(parallel);
    return withInputs(
        searchSettings(pool, new HeadRule.Given(tables.head().format())), // the head is shared
        tables,
        parallel,
        (inputs, set) -> Search.runUniform(inputs, set, sink, reason, progress));
  }

  /** Returns the lm_head of the plan: that of the search, or one from weights alone. */
  private TokenTable head(QuantPlan plan, Drafts drafts, ModelTables tables, Parallel parallel) {
    return drafts
        .head()
        .orElseGet(
            () ->
                plan.head().format() == TableFormat.INT4
                    ? ModelTables.int4Head(
                        checkpoint, algorithms.group(), new Compute(parallel, kernels))
                    : tables.head());
  }

  /** Makes a plan without calibration and PyTorch. */
  private QuantPlan weightsOnly(
      Quantizer quantizer, String reason, Parallel parallel, BlockSink sink) {
    return new WeightsOnlyPlan(
            checkpoint,
            layer -> sourceCodes(layer, parallel),
            searchSettings(List.of(quantizer), headRule()),
            new Compute(parallel, kernels),
            progress)
        .make(sink, reason);
  }

  private SearchSettings searchSettings(List<Quantizer> pool, HeadRule head) {
    PlanSettings plan = settings.quantization().plan();
    ActivationMode activation = settings.quantization().activation();
    return new SearchSettings(
        pool,
        algorithms.group(),
        activation,
        plan.metric(),
        plan.granularityAmong(pool.size()),
        plan.reference()
            .isFullPrecision(pool.stream().anyMatch(Quantizer::comparesStreams), activation),
        plan.sinkThreshold(),
        plan.guard(),
        head);
  }

  /** Returns the rule of {@code calm.lm-head}. An int4 head is rounded with GPTQ. */
  private HeadRule headRule() {
    Optional<TableFormat> format = settings.quantization().lmHead();
    return format
        .filter(given -> given != TableFormat.INT4)
        .<HeadRule>map(HeadRule.Given::new)
        .orElseGet(() -> new HeadRule.Rounded(gptq(), format.isPresent()));
  }

  private static Rounding gptq() {
    return Quantizers.load().get(HEAD_ROUNDING).rounding().orElseThrow();
  }

  private QuantPlan search(
      List<Quantizer> pool, ModelTables tables, Parallel parallel, BlockSink sink) {
    return withInputs(
        searchSettings(pool, headRule()),
        tables,
        parallel,
        (inputs, set) ->
            settings.quantization().plan().algorithm().isPresent()
                ? Search.runUniform(
                    inputs, set, sink, AlgorithmPool.oneAlgorithm(pool.get(0).name()), progress)
                : Search.run(inputs, set, sink, progress));
  }

  /**
   * Checks the algorithms to try, before any work.
   *
   * @throws IllegalArgumentException if the settings name one that the checkpoint does not allow
   */
  void requirePool() {
    List<Quantizer> unused = algorithms.quantizers();
  }

  /** Calls {@code work} with the inputs of a search and its calibration, without searching. */
  <T> T measure(BiFunction<SearchInputs, CalibrationSet, T> work) {
    try (Parallel parallel = new Parallel(settings.decoder().threadCount())) {
      List<Quantizer> pool = algorithms.quantizers();
      requireFinite(parallel);
      ModelTables tables = tables(parallel);
      return withInputs(searchSettings(pool, headRule()), tables, parallel, work);
    }
  }

  private <T> T withInputs(
      SearchSettings search,
      ModelTables tables,
      Parallel parallel,
      BiFunction<SearchInputs, CalibrationSet, T> work) {
    // The engine first: if it is missing, the load fails before the samples are written.
    try (TorchRuntime torch = TorchRuntime.open(settings.decoder().threadCount(), kernels)) {
      CalibrationSet set = calibration(tables, parallel);
      SearchInputs inputs =
          new SearchInputs(
              torch,
              checkpoint,
              layer -> sourceCodes(layer, parallel),
              search,
              new Compute(parallel, kernels));
      return work.apply(inputs, set);
    }
  }

  /** Returns the number of tokens per calibration sequence. */
  static int calibrationLength(Checkpoint checkpoint, CalmSettings settings) {
    return Math.min(settings.quantization().calibration().length(), checkpoint.spec().maxContext());
  }

  private CalibrationSet calibration(ModelTables tables, Parallel parallel) {
    CalibrationSettings calibration = settings.quantization().calibration();
    int samples = calibration.samples();
    int length = calibrationLength(checkpoint, settings);
    return calibration
        .file()
        .map(
            file -> {
              CalibrationSet set =
                  calibration.givenSamples().isPresent()
                      ? CalibrationText.read(file, checkpoint.tokenizer(), samples, length)
                      : CalibrationText.readUpTo(file, checkpoint.tokenizer(), samples, length);
              checkpoint.requireUnchanged(); // the tokenizer reads its files by name
              requireUnchanged(file);
              return set;
            })
        .orElseGet(
            () ->
                new OwnSamples(
                        checkpoint,
                        key.modelDigests(),
                        background ? onOneThread(settings) : settings,
                        algorithms.group(),
                        tables,
                        new Compute(parallel, kernels),
                        progress)
                    .get(samples, length));
  }

  /** Requires that a calibration text is the one that the key names. */
  private void requireUnchanged(Path file) {
    if (!new FileDigests(settings.loading().cacheDir()).sha256(file).equals(key.calibration())) {
      throw new QuantizeException(
          QuantizeException.Kind.INVALID,
          "calm.calibration: %s: expected the text that the model was loaded with, but it was changed meanwhile; load again"
              .formatted(file));
    }
  }

  private static CalmSettings onOneThread(CalmSettings settings) {
    DecoderSettings decoder = settings.decoder();
    return new CalmSettings(
        settings.quantization(),
        new DecoderSettings(
            decoder.backend(),
            decoder.kernel(),
            OptionalInt.of(1),
            decoder.kvCache(),
            decoder.weights()),
        settings.generation(),
        settings.timeouts(),
        settings.loading(),
        settings.compare());
  }

  private Map<LinearRole, QuantizedMatrix> sourceCodes(int layer, Parallel parallel) {
    Map<LinearRole, QuantizedMatrix> codes = new ConcurrentHashMap<>();
    if (algorithms.sourceApplies()) {
      LinearRole[] roles = LinearRole.values();
      parallel.ranges(
          roles.length,
          (from, to) -> {
            for (int i = from; i < to; i++) {
              LinearRole role = roles[i];
              checkpoint.sourceCodes(layer, role).ifPresent(code -> codes.put(role, code));
            }
          });
    }
    return codes;
  }

  /** The drafts of an artifact. A draft is opened with the first block of its variant. */
  static final class Drafts implements BlockSink {
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

    /** Returns the lm_head of the search; empty if the given one is kept. */
    Optional<TokenTable> head() {
      return head;
    }
  }
}
