package io.calm.quantize;

import ai.djl.engine.EngineException;
import io.calm.artifact.Artifact;
import io.calm.artifact.ArtifactException;
import io.calm.artifact.ArtifactKey;
import io.calm.artifact.ArtifactLayout;
import io.calm.artifact.ArtifactStore;
import io.calm.artifact.ArtifactWriter;
import io.calm.artifact.FileDigests;
import io.calm.artifact.LookupCounts;
import io.calm.calibration.CalibrationText;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.FileCheckCache;
import io.calm.quant.QuantizationException;
import io.calm.quantize.QuantizeException.Kind;
import io.calm.search.Progress;
import io.calm.search.Search;
import io.calm.search.SearchException;
import io.calm.search.SensitivityTable;
import io.calm.settings.BaselineChoice;
import io.calm.settings.CalmSettings;
import io.calm.settings.PlanSettings;
import io.calm.tensor.TableFormat;
import io.calm.torch.EngineFailures;
import io.calm.torch.EngineMissingException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds the quantized model of a checkpoint and its settings, or makes it.
 *
 * <p>A finished artifact is only opened and verified. Otherwise the search runs on the calling
 * thread, which loads PyTorch if an algorithm needs it. Every failure is a {@link
 * QuantizeException}, but for a {@link io.calm.checkpoint.CheckpointException} of the checkpoint
 * and what the progress listener throws.
 */
public final class QuantizedModelStore {
  private static final Logger logger = LoggerFactory.getLogger(QuantizedModelStore.class);

  /** Raised whenever the same settings give another result than before. */
  static final int RECIPE = 27;

  private final CalmSettings settings;
  private final ArtifactStore store;
  private final FileDigests digests;
  private final boolean background;

  public QuantizedModelStore(CalmSettings settings) {
    this(settings, false);
  }

  /**
   * @param background whether a search leaves the workers of the decoders to the models that answer
   *     requests meanwhile; the result is the same
   */
  public QuantizedModelStore(CalmSettings settings, boolean background) {
    this.background = background;
    this.settings = settings;
    this.store = new ArtifactStore(settings.loading().cacheDir());
    this.digests = new FileDigests(settings.loading().cacheDir());
  }

  /** Returns the finished artifact; empty if there is none, or if it is damaged. */
  public Optional<Artifact> find(Checkpoint checkpoint) {
    return failing(() -> store.findFinished(openedKey(checkpoint)));
  }

  /** Returns whether there is an artifact, which may be damaged. */
  public boolean isPublished(Checkpoint checkpoint) {
    return failing(() -> store.isPublished(key(checkpoint)));
  }

  /** Returns the maximum number of inputs that share a scale, with {@code auto} resolved. */
  public int group(Checkpoint checkpoint) {
    return AlgorithmPool.group(checkpoint, settings);
  }

  /** Returns whether a search runs in this process, which takes all processors. */
  public static boolean isSearching() {
    return SearchTurn.isTaken();
  }

  /**
   * Returns whether {@link #get} would search: nothing is published, and the settings ask for more
   * than a plan from weights alone. A published artifact counts even if it is damaged.
   */
  public boolean needsSearch(Checkpoint checkpoint) {
    return !isWeightsOnly(checkpoint) && !isPublished(checkpoint);
  }

  /**
   * Returns whether the model is quantized from its weights alone, in seconds: without a search,
   * calibration and PyTorch.
   */
  public boolean isWeightsOnly(Checkpoint checkpoint) {
    return failing(() -> new AlgorithmPool(checkpoint, settings).isWeightsOnly());
  }

  /** Memory that is reserved for a search until it is closed. */
  public interface Reservation extends AutoCloseable {
    @Override
    void close();
  }

  /** Returns the artifact as {@link #get(Checkpoint, Consumer, Runnable, Supplier)} does. */
  public Artifact get(Checkpoint checkpoint, Consumer<Progress> progress) {
    return get(checkpoint, progress, () -> () -> {});
  }

  /** Returns the artifact likewise, without a check. */
  public Artifact get(
      Checkpoint checkpoint, Consumer<Progress> progress, Supplier<? extends Reservation> memory) {
    return get(checkpoint, progress, () -> {}, memory);
  }

