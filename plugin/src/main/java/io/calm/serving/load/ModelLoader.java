package io.calm.serving.load;

import io.calm.artifact.Artifact;
import io.calm.artifact.ArtifactLayout;
import io.calm.checkpoint.ChatTemplate;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.Checkpoints;
import io.calm.checkpoint.FileCheckCache;
import io.calm.checkpoint.GenerationDefaults;
import io.calm.checkpoint.Tokenizer;
import io.calm.compare.Comparison;
import io.calm.compare.ProbeStore;
import io.calm.generate.Scheduler;
import io.calm.generate.SchedulerSettings;
import io.calm.kernels.MachineInfo;
import io.calm.kernels.NativeKernels;
import io.calm.model.ModelSpec;
import io.calm.model.QuantizedModel;
import io.calm.quantize.QuantizedModelStore;
import io.calm.report.ReportSource;
import io.calm.runtime.Decoder;
import io.calm.runtime.Decoders;
import io.calm.search.Progress;
import io.calm.serving.model.LmiOptions;
import io.calm.serving.model.ServedModel;
import io.calm.settings.CalmSettings;
import io.calm.settings.WeightMemory;
import io.calm.text.Urls;
import io.calm.torch.Backends;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Loads a model from its checkpoint files and returns it ready to serve. */
public final class ModelLoader {
  private static final Logger logger = LoggerFactory.getLogger(ModelLoader.class);

  private ModelLoader() {}

  /**
   * The order to load a model.
   *
   * @param name name in URLs
   * @param url origin of the model, as the operator wrote it, without user, password and query
   * @param checkpoint a Hugging Face directory or a .gguf file
   * @param registered whether a client of the running server asked for it, not the command line
   */
  public record Order(
      String name,
      String url,
      Path checkpoint,
      CalmSettings settings,
      LmiOptions lmi,
      boolean registered) {
    public Order {
      url = Urls.withoutSecrets(url);
    }

    /** Returns whether a child process opens the tokenizer first. */
    boolean probesTokenizer() {
      return switch (settings.loading().tokenizerProbe()) {
        case AUTO -> registered;
        case ON -> true;
        case OFF -> false;
      };
    }
  }

  /**
   * A function that loads models. {@link ModelLoader#load(Order, Consumer)} is its implementation.
   */
  @FunctionalInterface
  public interface Loader {
    /** Loads a model on this thread, which may include a search. */
    ServedModel load(Order order, Consumer<Progress> progress);

    /** Makes the artifact of a model on this thread, beside models that answer requests. */
    default void search(Order order, Consumer<Progress> progress) {
      ModelLoader.search(order, progress);
    }
  }

  /**
   * Makes the artifact of a model on this thread if there is none, and does not load it.
   *
   * @param progress receives every step, on this thread; an exception that it throws ends the
   *     search
   */
  static void search(Order order, Consumer<Progress> progress) {
    CalmSettings settings = order.settings();
    QuantizedModelStore store = new QuantizedModelStore(settings, true);
    try (Checkpoint checkpoint =
        Checkpoints.open(order.checkpoint(), order.probesTokenizer(), store.answers())) {
      store
          .get(checkpoint, progress, () -> reserve(settings, memory(checkpoint, settings, false)))
          .close();
    }
  }

  /**
   * Returns whether a model needs a search that fits in memory beside a model that answers
   * meanwhile. Logs a warning if only the memory is missing.
   *
   * @param first settings of the model that answers meanwhile
   */
  static boolean searchesBeside(Order order, CalmSettings first) {
    CalmSettings settings = order.settings();
    QuantizedModelStore store = new QuantizedModelStore(settings);
    try (Checkpoint checkpoint = Checkpoints.open(order.checkpoint(), false, store.answers())) {
      if (!store.needsSearch(checkpoint)) {
        return false;
      }
      long needed =
          memory(checkpoint, first, true).bytes() + memory(checkpoint, settings, false).bytes();
      long available = MemoryLedger.PROCESS.room().available();
      boolean fits = !settings.loading().memoryCheck() || needed <= available;
      if (!fits) {
        logger.warn(
            "{}: calm.warm-start=rtn has no effect: a search beside a model that answers needs {}"
                + " MiB of memory, {} MiB are available; the model is ready after the search; to"
                + " serve at once, lower calm.kv-budget-mb or calm.calibration.samples, or give the"
                + " process more memory",
            order.name(),
            needed >> 20,
            Math.max(0, available) >> 20);
      }
      return fits;
    }
  }

