package io.calm.serving.load;

import io.calm.artifact.Artifact;
import io.calm.checkpoint.ChatTemplate;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.FileCheckCache;
import io.calm.checkpoint.GenerationDefaults;
import io.calm.checkpoint.Tokenizer;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.generate.SchedulerSettings;
import io.calm.kernels.NativeHeap;
import io.calm.quantize.QuantizedModelStore;
import io.calm.search.Progress;
import io.calm.serving.model.CheckpointParts;
import io.calm.serving.model.LmiOptions;
import io.calm.serving.model.ServedModel;
import io.calm.settings.CalmSettings;
import io.calm.text.ShellWords;
import io.calm.text.Urls;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.FutureTask;
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

    /** Returns the model as an argument of {@code ./calm}, quoted for a shell. */
    String argument() {
      return ShellWords.quoted(checkpoint.toString());
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
          .get(checkpoint, progress, () -> ModelMemory.reserveSearch(checkpoint, settings))
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
          ModelMemory.estimate(checkpoint, first, true).bytes()
              + ModelMemory.estimate(checkpoint, settings, false).bytes();
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

  /** Loads a model as {@link #load(Order, Consumer, Rehearsal)} does, with no rehearsal. */
  public static ServedModel load(Order order, Consumer<Progress> progress) {
    return load(order, progress, Rehearsal.NONE);
  }

  /**
   * Loads a model from its artifact. If there is none, a search on this thread makes it first. The
   * searches of a process run one at a time.
   *
   * @param progress receives every step, on this thread; an exception that it throws ends the load
   * @param rehearsal part of the warm-up; not run if {@code calm.warm-up=false}
   * @throws io.calm.checkpoint.CheckpointException if the files cannot be used
   * @throws io.calm.quantize.QuantizeException if the model cannot be quantized
   * @throws NotEnoughMemoryException if the model, or its search, would not fit in memory
   */
  public static ServedModel load(Order order, Consumer<Progress> progress, Rehearsal rehearsal) {
    FileCheckCache answers = new QuantizedModelStore(order.settings()).answers();
    Checkpoint checkpoint = Checkpoints.open(order.checkpoint(), order.probesTokenizer(), answers);
    try {
      ServedModel model = load(order, checkpoint, progress, rehearsal);
      checkpoint.closeFiles(); // the model keeps the tokenizer
      return model;
    } catch (RuntimeException | Error e) {
      checkpoint.close();
      NativeHeap.trim(); // perhaps after a search
      throw e;
    }
  }

  private static ServedModel load(
      Order order, Checkpoint checkpoint, Consumer<Progress> progress, Rehearsal rehearsal) {
    // What can be refused at once is, before a search of minutes; the tokenizer, a third of a
    // second start, is built beside the artifact's verification.
    SchedulerSettings unused = ModelMemory.budgets(checkpoint, order.settings());
    SchedulerBudgets.loweredContext(checkpoint.spec(), order.settings())
        .ifPresent(lowered -> logger.warn("{}: {}", order.name(), lowered));
    FutureTask<Tokenizer> tokenizer = new FutureTask<>(checkpoint::tokenizer);
    Thread builder = new Thread(tokenizer, "calm-tokenizer");
    builder.setDaemon(true);
    builder.start();
    Optional<ChatTemplate> template = checkpoint.chatTemplate();
    template.ifPresent(it -> TemplateCheck.warn(order.name(), it));
    try (Artifact artifact = artifact(order, checkpoint, progress, tokenizer)) {
      NativeHeap.trim(); // a search frees much more than the model keeps
      CheckpointParts parts = parts(order, checkpoint, template, await(tokenizer));
      return new ModelStart(order, checkpoint, artifact, parts).run(rehearsal);
    }
  }

  private static CheckpointParts parts(
      Order order, Checkpoint checkpoint, Optional<ChatTemplate> template, Tokenizer tokenizer) {
    TokenizerCheck.warn(order.name(), tokenizer, checkpoint.spec().vocabulary());
    GenerationDefaults defaults = checkpoint.generationDefaults().resolved(tokenizer);
    return new CheckpointParts(checkpoint.spec(), tokenizer, template, defaults);
  }

  /** Returns the artifact; a model without a tokenizer is refused before the artifact is made. */
  private static Artifact artifact(
      Order order,
      Checkpoint checkpoint,
      Consumer<Progress> progress,
      FutureTask<Tokenizer> tokenizer) {
    CalmSettings settings = order.settings();
    return new QuantizedModelStore(settings)
        .get(
            checkpoint,
            progress,
            () -> {
              Tokenizer unused = await(tokenizer);
            },
            () -> ModelMemory.reserveSearch(checkpoint, settings));
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
      return ModelMemory.estimate(checkpoint, settings);
    }
  }

  private static Tokenizer await(FutureTask<Tokenizer> tokenizer) {
    try {
      return Results.await(tokenizer);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while the tokenizer was built", e);
    }
  }
}