  /**
   * Returns the artifact and makes it first if there is none. One search of a process runs at a
   * time.
   *
   * @param progress receives every step on this thread; an exception that it throws ends the search
   * @param check called if there is no artifact, before anything is written; an exception that it
   *     throws is this method's
   * @param memory reserves the memory of a search; called when it is this search's turn
   * @throws QuantizeException if there is no artifact and none can be made
   */
  public Artifact get(
      Checkpoint checkpoint,
      Consumer<Progress> progress,
      Runnable check,
      Supplier<? extends Reservation> memory) {
    progress.accept(new Progress.Step(Progress.Kind.OPENING));
    return failing(
        () -> {
          requireBaseline(checkpoint);
          ArtifactKey key = openedKey(checkpoint);
          Optional<Artifact> found = store.find(key);
          if (found.isPresent()) {
            LookupCounts.PROCESS.count(LookupCounts.Outcome.HIT);
            return found.get();
          }
          check.run();
          ArtifactLayout layout = layout(checkpoint);
          return new ArtifactMaking(store, progress, memory)
              .make(
                  new ArtifactMaking.Order(
                      key,
                      () -> store.begin(key, checkpoint.spec(), layout, drafts(checkpoint)),
                      writer -> search(checkpoint, key, layout, writer, progress)),
                  !isWeightsOnly(checkpoint));
        });
  }

  /** Refuses a {@code calm.baseline} that cannot be made. */
  private void requireBaseline(Checkpoint checkpoint) {
    if (settings.loading().baseline() instanceof BaselineChoice.Named named) {
      new AlgorithmPool(checkpoint, settings).baseline(named.algorithm());
    }
  }

  /**
   * Returns the uniform plan that {@code calm.baseline} selects for a served artifact.
   *
   * @param served an artifact of these settings, and of this checkpoint as it was loaded; may be
   *     closed
   */
  public Baseline baseline(Checkpoint checkpoint, Artifact served) {
    return failing(
        () -> {
          requireBaseline(checkpoint);
          Baseline selected = Baseline.select(settings.loading().baseline(), served.plan());
          return selected instanceof Baseline.Uniform uniform && !uniform.identical()
              ? uniform.stored(
                  store.isPublished(UniformTwin.key(served.key(), uniform.algorithm())))
              : selected;
        });
  }

  /**
   * Opens the uniform twin of a served artifact and makes it first if it is missing or damaged,
   * when it is this search's turn. A twin with the served blocks is the served artifact, opened a
   * second time.
   *
   * @param served an artifact of this checkpoint and these settings; may be closed
   * @param progress receives every step on this thread; an exception that it throws ends the work
   * @param memory reserves the memory of a search; called if the twin has to be made
   * @return the twin, which the caller closes
   * @throws QuantizeException if there is no twin and none can be made
   */
  public Artifact openTwin(
      Checkpoint checkpoint,
      Artifact served,
      Consumer<Progress> progress,
      Supplier<? extends Reservation> memory) {
    Baseline selected = baseline(checkpoint, served);
    if (!(selected instanceof Baseline.Uniform uniform)) {
      throw new QuantizeException(
          Kind.INVALID, "there is no uniform plan to compare with: " + selected.reason());
    }
    return failing(
        () -> {
          ArtifactKey key =
              uniform.identical()
                  ? served.key()
                  : UniformTwin.key(served.key(), uniform.algorithm());
          Optional<Artifact> found =
              uniform.identical() ? store.findFinished(key) : store.find(key);
          if (found.isPresent()) {
            return found.get();
          }
          if (uniform.identical()) {
            throw new ArtifactException(
                "%s: the artifact is missing or damaged; load the model again, which makes it again"
                    .formatted(served.directory()));
          }
          if (!openedKey(checkpoint).equals(served.key())) {
            throw new ArtifactException(
                "%s: the model's files or its calibration text are not those that it was made from; load the model again"
                    .formatted(served.directory()));
          }
          return new ArtifactMaking(store, progress, memory)
              .make(
                  new ArtifactMaking.Order(
                      key,
                      () -> store.begin(key, checkpoint.spec(), layout(checkpoint), 1),
                      writer -> twin(checkpoint, key, uniform, served, writer, progress)),
                  true);
        });
  }

  private Artifact twin(
      Checkpoint checkpoint,
      ArtifactKey key,
      Baseline.Uniform uniform,
      Artifact served,
      ArtifactWriter writer,
      Consumer<Progress> progress) {
    logger.info("no stored {} to compare with: quantizing it now", uniform.variant());
    return new Quantization(checkpoint, key, settings, progress, background)
        .twin(writer, uniform, served);
  }

  private Artifact search(
      Checkpoint checkpoint,
      ArtifactKey key,
      ArtifactLayout layout,
      ArtifactWriter writer,
      Consumer<Progress> progress) {
    logger.info("no finished artifact for this model and these settings: quantizing it now");
    PhaseClock clock = new PhaseClock(progress, System::nanoTime);
    Artifact artifact =
        new Quantization(checkpoint, key, settings, clock, background)
            .run(
                writer,
                new UniformTwin.Place(
                    store, settings.loading().baseline(), key, checkpoint.spec(), layout));
    clock.phases().keep(settings.loading().cacheDir(), key);
    return artifact;
  }