  /**
   * Loads a model from its artifact. If there is none, a search on this thread makes it first. The
   * searches of a process run one at a time.
   *
   * @param name name in URLs
   * @param url origin of the model, as the operator wrote it
   * @param model a Hugging Face directory or a .gguf file
   * @param progress receives every step, on this thread; an exception that it throws ends the load
   * @throws io.calm.checkpoint.CheckpointException if the files cannot be used
   * @throws io.calm.quantize.QuantizeException if the model cannot be quantized
   * @throws NotEnoughMemoryException if the model, or its search, would not fit in memory
   */
  public static ServedModel load(
      String name,
      String url,
      Path model,
      CalmSettings settings,
      LmiOptions lmi,
      Consumer<Progress> progress) {
    return load(new Order(name, url, model, settings, lmi, false), progress);
  }

  /** Loads the model of an order, with no rehearsal. */
  public static ServedModel load(Order order, Consumer<Progress> progress) {
    return load(order, progress, Rehearsal.NONE);
  }

  /**
   * Loads the model of an order.
   *
   * @param rehearsal part of the warm-up; not run if {@code calm.warm-up=false}
   */
  public static ServedModel load(Order order, Consumer<Progress> progress, Rehearsal rehearsal) {
    FileCheckCache answers = new QuantizedModelStore(order.settings()).answers();
    Checkpoint checkpoint = Checkpoints.open(order.checkpoint(), order.probesTokenizer(), answers);
    try {
      return load(order, checkpoint, progress, rehearsal);
    } catch (RuntimeException | Error e) {
      checkpoint.close();
      throw e;
    }
  }

  private static ServedModel load(
      Order order, Checkpoint checkpoint, Consumer<Progress> progress, Rehearsal rehearsal) {
    // What can be refused at once is, before a search of minutes; the tokenizer, a third of a
    // second start, is built beside the artifact's verification.
    CalmSettings settings = order.settings();
    budgets(checkpoint.spec(), settings, new QuantizedModelStore(settings).layout(checkpoint));
    FutureTask<Tokenizer> tokenizer = new FutureTask<>(checkpoint::tokenizer);
    Thread builder = new Thread(tokenizer, "calm-tokenizer");
    builder.setDaemon(true);
    builder.start();
    Optional<ChatTemplate> template = checkpoint.chatTemplate();
    try (Artifact artifact = artifact(order, checkpoint, progress)) {
      NativeKernels.trimHeap(); // a search frees much more than the model keeps
      return served(order, checkpoint, artifact, template, await(tokenizer), rehearsal);
    }
  }

  static Scheduler start(String name, Decoder decoder, SchedulerSettings budgets) {
    try {
      return Scheduler.start(name, decoder, budgets, System::nanoTime);
    } catch (RuntimeException | Error e) { // e.g. no thread: nothing else would close the decoder
      decoder.close();
      throw e;
    }
  }

