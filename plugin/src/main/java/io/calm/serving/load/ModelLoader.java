package io.calm.serving.load;

import io.calm.artifact.Artifact;
import io.calm.artifact.ArtifactLayout;
import io.calm.checkpoint.ChatTemplate;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.Checkpoints;
import io.calm.checkpoint.FileCheckCache;
import io.calm.checkpoint.Tokenizer;
import io.calm.generate.Scheduler;
import io.calm.generate.SchedulerSettings;
import io.calm.model.ModelSpec;
import io.calm.quantize.QuantizedModelStore;
import io.calm.runtime.Decoder;
import io.calm.search.Progress;
import io.calm.serving.model.LmiOptions;
import io.calm.serving.model.ServedModel;
import io.calm.settings.CalmSettings;
import io.calm.torch.Backends;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
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
   * @param url origin of the model, as the operator wrote it
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

  /** Loads the model of an order. */
  public static ServedModel load(Order order, Consumer<Progress> progress) {
    FileCheckCache answers = new QuantizedModelStore(order.settings()).answers();
    Checkpoint checkpoint = Checkpoints.open(order.checkpoint(), order.probesTokenizer(), answers);
    try {
      return load(order, checkpoint, progress);
    } catch (RuntimeException | Error e) {
      checkpoint.close();
      throw e;
    }
  }

  private static ServedModel load(Order order, Checkpoint checkpoint, Consumer<Progress> progress) {
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
      return served(order, checkpoint, artifact, template, await(tokenizer));
    }
  }

  private static Scheduler start(String name, Decoder decoder, SchedulerSettings budgets) {
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
      Tokenizer tokenizer) {
    CalmSettings settings = order.settings();
    SchedulerSettings budgets =
        budgets(checkpoint.spec(), settings, new QuantizedModelStore(settings).layout(checkpoint));
    TokenizerCheck.warn(order.name(), tokenizer, checkpoint.spec().vocabulary());
    MemoryEstimate estimate = memory(checkpoint, settings, true);
    try (MemoryLedger.MemoryReservation reservation = reserve(settings, estimate)) {
      // Holds a lease: mapped files are closed with the decoder, which the scheduler closes.
      Decoder decoder =
          Backends.open(
              artifact.model(),
              settings.decoder().forDecoder(),
              budgets.blocks(),
              budgets.largestStep());
      Scheduler scheduler = start(order.name(), decoder, budgets);
      reservation.keep(scheduler, estimate.bytes());
      logger.debug("{}: {} MiB of memory: {}", order.name(), estimate.mebibytes(), estimate);
      return new ServedModel(
          order.name(),
          order.url(),
          checkpoint.spec(),
          tokenizer,
          template,
          checkpoint.generationDefaults().resolved(tokenizer),
          scheduler,
          Optional.of(artifact.plan()),
          limits(settings),
          order.lmi(),
          Instant.now(),
          Optional.of(new ServedModel.StoredArtifact(artifact.sizeInBytes(), artifact.created())));
    }
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

  private static MemoryEstimate memory(
      Checkpoint checkpoint, CalmSettings settings, boolean quantized) {
    QuantizedModelStore store = new QuantizedModelStore(settings);
    ModelSpec spec = checkpoint.spec();
    ArtifactLayout layout = store.layout(checkpoint);
    SchedulerSettings budgets = budgets(spec, settings, layout);
    return !quantized && store.isSourceAlone(checkpoint)
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

  private static MemoryLedger.MemoryReservation reserve(
      CalmSettings settings, MemoryEstimate estimate) {
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
