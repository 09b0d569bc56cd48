package io.calm.serving.load;

import io.calm.artifact.Artifact;
import io.calm.checkpoint.ChatTemplate;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.Checkpoints;
import io.calm.checkpoint.FileAnswers;
import io.calm.checkpoint.Tokenizer;
import io.calm.generate.Scheduler;
import io.calm.generate.SchedulerSettings;
import io.calm.model.ModelSpec;
import io.calm.quantize.NotEnoughMemoryException;
import io.calm.quantize.QuantizedModelStore;
import io.calm.quantize.SearchTurn;
import io.calm.runtime.Decoder;
import io.calm.runtime.Decoders;
import io.calm.search.SearchProgress;
import io.calm.serving.model.LmiOptions;
import io.calm.serving.model.ServedModel;
import io.calm.settings.CalmSettings;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Makes a model that answers requests of a model's files. */
public final class ModelLoader {
  private static final Logger logger = LoggerFactory.getLogger(ModelLoader.class);

  private ModelLoader() {}

  /**
   * What is to be loaded.
   *
   * @param name as in URLs
   * @param url where it came from, as the operator wrote it
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
      return switch (settings.tokenizerProbe()) {
        case AUTO -> registered;
        case ON -> true;
        case OFF -> false;
      };
    }
  }

  /** Loads models; {@link ModelLoader#load(Order, Consumer)} is the one. */
  @FunctionalInterface
  public interface Loader {
    /** Loads a model on this thread; takes as long as its search. */
    ServedModel load(Order order, Consumer<SearchProgress> progress);
  }

  /**
   * Loads a model: its artifact where there is one, else after a search on this thread. Searches of
   * a process take turns.
   *
   * @param name as in URLs
   * @param url where it came from, as the operator wrote it
   * @param model a Hugging Face directory or a .gguf file
   * @param progress told of every step, on this thread; what it throws ends the load
   * @throws io.calm.checkpoint.CheckpointException if the files cannot be used
   * @throws io.calm.artifact.ArtifactException if the cache cannot be written
   * @throws io.calm.search.SearchException if no algorithm can quantize the model
   * @throws NotEnoughMemoryException if the model, or its search, would not fit
   */
  public static ServedModel load(
      String name,
      String url,
      Path model,
      CalmSettings settings,
      LmiOptions lmi,
      Consumer<SearchProgress> progress) {
    return load(new Order(name, url, model, settings, lmi, false), progress);
  }

  /** The same of an order. */
  public static ServedModel load(Order order, Consumer<SearchProgress> progress) {
    FileAnswers answers = new QuantizedModelStore(order.settings()).answers();
    Checkpoint checkpoint = Checkpoints.open(order.checkpoint(), order.probesTokenizer(), answers);
    try {
      return load(order, checkpoint, progress);
    } catch (RuntimeException | Error e) {
      checkpoint.close();
      throw e;
    }
  }

  private static ServedModel load(
      Order order, Checkpoint checkpoint, Consumer<SearchProgress> progress) {
    // What can be refused at once is, before a search of minutes; the tokenizer, a third of a
    // second start, is built beside the artifact's verification.
    CalmSettings settings = order.settings();
    budgets(checkpoint.spec(), settings);
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
    SchedulerSettings budgets = budgets(checkpoint.spec(), settings);
    TokenizerCheck.warn(order.name(), tokenizer, checkpoint.spec().vocabulary());
    MemoryEstimate estimate = MemoryEstimate.of(checkpoint.spec(), settings, budgets, true);
    try (MemoryLedger.Claim claim = claim(settings, estimate)) {
      // Holds a lease: what is mapped goes with the decoder, which the scheduler closes.
      Decoder decoder =
          Decoders.open(
              artifact.model(), settings.decoder(), budgets.blocks(), budgets.largestStep());
      Scheduler scheduler = start(order.name(), decoder, budgets);
      claim.keep(scheduler, estimate.bytes());
      logger.info("{}: {} MiB of memory: {}", order.name(), estimate.mebibytes(), estimate);
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
          Instant.now());
    }
  }

  @SuppressWarnings("try") // the turn and the claim are held, not used
  private static Artifact artifact(
      Order order, Checkpoint checkpoint, Consumer<SearchProgress> progress) {
    CalmSettings settings = order.settings();
    QuantizedModelStore store = new QuantizedModelStore(settings);
    progress.accept(SearchProgress.phase("opening", 0));
    Optional<Artifact> found = store.find(checkpoint);
    if (found.isPresent()) {
      return found.get();
    }
    try (SearchTurn turn = SearchTurn.take(progress);
        MemoryLedger.Claim claim =
            claim(
                settings,
                MemoryEstimate.of(
                    checkpoint.spec(), settings, budgets(checkpoint.spec(), settings), false))) {
      return store.get(checkpoint, progress);
    }
  }

  /**
   * Estimates the memory of a model, with the search where there is no artifact yet. Reads the
   * checkpoint's header alone.
   *
   * @throws io.calm.checkpoint.CheckpointException if the files cannot be used
   */
  public static MemoryEstimate estimate(Path model, CalmSettings settings) {
    FileAnswers answers = new QuantizedModelStore(settings).answers();
    try (Checkpoint checkpoint = Checkpoints.open(model, false, answers)) {
      return MemoryEstimate.of(
          checkpoint.spec(),
          settings,
          budgets(checkpoint.spec(), settings),
          isQuantized(checkpoint, settings));
    }
  }

  private static boolean isQuantized(Checkpoint checkpoint, CalmSettings settings) {
    Optional<Artifact> found = new QuantizedModelStore(settings).find(checkpoint);
    found.ifPresent(Artifact::close);
    return found.isPresent();
  }

  private static SchedulerSettings budgets(ModelSpec spec, CalmSettings settings) {
    return Budgets.of(spec, settings, MemoryLedger.PROCESS.room().available());
  }

  private static MemoryLedger.Claim claim(CalmSettings settings, MemoryEstimate estimate) {
    return settings.memoryCheck()
        ? MemoryLedger.PROCESS.claim(estimate)
        : MemoryLedger.PROCESS.claimUnchecked(estimate);
  }

  private static ServedModel.Limits limits(CalmSettings settings) {
    return new ServedModel.Limits(
        settings.defaultMaxTokens(),
        settings.requestTimeout(),
        settings.slowReaderTimeout(),
        settings.drainTimeout());
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