  /** Runs {@code work} and translates the failures of the packages below. */
  static <T> T failing(Supplier<T> work) {
    try {
      return work.get();
    } catch (ArtifactException e) {
      throw new QuantizeException(Kind.STORAGE, message(e), e);
    } catch (EngineMissingException e) {
      throw new QuantizeException(Kind.ENGINE_MISSING, message(e), e);
    } catch (EngineException e) {
      throw new QuantizeException(
          EngineFailures.isOutOfMemory(e) ? Kind.NOT_ENOUGH_MEMORY : Kind.ENGINE_MISSING,
          "the PyTorch engine failed during the search (%s); %s"
              .formatted(EngineFailures.reason(e), remedy(e)),
          e);
    } catch (SearchException | QuantizationException | IllegalArgumentException e) {
      throw new QuantizeException(Kind.INVALID, message(e), e);
    }
  }

  private static String remedy(EngineException e) {
    if (EngineFailures.isOfCuda(e)) {
      return "free memory of the CUDA device, or set CUDA_VISIBLE_DEVICES= to search on the CPU";
    }
    return EngineFailures.isOutOfMemory(e)
        ? "free memory, or set calm.search.effort=fast or a lower calm.calibration.samples"
        : "check the version of the engine and its library, or start from a finished artifact";
  }

  private static String message(RuntimeException failure) {
    return String.valueOf(failure.getMessage());
  }

  /**
   * Returns the sizes of the artifact before it exists. If the search chooses between formats of
   * the lm_head, it is the larger one.
   */
  public ArtifactLayout layout(Checkpoint checkpoint) {
    boolean tied = checkpoint.spec().tiedEmbeddings();
    Optional<TableFormat> format = settings.quantization().lmHead();
    TableFormat embeddings =
        format.filter(given -> given != TableFormat.INT4).orElse(TableFormat.INT8);
    boolean sourceAlone = AlgorithmPool.isSourceAlone(checkpoint, settings);
    TableFormat automatic = tied && !sourceAlone ? TableFormat.INT4 : TableFormat.INT8;
    TableFormat head = format.orElse(automatic);
    boolean shared = tied && head == embeddings;
    return new ArtifactLayout(
        AlgorithmPool.group(checkpoint, settings),
        embeddings,
        shared ? Optional.empty() : Optional.of(head));
  }

  /** Returns the maximum number of plans that a search makes. */
  private int drafts(Checkpoint checkpoint) {
    PlanSettings plan = settings.quantization().plan();
    boolean guarded =
        plan.algorithm().isEmpty()
            && plan.guard()
            && !AlgorithmPool.isSourceAlone(checkpoint, settings);
    return guarded ? 1 + Search.MAX_UNIFORM_PLANS : 1;
  }

  /**
   * Measures the impact of every algorithm of the pool on blocks, each alone. Finished cells are
   * kept in the cache and not measured again.
   *
   * @param progress receives every step on this thread; an exception that it throws ends the run,
   *     which then continues after its last finished cell
   * @throws QuantizeException if the table cannot be made
   */
  public SensitivityTable sensitivity(
      Checkpoint checkpoint, SensitivityRequest request, Consumer<Progress> progress) {
    return failing(
        () ->
            new SensitivityRun(checkpoint, () -> openedKey(checkpoint), settings, progress)
                .run(request));
  }

  /** Returns the key of the artifact that these settings make. Reads the model's files once. */
  public ArtifactKey key(Checkpoint checkpoint) {
    String calibration =
        settings.quantization().calibration().file().map(this::digest).orElse("self");
    return new ArtifactKey(
        ofFiles(() -> digests.sha256(checkpoint.files())),
        "recipe=" + RECIPE + "\n" + settings.quantization().resultKey(),
        calibration);
  }

  /** Returns the key of the files that were opened; none may have been replaced since. */
  private ArtifactKey openedKey(Checkpoint checkpoint) {
    ArtifactKey key = key(checkpoint);
    checkpoint.requireUnchanged();
    return key;
  }

  private String digest(Path file) {
    CalibrationText.requireRegular(file);
    try {
      return digests.sha256(file);
    } catch (ArtifactException e) {
      throw new CheckpointException("calm.calibration: " + e.getMessage(), e);
    }
  }

  /** Returns the answers about model files that the cache remembers. */
  public FileCheckCache answers() {
    return (question, files, compute) -> ofFiles(() -> digests.answer(question, files, compute));
  }

  /** Reads files of the model; that they change or vanish is no fault of the cache. */
  private static <T> T ofFiles(Supplier<T> read) {
    try {
      return read.get();
    } catch (ArtifactException e) {
      throw new CheckpointException(String.valueOf(e.getMessage()), e);
    }
  }
}