  private static ServedModel served(
      Order order,
      Checkpoint checkpoint,
      Artifact artifact,
      Optional<ChatTemplate> template,
      Tokenizer tokenizer,
      Rehearsal rehearsal) {
    CalmSettings settings = order.settings();
    SchedulerSettings budgets =
        budgets(checkpoint.spec(), settings, new QuantizedModelStore(settings).layout(checkpoint));
    TokenizerCheck.warn(order.name(), tokenizer, checkpoint.spec().vocabulary());
    MemoryEstimate estimate = memory(checkpoint, settings, true);
    try (MemoryLedger.MemoryReservation reservation = reserve(settings, estimate)) {
      // Holds a lease: mapped files are closed with the decoder, which the scheduler closes.
      WeightMemory weights = ServedWeights.choose(settings, MemoryLedger.PROCESS.hasRoom());
      Decoder decoder = decoder(weights, artifact.model(), settings, budgets);
      try {
        reservation.allocated(copied(weights, checkpoint, order));
        // All but the scheduler comes before the warm-up: what the compiler of the JVM has to do
        // after it would delay the first request.
        GenerationDefaults defaults = checkpoint.generationDefaults().resolved(tokenizer);
        ReportSource report = ReportSource.of(order.name(), order.url(), settings, artifact);
        Comparison comparison = comparison(order, checkpoint, artifact, budgets, weights);
        if (settings.loading().warmUp()) {
          BiConsumer<Scheduler, Duration> requests =
              (scheduler, limit) ->
                  rehearsal.run(
                      view(
                          order,
                          checkpoint,
                          artifact,
                          template,
                          tokenizer,
                          defaults,
                          scheduler,
                          limit),
                      limit);
          WarmUp.run(
              order.name(), decoder, budgets, tokenizer, template, requests, System::nanoTime);
        }
        Scheduler scheduler = start(order.name(), decoder, budgets);
        reservation.keep(scheduler);
        logger.debug("{}: {} MiB of memory: {}", order.name(), estimate.mebibytes(), estimate);
        return new ServedModel(
            order.name(),
            order.url(),
            checkpoint.spec(),
            tokenizer,
            template,
            defaults,
            scheduler,
            Optional.of(artifact.plan()),
            Optional.of(report),
            limits(settings),
            order.lmi(),
            Instant.now(),
            comparison.begin(
                () -> Comparison.isBusy(scheduler) || QuantizedModelStore.isSearching()),
            Optional.of(
                new ServedModel.StoredArtifact(artifact.sizeInBytes(), artifact.created())));
      } catch (RuntimeException | Error e) {
        decoder.close(); // with its copies and the lease of the artifact
        throw e;
      }
    }
  }

  /** Returns a model for the rehearsal, which has no report and no uniform twin. */
  private static ServedModel view(
      Order order,
      Checkpoint checkpoint,
      Artifact artifact,
      Optional<ChatTemplate> template,
      Tokenizer tokenizer,
      GenerationDefaults defaults,
      Scheduler scheduler,
      Duration requestTimeout) {
    ServedModel.Limits limits = limits(order.settings());
    return new ServedModel(
        order.name(),
        order.url(),
        checkpoint.spec(),
        tokenizer,
        template,
        defaults,
        scheduler,
        Optional.of(artifact.plan()),
        new ServedModel.Limits(
            limits.defaultMaxTokens(),
            Optional.of(requestTimeout),
            limits.slowReaderTimeout(),
            limits.drainTimeout()),
        order.lmi(),
        Instant.now());
  }

  /** Returns the size of a decoder's copies of the weights, which the system counts as used. */
  static long copied(WeightMemory memory, Checkpoint checkpoint, Order order) {
    return memory == WeightMemory.COPIED
        ? new QuantizedModelStore(order.settings()).layout(checkpoint).modelBytes(checkpoint.spec())
        : 0;
  }

  /**
   * Opens a decoder. It holds a lease of the weights, so their memory is freed when it is closed.
   */
  static Decoder decoder(
      WeightMemory memory,
      QuantizedModel mapped,
      CalmSettings settings,
      SchedulerSettings budgets) {
    QuantizedModel model = ServedWeights.in(memory, mapped);
    try {
      return Backends.open(
          model, settings.decoder().forDecoder(), budgets.blocks(), budgets.largestStep());
    } finally {
      model.lifetime().close();
    }
  }

  private static Comparison comparison(
      Order order,
      Checkpoint checkpoint,
      Artifact artifact,
      SchedulerSettings budgets,
      WeightMemory weights) {
    CalmSettings settings = order.settings();
    ModelTwin twin = new ModelTwin(order, artifact, budgets, weights);
    return Comparison.prepare(
        new Comparison.Subject(
            order.name(),
            artifact.plan().served(),
            artifact.key().id(),
            Optional.of(MachineInfo.of(kernel(settings))),
            settings.decoder().threadCount(),
            weights.name().toLowerCase(Locale.ROOT)),
        Comparison.Options.serving(settings.compare().probe(), settings.compare().share()),
        twin,
        () -> twin.describe(checkpoint),
        Optional.of(new ProbeStore(settings.loading().cacheDir())));
  }

  private static String kernel(CalmSettings settings) {
    return Backends.isTorch(settings.decoder().forDecoder())
        ? "pytorch"
        : Decoders.chosen(settings.decoder().forDecoder().kernel());
  }

  private static Artifact artifact(
      Order order, Checkpoint checkpoint, Consumer<Progress> progress) {
    CalmSettings settings = order.settings();
    return new QuantizedModelStore(settings)
        .get(checkpoint, progress, () -> reserve(settings, memory(checkpoint, settings, false)));
  }

  /**
   * Estimates the memory of a model, including the search if there is no artifact yet. Reads only
   * the header of the checkpoint.
   *
   * @throws io.calm.checkpoint.CheckpointException if the files cannot be used
   */
  public static MemoryEstimate estimate(Path model, CalmSettings settings) {
    FileCheckCache answers = new QuantizedModelStore(settings).answers();
    try (Checkpoint checkpoint = Checkpoints.open(model, false, answers)) {
      return memory(checkpoint, settings, isQuantized(checkpoint, settings));
    }
  }

  static MemoryEstimate memory(Checkpoint checkpoint, CalmSettings settings, boolean quantized) {
    QuantizedModelStore store = new QuantizedModelStore(settings);
    ModelSpec spec = checkpoint.spec();
    ArtifactLayout layout = store.layout(checkpoint);
    SchedulerSettings budgets = budgets(spec, settings, layout);
    return !quantized && store.isWeightsOnly(checkpoint)
        ? MemoryEstimate.ofWeightsAlone(spec, layout, settings, budgets)
        : MemoryEstimate.of(spec, layout, settings, budgets, quantized);
  }

  private static boolean isQuantized(Checkpoint checkpoint, CalmSettings settings) {
    Optional<Artifact> found = new QuantizedModelStore(settings).find(checkpoint);
    found.ifPresent(Artifact::close);
    return found.isPresent();
  }

  private static SchedulerSettings budgets(
      ModelSpec spec, CalmSettings settings, ArtifactLayout layout) {
    return SchedulerBudgets.of(
        spec,
        settings,
        MemoryLedger.PROCESS.room().available(),
        Backends.deviceBytes(settings.decoder().forDecoder(), layout.modelBytes(spec)));
  }

  static MemoryLedger.MemoryReservation reserve(CalmSettings settings, MemoryEstimate estimate) {
    return settings.loading().memoryCheck()
        ? MemoryLedger.PROCESS.reserve(estimate)
        : MemoryLedger.PROCESS.reserveUnchecked(estimate);
  }

  private static ServedModel.Limits limits(CalmSettings settings) {
    return new ServedModel.Limits(
        settings.generation().defaultMaxTokens(),
        settings.timeouts().request(),
        settings.timeouts().slowReader(),
        settings.timeouts().drain());
  }

  private static Tokenizer await(FutureTask<Tokenizer> tokenizer) {
    try {
      return tokenizer.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while the tokenizer was built", e);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RuntimeException cause) {
        throw cause;
      }
      throw new IllegalStateException(e.getCause());
    }
  }
}
